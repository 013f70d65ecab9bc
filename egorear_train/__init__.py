"""Offline training: data sets, losses and schedules of the published three stages. No ROS."""
