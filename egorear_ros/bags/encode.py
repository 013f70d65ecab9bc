"""Our structures as serialized messages, as the nodes publish them, without ROS."""

from typing import Any

import numpy as np

from egorear_ros.bags.typestore import BODY_POSE, CAMERA_INFO, COMPRESSED_IMAGE, TF_MESSAGE, typestore
from egorear_ros.geometry.ros_calibration import ros_intrinsics, static_links
from egorear_ros.geometry.transforms import T_RIG_DEVICE, quat_xyzw_from_rotmat, transform_points
from egorear_ros.names import RIG_FRAME
from egorear_ros.ros_messages import NS_PER_S
from egorear_ros.structures import BodyPose, FloatArray, Lens, Rig


def encode_image(stamp_ns: int, frame_id: str, encoding: str, data: bytes) -> bytes:
    """Return a `sensor_msgs/CompressedImage`; `encoding` is "jpeg" or "png"."""
    message = _new(COMPRESSED_IMAGE, _header(stamp_ns, frame_id), encoding, np.frombuffer(data, np.uint8))
    return _serialize(message, COMPRESSED_IMAGE)


def encode_camera_info(stamp_ns: int, frame_id: str, lens: Lens) -> bytes:
    """Return a `sensor_msgs/CameraInfo` of images of the lens's size."""
    numbers = ros_intrinsics(lens)
    message = _new(
        CAMERA_INFO,
        _header(stamp_ns, frame_id),
        numbers.height,
        numbers.width,
        numbers.model,
        *(np.array(values) for values in (numbers.d, numbers.k, numbers.r, numbers.p)),
        0,
        0,
        _new("sensor_msgs/msg/RegionOfInterest", 0, 0, 0, 0, False),
    )
    return _serialize(message, CAMERA_INFO)


def encode_static_tf(stamp_ns: int, rig: Rig, frame_prefix: str) -> bytes:
    """Return the rig's fixed frames as one `tf2_msgs/TFMessage`."""
    transforms = [
        _transform(stamp_ns, frame_prefix + parent, frame_prefix + child, T_parent_child)
        for parent, child, T_parent_child in static_links(rig)
    ]
    return _serialize(_new(TF_MESSAGE, transforms), TF_MESSAGE)


def encode_body_pose(pose: BodyPose, frame_prefix: str, body_id: str, latency_s: float) -> bytes:
    """Return an `egorear_ros/BodyPose`, its joints in `rig_link`.

    Args:
        pose: with joints: a LOST pose has none and is not for recordings made here.
        frame_prefix: put before the frame name.
        body_id: identifies the wearer.
        latency_s: from exposure to publication.
    """
    joints_rig = transform_points(T_RIG_DEVICE, pose.joints_device)
    message = _new(
        BODY_POSE,
        _header(pose.stamp_ns, frame_prefix + RIG_FRAME),
        body_id,
        list(pose.skeleton.joint_names),
        [_new("geometry_msgs/msg/Point", x, y, z) for x, y, z in joints_rig.tolist()],
        pose.confidences.astype(np.float32),
        list(pose.view_stamps_ns),
        [_time(stamp_ns) for stamp_ns in pose.view_stamps_ns.values()],
        pose.skew_ns * 1e-9,
        latency_s,
        int(pose.state),
        pose.model_id,
    )
    return _serialize(message, BODY_POSE)


def _new(kind: str, *values: Any) -> Any:
    return typestore().types[kind](*values)


def _serialize(message: Any, kind: str) -> bytes:
    return bytes(typestore().serialize_cdr(message, kind))


def _time(stamp_ns: int) -> Any:
    return _new("builtin_interfaces/msg/Time", *divmod(stamp_ns, NS_PER_S))


def _header(stamp_ns: int, frame_id: str) -> Any:
    return _new("std_msgs/msg/Header", _time(stamp_ns), frame_id)


def _transform(stamp_ns: int, parent: str, child: str, T_parent_child: FloatArray) -> Any:
    x, y, z = (float(value) for value in T_parent_child[:3, 3])
    quat_xyzw = (float(value) for value in quat_xyzw_from_rotmat(T_parent_child[:3, :3]))
    return _new(
        "geometry_msgs/msg/TransformStamped",
        _header(stamp_ns, parent),
        child,
        _new(
            "geometry_msgs/msg/Transform",
            _new("geometry_msgs/msg/Vector3", x, y, z),
            _new("geometry_msgs/msg/Quaternion", *quat_xyzw),
        ),
    )
