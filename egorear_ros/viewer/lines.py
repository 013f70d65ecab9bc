"""Skeletons as lines in images, through the real lens."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from egorear_ros.geometry.fisheye import project, scale_lens
from egorear_ros.geometry.transforms import invert_transform, transform_points
from egorear_ros.structures import Camera, FloatArray

PIECES = 8
"""Straight bones are curves in a fisheye image; this many pieces look smooth."""

PIXEL_CENTRE = 0.5
"""Rerun's pixels begin at integers, ours have their centres there."""


def joints_in_view(
    joints_device: FloatArray, camera: Camera, width: int, height: int
) -> tuple[FloatArray, NDArray[np.intp]]:
    """Return where joints are in a view's image of some size.

    Returns:
        pixels: (K, 2) of those that the lens sees, px, Rerun's convention.
        joints: (K,) their indices.
    """
    pixels, visible = project(_in_camera(joints_device, camera), scale_lens(camera.lens, width, height))
    return pixels[visible] + PIXEL_CENTRE, np.flatnonzero(visible).astype(np.intp)


def bones_in_view(
    joints_device: FloatArray, bones: Sequence[tuple[int, int]], camera: Camera, width: int, height: int
) -> tuple[list[FloatArray], list[int]]:
    """Return the bones in a view's image, cut off where the lens does not see them.

    Returns:
        paths: (N, 2) px each, Rerun's convention.
        bones: the index of each path's bone.
    """
    joints = _in_camera(joints_device, camera)
    lens = scale_lens(camera.lens, width, height)
    share = np.linspace(0.0, 1.0, PIECES + 1)[:, None]
    paths, owners = [], []
    for index, (parent, child) in enumerate(bones):
        pixels, seen = project(joints[parent] * (1.0 - share) + joints[child] * share, lens)
        for run in _runs(seen):
            paths.append(pixels[run] + PIXEL_CENTRE)
            owners.append(index)
    return paths, owners


def _in_camera(joints_device: FloatArray, camera: Camera) -> FloatArray:
    return transform_points(invert_transform(camera.T_device_camera), joints_device)


def _runs(seen: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Return the stretches of True that are longer than one."""
    pieces = np.split(np.arange(len(seen)), np.flatnonzero(np.diff(seen.astype(np.int8))) + 1)
    return [piece for piece in pieces if seen[piece[0]] and len(piece) > 1]
