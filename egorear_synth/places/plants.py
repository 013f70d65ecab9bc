"""Tall grass and herbs: they give way, so a person walks among them, and they hide feet from every side."""

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.places.builder import Builder
from egorear_synth.places.surfaces import Look, Shadow

SIDES = 12
"""Directions in which blades lean: those of one direction share a plane of texture."""


MOST_TUFTS = 800


def grow(builder: Builder, floor: FloatArray, look: Look, spread_m: float = 0.4) -> dict[str, object]:
    """Plant tufts around random points of a person's way and return what is written into a data set.

    Args:
        builder: where to.
        floor: (N, 2) the way, m.
        look: of leaves.
        spread_m: standard deviation of the distance from the way.
    """
    rng = builder.rng
    # Half-metre squares of the way and around it.
    area_m2 = 0.25 * len(np.unique(np.round(2 * floor), axis=0)) + 4.0
    tufts, blades = min(int(rng.uniform(20, 60) * area_m2), MOST_TUFTS), int(rng.integers(4, 9))
    tallest, widest = float(rng.uniform(0.15, 0.45)), float(rng.uniform(0.015, 0.04))
    middles = floor[rng.integers(len(floor), size=tufts)] + rng.normal(0, spread_m, (tufts, 2))
    feet = np.repeat(middles, blades, axis=0) + rng.normal(0, 0.04, (tufts * blades, 2))
    sides = rng.integers(SIDES, size=len(feet))
    heights = tallest * np.repeat(rng.uniform(0.4, 1.0, tufts), blades) * rng.uniform(0.6, 1.0, len(feet))
    leans = heights * rng.uniform(0.3, 0.9, len(feet))
    widths = widest * rng.uniform(0.5, 1.0, len(feet))
    for side in range(SIDES):
        chosen = np.flatnonzero(sides == side)
        if len(chosen):
            angle = 2 * np.pi * side / SIDES
            out, along = (np.array([np.cos(turn), np.sin(turn), 0.0]) for turn in (angle, angle + np.pi / 2))
            low = np.column_stack((feet[chosen], np.zeros(len(chosen))))
            high = low + leans[chosen, None] * out + heights[chosen, None] * [0.0, 0.0, 1.0]
            half = 0.5 * widths[chosen, None] * along
            corners = np.stack((high - 0.3 * half, high + 0.3 * half, low + half, low - half), axis=1)
            builder.scraps(corners, along, 0.4 * out + [0.0, 0.0, -1.0], look, Shadow.SUN)
    return {"tufts": tufts, "height_m": round(tallest, 3)}
