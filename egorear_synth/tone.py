"""From linear light to the sRGB numbers of an image."""

import numpy as np
from numpy.typing import NDArray

from egorear_ros.structures import FloatArray
from egorear_synth.arrays import Floats32

_STEPS = 4096


def srgb(linear: FloatArray) -> FloatArray:
    """Return sRGB values in [0, 1] of linear ones in [0, 1].

    Source: IEC 61966-2-1.
    """
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


_TABLE: NDArray[np.uint8] = np.round(255 * srgb(np.arange(_STEPS) / (_STEPS - 1))).astype(np.uint8)


def to_srgb(linear: Floats32) -> NDArray[np.uint8]:
    """Return the sRGB values of linear RGB; below 0 and above 1 is cut off."""
    return _TABLE[np.clip(linear * np.float32(_STEPS - 1), 0, _STEPS - 1).astype(np.uint16)]
