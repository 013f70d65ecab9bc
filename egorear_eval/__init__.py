"""Evaluation without ROS: recordings in, metrics and tables out."""
