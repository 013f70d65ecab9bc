"""Where wrists and ankles have been, and where the cameras are, as markers."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker

from egorear_ros.bridge.markers import new_marker
from egorear_ros.drawing.colours import confidence_rgb
from egorear_ros.geometry.frustum import frustum_rig
from egorear_ros.geometry.transforms import T_RIG_DEVICE, transform_points
from egorear_ros.structures import BodyPose, FloatArray, Rig

TRAIL, CAMERAS = "trail", "cameras"
"""Namespaces of the markers, see `markers.ESTIMATE`."""

TRAIL_JOINTS = ("left_wrist", "right_wrist", "left_ankle", "right_ankle")
LONGEST_STEP_NS = 1_000_000_000
"""Poses further apart are not joined by a line."""

IDENTIFIERS = 8192
"""More than steps that live at once: a minute of 120 poses per second."""

CAMERA_GREY = (0.7, 0.7, 0.7)
CAMERA_LINE_M = 0.002


class Trail:
    """Turns poses into steps of a trail: every step is a marker of its own that disappears by itself.

    So each message carries the newest step only, however long the trail is.
    """

    def __init__(self) -> None:
        self._stamp_ns: int | None = None
        self._joints: FloatArray = np.empty((0, 3))
        self._count = 0

    def forget(self) -> None:
        """Begin a new trail."""
        self._stamp_ns = None

    def step(self, pose: BodyPose, frame_id: str, line_width_m: float, lifetime_s: float) -> list[Marker]:
        """Return the step (LINE_LIST) from the pose before to this one; none if there is nothing to join.

        Args:
            pose: joints that are not finite leave a gap.
            frame_id: the rig frame; trails are relative to the head, because nothing above it is known.
            line_width_m: thickness.
            lifetime_s: length of the trail.
        """
        indices = [pose.skeleton.index(name) for name in TRAIL_JOINTS]
        joints = transform_points(T_RIG_DEVICE, pose.joints_device[indices])
        before_ns, before = self._stamp_ns, self._joints
        self._stamp_ns, self._joints = pose.stamp_ns, joints
        if before_ns is None or not 0 < pose.stamp_ns - before_ns <= LONGEST_STEP_NS:
            return []
        known = np.isfinite(joints).all(axis=-1) & np.isfinite(before).all(axis=-1)
        colours = confidence_rgb(pose.confidences[indices])
        self._count = (self._count + 1) % IDENTIFIERS
        marker = new_marker(pose.stamp_ns, frame_id, TRAIL, self._count, Marker.LINE_LIST, lifetime_s)
        marker.scale.x = line_width_m
        for joint in np.flatnonzero(known):
            _add(marker, (before[joint], joints[joint]), colours[joint].tolist())
        return [marker] if marker.points else []


def camera_markers(rig: Rig, stamp_ns: int, frame_id: str) -> list[Marker]:
    """Return every camera of a rig as the cone of what its lens sees (LINE_LIST), one marker each, for ever."""
    markers = []
    for number, camera in enumerate(rig.cameras):
        marker = new_marker(stamp_ns, frame_id, CAMERAS, number, Marker.LINE_LIST, 0.0)
        marker.scale.x = CAMERA_LINE_M
        for path in frustum_rig(camera):
            for ends in pairwise(path):
                _add(marker, ends, CAMERA_GREY)
        markers.append(marker)
    return markers


def _add(marker: Marker, points: Iterable[FloatArray], rgb: Iterable[float]) -> None:
    red, green, blue = rgb
    for x, y, z in points:
        marker.points.append(Point(x=float(x), y=float(y), z=float(z)))
        marker.colors.append(ColorRGBA(r=red, g=green, b=blue, a=0.8))
