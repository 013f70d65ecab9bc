"""Fixtures for tests that need a ROS graph."""

from harness import graph  # noqa: F401
