"""Skeletons and cameras as lines: through the real lens in 2D, in the rig's frame in 3D."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from egorear_ros.geometry.fisheye import max_radius, project, scale_lens, unproject
from egorear_ros.geometry.transforms import T_RIG_DEVICE, invert_transform, transform_points
from egorear_ros.structures import Camera, EquidistantLens, FloatArray, Lens

PIECES = 8
"""Straight bones are curves in a fisheye image; this many pieces look smooth."""

RIM_POINTS = 32
PIXEL_CENTRE = 0.5
"""Rerun's pixels begin at integers, ours have their centres there."""

FRUSTUM_M = 0.08


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


def frustum_rig(camera: Camera) -> list[FloatArray]:
    """Return a camera as a cone of the rays that its lens sees, in the rig's frame, m.

    Returns:
        the rim, and rays to every quarter of it, (N, 3) each.
    """
    rays, _ = unproject(_rim_pixels(camera.lens), camera.lens)
    T_rig_camera = T_RIG_DEVICE @ camera.T_device_camera
    rim = transform_points(T_rig_camera, FRUSTUM_M * rays)
    apex = T_rig_camera[:3, 3]
    quarter = len(rim) // 4
    return [np.vstack((rim, rim[:1])), *(np.stack((apex, rim[index])) for index in range(0, len(rim), quarter))]


def _rim_pixels(lens: Lens) -> FloatArray:
    """Return pixels around the edge of what the lens images, inside the picture."""
    angle = np.linspace(0.0, 2.0 * np.pi, RIM_POINTS, endpoint=False)
    focal = np.array(lens.focal_px if isinstance(lens, EquidistantLens) else (1.0, 1.0))
    rim = np.array(lens.center_px) + max_radius(lens) * focal * np.stack((np.cos(angle), np.sin(angle)), -1)
    return np.clip(rim, 0.0, (lens.width - 1.0, lens.height - 1.0))


def _in_camera(joints_device: FloatArray, camera: Camera) -> FloatArray:
    return transform_points(invert_transform(camera.T_device_camera), joints_device)


def _runs(seen: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Return the stretches of True that are longer than one."""
    pieces = np.split(np.arange(len(seen)), np.flatnonzero(np.diff(seen.astype(np.int8))) + 1)
    return [piece for piece in pieces if seen[piece[0]] and len(piece) > 1]
