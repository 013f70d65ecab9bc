"""Equidistant lenses of other programs, which do not say where the field of view ends."""

import math
from collections.abc import Sequence

import numpy as np

from egorear_ros.geometry.lens_fields import lens_from_dict
from egorear_ros.structures import EquidistantLens

SAMPLES = 18000
_STEP_DEG = 180.0 / SAMPLES


def equidistant_lens(
    where: str,
    size: Sequence[float],
    focal_px: Sequence[float],
    center_px: Sequence[float],
    distortion: Sequence[float],
    max_theta_deg: float | None,
) -> EquidistantLens:
    """Build an equidistant lens from another program's numbers.

    Args:
        where: file and view, for errors.
        size: (width, height), px.
        focal_px: (fx, fy), px.
        center_px: (u, v), px.
        distortion: (k1, k2, k3, k4).
        max_theta_deg: edge of the field of view from the optical axis; None: the farthest image
            corner, or where the polynomial stops growing if that comes first.

    Raises:
        CalibrationError: a number is out of range.
    """
    entry = {
        "model": "equidistant",
        "width": size[0],
        "height": size[1],
        "focal_px": list(focal_px),
        "center_px": list(center_px),
        "distortion": list(distortion),
        "max_theta_deg": max_theta_deg if max_theta_deg is not None else _STEP_DEG,
    }
    lens = lens_from_dict(entry, where)
    if max_theta_deg is None:
        assert isinstance(lens, EquidistantLens)
        lens = lens_from_dict({**entry, "max_theta_deg": _widest_deg(lens)}, where)
    assert isinstance(lens, EquidistantLens)
    return lens


def _widest_deg(lens: EquidistantLens) -> float:
    """Return the angle of the farthest image corner, or of the last growing radius before it."""
    (fx, fy), (cx, cy) = lens.focal_px, lens.center_px
    corner = math.hypot(max(cx, lens.width - 1 - cx) / fx, max(cy, lens.height - 1 - cy) / fy)
    theta = np.radians(np.arange(SAMPLES) * _STEP_DEG)
    k1, k2, k3, k4 = lens.distortion
    square = theta * theta
    radius = theta * (1 + square * (k1 + square * (k2 + square * (k3 + square * k4))))
    stop = np.flatnonzero((np.diff(radius) <= 0.0) | (radius[1:] > corner))
    last = int(stop[0]) if stop.size else SAMPLES - 1
    # One step inside: the last growing sample may already be past the turning point.
    return round(max(last - 1, 1) * _STEP_DEG, 3)
