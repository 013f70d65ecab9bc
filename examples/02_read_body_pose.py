"""Print the wearer's wrists as a running graph publishes them, also in the axes of Unity and Unreal.

Run beside `egorear demo` or `egorear run`: python examples/02_read_body_pose.py [TOPIC]     default body_pose
"""

import sys

import numpy as np
import rclpy
from egorear_ros.msg import BodyPose
from numpy.typing import NDArray
from rclpy.node import Node

from egorear_ros.geometry.game_engines import unity_from_rig, unreal_cm_from_rig

JOINTS = ("left_wrist", "right_wrist")


class PoseReader(Node):
    """Subscribes to poses and prints two joints of each."""

    def __init__(self, topic: str) -> None:
        super().__init__("pose_reader")
        # Depth 1: who draws wants the newest pose, not all of them.
        self.create_subscription(BodyPose, topic, self.on_pose, 1)

    def on_pose(self, message: BodyPose) -> None:
        """Look joints up by name: another skeleton may have others, or another order."""
        if message.tracking_state == BodyPose.LOST:
            print("nothing seen", flush=True)
            return
        places = dict(zip(message.joint_names, message.positions, strict=True))
        for name in JOINTS:
            rig = np.array([places[name].x, places[name].y, places[name].z])
            unity, unreal_cm = unity_from_rig(rig), unreal_cm_from_rig(rig)
            print(f"{name}: rig {row(rig, 2)} m, Unity {row(unity, 2)} m, Unreal {row(unreal_cm, 0)} cm", flush=True)


def row(point: NDArray[np.float64], digits: int) -> str:
    """Return x, y and z as text."""
    return " ".join(f"{value:.{digits}f}" for value in point)


def main(topic: str) -> None:
    """Print until Ctrl-C."""
    rclpy.init()
    node = PoseReader(topic)
    try:
        rclpy.spin(node)
    except KeyboardInterrupt:
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "body_pose")
