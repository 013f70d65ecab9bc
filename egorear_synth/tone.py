"""From linear light to the sRGB numbers of an image."""

import numpy as np
from numpy.typing import NDArray

from egorear_synth.floor import Floats32

_SRGB_STEPS = 4096
_linear = np.arange(_SRGB_STEPS) / (_SRGB_STEPS - 1)
_SRGB = np.where(_linear <= 0.0031308, 12.92 * _linear, 1.055 * np.maximum(_linear, 1e-9) ** (1 / 2.4) - 0.055)
_SRGB_TABLE: NDArray[np.uint8] = np.round(255 * _SRGB).astype(np.uint8)


def to_srgb(linear: Floats32) -> NDArray[np.uint8]:
    """Return the sRGB values of linear RGB; below 0 and above 1 is cut off."""
    index = np.clip(linear * np.float32(_SRGB_STEPS - 1), 0, _SRGB_STEPS - 1).astype(np.int32)
    return _SRGB_TABLE[index]
