"""Lenses, transforms and rigs. Knows nothing of ROS."""
