"""The colours of estimates, truths and warnings, the same in markers, overlays and figures."""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
Rgb = tuple[float, float, float]
"""Red, green and blue in [0, 1]."""

TRUTH_RGB = (86 / 255, 180 / 255, 233 / 255)
"""Sky blue of Okabe and Ito's colour-blind-safe palette; the confidence scale holds nothing like it."""

UNKNOWN_RGB = (0.62, 0.62, 0.62)
"""Joints whose estimator gives no confidence."""

WARNING_RGB = (230 / 255, 90 / 255, 0.0)
WHITE_RGB = (1.0, 1.0, 1.0)

# Confidence 0 to 1 on the part of plasma between purple and yellow: its lightness rises all the way, so
# it reads the same for every kind of colour vision, and it leaves out the blues.
_SCALE_START, _SCALE_END = 0.3, 0.95
_PLASMA_BGR = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_PLASMA).reshape(256, 3)


def confidence_rgb(confidences: ArrayLike) -> FloatArray:
    """Return the colours of confidences.

    Args:
        confidences: (...) in [0, 1]; NaN where there is none.

    Returns:
        (..., 3) red, green and blue in [0, 1]; grey for NaN.
    """
    values = np.asarray(confidences, dtype=np.float64)
    known = ~np.isnan(values)
    position = _SCALE_START + (_SCALE_END - _SCALE_START) * np.clip(np.where(known, values, 0.0), 0.0, 1.0)
    colours = _PLASMA_BGR[np.rint(position * 255).astype(np.intp)][..., ::-1] / 255.0
    chosen: FloatArray = np.where(known[..., None], colours, UNKNOWN_RGB)
    return chosen


def mean_rgb(confidences: ArrayLike) -> Rgb:
    """Return the colour of the mean of those confidences that are known; grey if none is."""
    values = np.asarray(confidences, dtype=np.float64)
    known = values[~np.isnan(values)]
    red, green, blue = confidence_rgb(known.mean() if known.size else np.nan)
    return float(red), float(green), float(blue)
