"""A browser window on recordings, data sets and live rigs, drawn by Rerun. Knows no ROS."""
