"""A rig: one camera node per view of the calibration, and the sync, pose and visual nodes."""

from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import OpaqueFunction

from egorear_ros.nodes.wiring import Wiring, declare_arguments, shared_memory_profile


def graph(context: LaunchContext) -> list[Any]:
    """Return the processes that the arguments describe."""
    rig = Wiring(context)
    return [*rig.nodes(), *rig.rviz()]


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch egorear_ros rig.launch.py` runs."""
    return LaunchDescription([*declare_arguments("rig"), *shared_memory_profile(), OpaqueFunction(function=graph)])
