"""Recordings: rosbag2 folders and their MCAP and sqlite3 files, read and written without ROS."""
