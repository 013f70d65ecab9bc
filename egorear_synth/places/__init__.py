"""Rooms and outdoor grounds: geometry, textures, light and sky."""
