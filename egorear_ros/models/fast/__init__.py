"""Trained networks rewritten for inference: the same function at a fraction of the cost."""
