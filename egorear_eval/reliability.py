"""Whether confidences mean what they say: of joints with confidence p, a share p should be that good."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egorear_eval.clip import Clip
from egorear_ros import metrics
from egorear_ros.structures import FloatArray

BINS = 10


@dataclass(frozen=True, eq=False)
class Reliability:
    """Confidence against truth.

    Attributes:
        edges: (BINS + 1,) of the confidences.
        counts: (BINS,) joints in each bin.
        confidence: (BINS,) mean confidence; NaN in empty bins.
        share: (BINS,) share of joints closer to the truth than `good_error_mm`; NaN in empty bins.
        expected_error: mean distance of the two over joints (expected calibration error).
        good_error_mm: what the confidences are probabilities of.
    """

    edges: FloatArray
    counts: NDArray[np.int64]
    confidence: FloatArray
    share: FloatArray
    expected_error: float
    good_error_mm: float


def reliability(clips: Sequence[Clip], good_error_mm: float) -> Reliability | None:
    """Return the reliability of all joints that have a confidence; None if none has."""
    errors = np.concatenate([metrics.joint_errors_mm(clip.predicted, clip.truth).ravel() for clip in clips])
    confidences = np.concatenate([clip.confidences.ravel() for clip in clips])
    known = np.isfinite(confidences)
    if not known.any():
        return None
    confidences, good = confidences[known], errors[known] <= good_error_mm
    edges = np.linspace(0.0, 1.0, BINS + 1)
    bins = np.clip(np.digitize(confidences, edges) - 1, 0, BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    with np.errstate(invalid="ignore"):
        confidence = np.bincount(bins, confidences, BINS) / counts
        share = np.bincount(bins, good.astype(np.float64), BINS) / counts
    used = counts > 0
    expected = float((np.abs(confidence - share)[used] * counts[used]).sum() / counts.sum())
    return Reliability(edges, counts, confidence, share, expected, good_error_mm)
