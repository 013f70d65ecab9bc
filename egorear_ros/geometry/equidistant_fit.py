"""The equidistant lens nearest to a polynomial one: ROS has a name for the former only."""

from functools import lru_cache

import numpy as np

from egorear_ros.geometry.fisheye import check_lens, project
from egorear_ros.structures import EquidistantLens, FloatArray, Lens

SAMPLES = 2000


@lru_cache(maxsize=64)
def fit_equidistant(lens: Lens) -> tuple[EquidistantLens, float]:
    """Fit an equidistant (Kannala-Brandt) lens to any lens over its field of view.

    Args:
        lens: what to approximate; an equidistant lens is returned as it is.

    Returns:
        lens: of the same image size, centre and field of view.
        max_error_px: largest distance between the two projections of a ray within the field of view.

    Raises:
        ValueError: the fit cannot be inverted over the field of view.
    """
    if isinstance(lens, EquidistantLens):
        return lens, 0.0
    theta = np.linspace(0.0, lens.max_theta, SAMPLES)
    radius = _radius_px(lens, theta)
    # radius = f theta + (f k1) theta^3 + (f k2) theta^5 + ... is linear in f and the products.
    powers = theta[:, None] ** np.arange(1, 10, 2)
    focal, *products = (float(value) for value in np.linalg.lstsq(powers, radius, rcond=None)[0])
    k1, k2, k3, k4 = (product / focal for product in products)
    fit = EquidistantLens(lens.width, lens.height, (focal, focal), lens.center_px, (k1, k2, k3, k4), lens.max_theta)
    check_lens(fit)
    return fit, float(np.abs(_radius_px(fit, theta) - radius).max())


def _radius_px(lens: Lens, theta: FloatArray) -> FloatArray:
    """Image radius of rays at angles from the optical axis. Both models are round, so one meridian says all."""
    rays = np.stack((np.sin(theta), np.zeros_like(theta), np.cos(theta)), axis=-1)
    pixels, _ = project(rays, lens)
    return pixels[:, 0] - lens.center_px[0]
