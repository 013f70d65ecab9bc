"""A replay: a recording in place of the cameras, and the sync, pose and visual nodes."""

from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import OpaqueFunction

from egorear_ros.nodes.wiring import Wiring, declare_arguments, shared_memory_profile


def graph(context: LaunchContext) -> list[Any]:
    """Return the processes that the arguments describe."""
    rig = Wiring(context)
    return [*rig.replay(), *rig.rviz()]


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch egorear_ros replay.launch.py` runs."""
    return LaunchDescription([*declare_arguments("replay"), *shared_memory_profile(), OpaqueFunction(function=graph)])
