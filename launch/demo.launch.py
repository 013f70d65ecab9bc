"""The demo: a rig whose cameras see a synthetic wearer, and the node that knows the truth."""

from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import OpaqueFunction

from egorear_ros.nodes.wiring import Wiring, declare_arguments, end_after, shared_memory_profile


def graph(context: LaunchContext) -> list[Any]:
    """Return the processes that the arguments describe."""
    rig = Wiring(context)
    return [*rig.nodes(), *rig.rviz(), *end_after(float(rig["duration"]))]


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch egorear_ros demo.launch.py` runs."""
    return LaunchDescription([*declare_arguments("demo"), *shared_memory_profile(), OpaqueFunction(function=graph)])
