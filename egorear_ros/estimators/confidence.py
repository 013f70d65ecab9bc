"""How far to trust a joint."""

import numpy as np
from numpy.typing import NDArray

from egorear_ros.runtimes.base import Prediction
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import FloatArray

GOOD_ERROR_CM = 5.0
"""A confidence is the probability that a joint is no farther than this from the truth."""


def joint_confidences(prediction: Prediction, used: list[bool]) -> FloatArray:
    """Return the (J,) confidences of one pose, from what the network knows about its error.

    Networks that were trained to know it give a probability for every joint, the head included.
    The published ones were not: see `peak_confidences`.

    Args:
        prediction: of one frame set.
        used: by view, whether it had an image.
    """
    if prediction.scales_cm is not None:
        return within(prediction.scales_cm[0].astype(np.float64))
    return peak_confidences(prediction, used)


def within(scale_cm: FloatArray, error_cm: float = GOOD_ERROR_CM) -> FloatArray:
    """Return the probability of an error below `error_cm`.

    Args:
        scale_cm: b of the density exp(-|error| / b) / (8 pi b^3) over errors in three dimensions.
        error_cm: distance.

    Source: the distance has a gamma distribution of shape 3 and scale b.
    """
    x = error_cm / np.asarray(scale_cm)
    return 1.0 - np.exp(-x) * (1.0 + x + 0.5 * x * x)


def peak_confidences(prediction: Prediction, used: list[bool]) -> NDArray[np.float64]:
    """Return (J,) confidences: a joint's highest heatmap peak in any used view, clipped to [0, 1].

    A stand-in: it tells joints that some camera sees from those that none does, and is not a
    probability. NaN for joints without heatmap and networks without any.
    """
    confidences = np.full(EGO4VIEW.joint_count, np.nan)
    if prediction.peak_scores is not None:
        best = prediction.peak_scores[0, used].max(axis=0)
        confidences[list(EGO4VIEW.heatmap_joints)] = best.clip(0.0, 1.0)
    return confidences
