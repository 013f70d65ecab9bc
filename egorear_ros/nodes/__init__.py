"""ROS nodes: subscribe, call, publish."""
