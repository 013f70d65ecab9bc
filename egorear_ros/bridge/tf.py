"""TF messages: the rig's fixed frames and the joints."""

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from tf2_msgs.msg import TFMessage

from egorear_ros.bridge.stamps import time_from_ns
from egorear_ros.geometry.ros_calibration import static_links
from egorear_ros.geometry.transforms import T_RIG_DEVICE, quat_xyzw_from_rotmat, transform_points
from egorear_ros.names import RIG_FRAME
from egorear_ros.structures import BodyPose, FloatArray, Rig


def static_tree(rig: Rig, frame_prefix: str, stamp: Time) -> TFMessage:
    """Return `rig_link -> device -> <view>_optical` of all views in one message.

    One message, because static transforms that are sent in several are lost for late listeners on
    Humble and Jazzy (ros2/geometry2 issues 631 and 704).
    """
    return TFMessage(
        transforms=[
            _transform(stamp, frame_prefix + parent, frame_prefix + child, T_parent_child)
            for parent, child, T_parent_child in static_links(rig)
        ]
    )


def joint_transforms(pose: BodyPose, frame_prefix: str) -> TFMessage:
    """Return `rig_link -> <joint>` for every joint; the orientation is that of `rig_link`."""
    stamp = time_from_ns(pose.stamp_ns)
    T_rig_joint = np.eye(4)
    transforms = []
    for name, position in zip(
        pose.skeleton.joint_names, transform_points(T_RIG_DEVICE, pose.joints_device), strict=True
    ):
        T_rig_joint[:3, 3] = position
        transforms.append(_transform(stamp, frame_prefix + RIG_FRAME, frame_prefix + name, T_rig_joint))
    return TFMessage(transforms=transforms)


def _transform(stamp: Time, parent: str, child: str, T_parent_child: FloatArray) -> TransformStamped:
    message = TransformStamped()
    message.header.stamp = stamp
    message.header.frame_id = parent
    message.child_frame_id = child
    x, y, z = (float(value) for value in T_parent_child[:3, 3])
    translation, rotation = message.transform.translation, message.transform.rotation
    translation.x, translation.y, translation.z = x, y, z
    rotation.x, rotation.y, rotation.z, rotation.w = (
        float(value) for value in quat_xyzw_from_rotmat(T_parent_child[:3, :3])
    )
    return message
