"""Virtual cameras: what a network sees instead of the real ones, the same whatever lenses a rig has.

A fisheye lens on a helmet spends most of its pixels on walls: nine in ten joints lie within 44 degrees of
the direction towards the wearer, on a fifth of the image. A virtual camera stands where the real one does,
is turned towards the wearer, and has a lens that gives the middle more pixels: an image of the same size
shows legs twice as large, and hands, which are near wherever they are far from the middle, still within it.
"""

import math
from dataclasses import replace

import numpy as np

from egorear_ros.structures import EquidistantLens, FloatArray, Rig

AIM_M = (0.0, 0.1, 1.0)
"""Where virtual cameras look, device frame: between the hips of a wearer who stands upright."""

FOVEA = 1.4
"""The image radius grows with atan(FOVEA * theta): in the middle 1.9 times the resolution of an equidistant
lens of the same image that sees 87 degrees, the same at 39 degrees, and 0.6 of it at 60."""

MAX_THETA = math.radians(84.0)
SIZE_PX = 512


def virtual_rig(rig: Rig) -> Rig:
    """Return the rig of virtual cameras that stand where those of a real one do.

    Each is turned by the shortest way from its optical axis to `AIM_M`, so that what was up in its image
    stays up.

    Raises:
        ValueError: where a camera is is not known, or it looks away from the wearer.
    """
    lens = virtual_lens()
    cameras = []
    for camera in rig.cameras:
        T_device_camera = camera.T_device_camera.copy()
        if not np.isfinite(T_device_camera).all():
            raise ValueError(
                f"rig {rig.name} ({rig.source}) leaves the cameras' places to each recording; virtual cameras need "
                "T_device_camera in the rig file, to know where the wearer is. Set model.virtual_cameras to false."
            )
        towards = np.asarray(AIM_M) - T_device_camera[:3, 3]
        axis = T_device_camera[:3, 2]
        towards /= np.linalg.norm(towards)
        if towards @ axis <= 0.0:
            raise ValueError(
                f"rig {rig.name} ({rig.source}): camera {camera.view} looks away from the wearer, whose hips are "
                f"{math.degrees(math.acos(np.clip(towards @ axis, -1.0, 1.0))):.0f} degrees off its optical axis; "
                "expected less than 90. Is T_device_camera from camera to device coordinates, z of the device down?"
            )
        T_device_camera[:3, :3] = _shortest_rotation(axis, towards) @ T_device_camera[:3, :3]
        cameras.append(replace(camera, lens=lens, T_device_camera=T_device_camera))
    return Rig(f"{rig.name}_virtual", tuple(cameras), rig.source)


def virtual_lens() -> EquidistantLens:
    """Return the lens of all virtual cameras: a Kannala-Brandt fit to atan(FOVEA * theta)."""
    theta = np.linspace(0.0, MAX_THETA, 1024)[1:]
    powers = theta[:, None] ** (2 * np.arange(1, 5))
    wanted = np.arctan(FOVEA * theta) / (FOVEA * theta) - 1.0
    # Weighted by theta, least squares is in the image radius.
    distortion = np.linalg.lstsq(powers * theta[:, None], wanted * theta, rcond=None)[0]
    radius = MAX_THETA * (1.0 + float((distortion * MAX_THETA ** (2 * np.arange(1, 5))).sum()))
    focal, middle = SIZE_PX / 2 / radius, (SIZE_PX - 1) / 2
    k1, k2, k3, k4 = (float(value) for value in distortion)
    return EquidistantLens(SIZE_PX, SIZE_PX, (focal, focal), (middle, middle), (k1, k2, k3, k4), MAX_THETA)


def _shortest_rotation(start: FloatArray, end: FloatArray) -> FloatArray:
    """Return the rotation from one unit vector to another less than 180 degrees away (Rodrigues' formula)."""
    x, y, z = np.cross(start, end)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    rotation: FloatArray = np.eye(3) + cross + cross @ cross / (1.0 + start @ end)
    return rotation
