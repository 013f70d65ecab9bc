"""While the shutter is open: at how many moments a moving wearer has to be posed."""

from typing import TYPE_CHECKING

import numpy as np

from egorear_ros.geometry.fisheye import project
from egorear_ros.geometry.transforms import invert_transform, transform_points
from egorear_ros.structures import Camera, FloatArray

if TYPE_CHECKING:
    from egorear_synth.wearer import Wearer, WearerPose

MAX_MOMENTS = 4

STILL_PX = 0.35
"""Movement within an exposure that nobody sees, px of the image made."""

GAP_PX = 2.0
"""Largest movement between two moments where more of them are possible; beyond, single ghosts can be seen."""

FLOOR_M = 1.5
"""Distance of the points around the camera whose movement counts, beside the joints."""


def moments(wearer: "Wearer", time_s: float, shutter_s: float, width: int, samples: int) -> tuple[float, ...]:
    """Return the moments of one exposure, s; one if nothing moves by a visible amount.

    They are the same for all views of the rig, so that views share the posed bodies.

    Args:
        wearer: who moves.
        time_s: middle of the exposure.
        shutter_s: its length.
        width: of the images, px.
        samples: x `samples` rays per pixel, which are spread evenly over the moments.
    """
    possible = [count for count in (1, 2, 3, 4) if samples**2 % count == 0 and count <= MAX_MOMENTS]
    if shutter_s <= 0.0 or possible == [1]:
        return (time_s,)
    first, last = wearer.pose_at(time_s - shutter_s / 2), wearer.pose_at(time_s + shutter_s / 2)
    moved_px = movement_px(wearer, first, last, width)
    if moved_px < STILL_PX:
        return (time_s,)
    enough = [count for count in possible if count > 1 and moved_px / count <= GAP_PX]
    count = enough[0] if enough else possible[-1]
    return tuple(time_s + shutter_s * ((index + 0.5) / count - 0.5) for index in range(count))


def movement_px(wearer: "Wearer", first: "WearerPose", last: "WearerPose", width: int) -> float:
    """Return by how much the image of a joint, or of the surroundings, moves at most in any view, px."""
    moved = 0.0
    for camera in wearer.rig.cameras:
        T_world_camera = first.T_world_device @ camera.T_device_camera
        around = transform_points(T_world_camera, FLOOR_M * _AROUND)
        begin, seen_first = project(_from_camera(first, camera, around), camera.lens)
        end, seen_last = project(_from_camera(last, camera, around), camera.lens)
        both = np.logical_and(seen_first, seen_last)
        if both.any():
            moved_px = np.linalg.norm(end[both] - begin[both], axis=1).max()
            moved = max(moved, float(moved_px) * width / camera.lens.width)
    return moved


def _from_camera(pose: "WearerPose", camera: Camera, around: FloatArray) -> FloatArray:
    """Return the joints below the head and some points of the world in a camera's frame."""
    T_camera_world = invert_transform(pose.T_world_device @ camera.T_device_camera)
    return transform_points(T_camera_world, np.concatenate([pose.joints_world[1:], around]))


_AROUND = np.array([[0.0, 0.0, 1.0], [0.8, 0.0, 0.6], [-0.8, 0.0, 0.6], [0.0, 0.8, 0.6], [0.0, -0.8, 0.6]])
