"""The only translators between ROS and the rest: parameters, messages, quality of service, logging."""
