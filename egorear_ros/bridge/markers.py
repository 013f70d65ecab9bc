"""Body poses as RViz markers: one list of joints and one list of bones per skeleton."""

from collections.abc import Iterable

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point
from numpy.typing import NDArray
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker

from egorear_ros.bridge.messages import time_from_ns
from egorear_ros.drawing.colours import TRUTH_RGB, confidence_rgb
from egorear_ros.geometry.transforms import T_RIG_DEVICE, transform_points
from egorear_ros.structures import BodyPose

FloatArray = NDArray[np.float64]

ESTIMATE, TRUTH = "estimate", "ground_truth"
"""Namespaces of the markers: RViz shows and hides them separately."""

# A joint's ball is this much thicker than the bones; the truth is drawn this much thinner than the estimate.
_JOINT_SCALE = 2.5
_TRUTH_SCALE = 0.6


def skeleton_markers(
    pose: BodyPose, frame_id: str, namespace: str, line_width_m: float, lifetime_s: float
) -> list[Marker]:
    """Return the joints (SPHERE_LIST, id 0) and bones (LINE_LIST, id 1) of a pose.

    Args:
        pose: joints that are not finite are left out, with their bones.
        frame_id: the rig frame, `<frame_prefix>rig_link`.
        namespace: ESTIMATE (coloured by confidence, grey where there is none) or TRUTH (sky blue, thinner).
        line_width_m: thickness of the estimate's bones.
        lifetime_s: after which RViz removes them if no newer ones come.
    """
    is_truth = namespace == TRUTH
    count = len(pose.joints_device)
    joints = transform_points(T_RIG_DEVICE, pose.joints_device) if count else pose.joints_device
    colours = np.tile(TRUTH_RGB, (count, 1)) if is_truth else confidence_rgb(pose.confidences)
    finite = np.isfinite(joints).all(axis=-1)
    shown = [int(joint) for joint in np.flatnonzero(finite)]
    ends = [joint for bone in pose.skeleton.bones if count and finite[list(bone)].all() for joint in bone]
    width_m = line_width_m * (_TRUTH_SCALE if is_truth else 1.0)

    spheres = new_marker(pose.stamp_ns, frame_id, namespace, 0, Marker.SPHERE_LIST, lifetime_s)
    spheres.scale.x = spheres.scale.y = spheres.scale.z = _JOINT_SCALE * width_m
    _fill(spheres, joints, colours, shown)
    lines = new_marker(pose.stamp_ns, frame_id, namespace, 1, Marker.LINE_LIST, lifetime_s)
    lines.scale.x = width_m
    _fill(lines, joints, colours, ends)
    return [spheres, lines]


def delete_markers(stamp_ns: int, frame_id: str, namespace: str) -> Marker:
    """Return the marker that removes a namespace (older RViz versions remove all namespaces for it)."""
    marker = new_marker(stamp_ns, frame_id, namespace, 0, Marker.SPHERE_LIST, 0.0)
    marker.action = Marker.DELETEALL
    return marker


def new_marker(stamp_ns: int, frame_id: str, namespace: str, identifier: int, kind: int, lifetime_s: float) -> Marker:
    """Return a marker without points."""
    marker = Marker()
    marker.header.stamp = time_from_ns(stamp_ns)
    marker.header.frame_id = frame_id
    marker.ns, marker.id, marker.type, marker.action = namespace, identifier, kind, Marker.ADD
    marker.pose.orientation.w = 1.0
    # RViz takes an alpha of 0 as a mistake even when every point has its own colour.
    marker.color.a = 1.0
    lifetime_ns = round(lifetime_s * 1e9)
    marker.lifetime = Duration(sec=lifetime_ns // 1_000_000_000, nanosec=lifetime_ns % 1_000_000_000)
    return marker


def _fill(marker: Marker, joints: FloatArray, colours: FloatArray, order: Iterable[int]) -> None:
    """Give a list marker the points and colours of joints, by index."""
    for joint in order:
        x, y, z = (float(value) for value in joints[joint])
        red, green, blue = (float(value) for value in colours[joint])
        marker.points.append(Point(x=x, y=y, z=z))
        marker.colors.append(ColorRGBA(r=red, g=green, b=blue, a=1.0))
