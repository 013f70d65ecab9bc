"""How large bodies are: what tells a unit from another."""

import numpy as np

from egorear_ros.structures import FloatArray

PLAUSIBLE_EXTENT_M = (0.1, 4.0)
"""The diagonal of the box around the joints of a person, whatever the posture."""


def body_extents(joints: FloatArray) -> FloatArray:
    """Return the diagonals of the boxes around bodies, (...), of their joints (..., J, 3), in the same unit."""
    return np.linalg.norm(joints.max(axis=-2) - joints.min(axis=-2), axis=-1)


def implausible_extent(extent_m: float) -> str:
    """Return what is wrong with the size of a body, and what its unit may be; "" if it may well be in m."""
    low, high = PLAUSIBLE_EXTENT_M
    if low <= extent_m <= high:
        return ""
    return (
        f"a body measures {100.0 * extent_m:.3g} from end to end; expected {100.0 * low:g} to {100.0 * high:g} cm. "
        f"Are its joints in {'metres' if extent_m < low else 'millimetres'}? Convert them to centimetres."
    )
