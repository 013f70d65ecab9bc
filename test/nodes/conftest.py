"""Fixtures for tests that need a ROS graph."""

from harness import graph  # noqa: F401
from pose_graph import tiny  # noqa: F401
