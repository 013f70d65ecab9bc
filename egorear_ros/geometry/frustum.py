"""A camera as lines: the cone of rays that its lens sees."""

import numpy as np

from egorear_ros.geometry.fisheye import max_radius, unproject
from egorear_ros.geometry.transforms import T_RIG_DEVICE, transform_points
from egorear_ros.structures import Camera, EquidistantLens, FloatArray, Lens

RIM_POINTS = 32
FRUSTUM_M = 0.08
"""Length of its rays."""


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
