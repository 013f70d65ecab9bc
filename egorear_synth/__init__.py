"""Synthetic wearers of head-mounted rigs: body, motion and pictures through real lenses."""
