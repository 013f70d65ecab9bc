"""How far an estimated pose is from the truth, as the papers of this field count it.

All take (..., J, 3) joints in metres and return one number per pose, (...). Nothing is aligned at a
root joint: poses are compared where they are, in the device frame.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

MM_PER_M = 1000.0
PCK_THRESHOLD_MM = 150.0
AUC_THRESHOLDS_MM = np.arange(0.0, 150.1, 5.0)
"""31 thresholds, 0 included (Mehta et al., 3DV 2017, and EgoRear's evaluation)."""


def joint_errors_mm(predicted: ArrayLike, truth: ArrayLike) -> FloatArray:
    """Return the (..., J) distances between joints, mm.

    Raises:
        ValueError: shapes differ, are not (..., J, 3), or a coordinate is not finite.
    """
    predicted, truth = _checked(predicted, truth)
    return _distances_mm(predicted, truth)


def mpjpe_mm(predicted: ArrayLike, truth: ArrayLike) -> FloatArray:
    """Return the mean distance between joints, mm."""
    return joint_errors_mm(predicted, truth).mean(axis=-1)


def pa_mpjpe_mm(predicted: ArrayLike, truth: ArrayLike) -> FloatArray:
    """Return the mean distance after the best rotation, scale and translation of each pose, mm."""
    predicted, truth = _checked(predicted, truth)
    return _distances_mm(align_similarity(predicted, truth), truth).mean(axis=-1)


def pck_percent(predicted: ArrayLike, truth: ArrayLike, threshold_mm: float = PCK_THRESHOLD_MM) -> FloatArray:
    """Return the share of joints that are no further than a threshold from the truth, percent."""
    return 100.0 * (joint_errors_mm(predicted, truth) <= threshold_mm).mean(axis=-1)


def auc_percent(predicted: ArrayLike, truth: ArrayLike) -> FloatArray:
    """Return the mean of `pck_percent` over all `AUC_THRESHOLDS_MM`, percent."""
    errors = joint_errors_mm(predicted, truth)[..., None]
    return 100.0 * (errors <= AUC_THRESHOLDS_MM).mean(axis=(-2, -1))


def align_similarity(points: ArrayLike, target: ArrayLike) -> FloatArray:
    """Move, turn and scale (..., J, 3) points to lie as close to the target as they can.

    Mirroring is not allowed. Points that all coincide are moved to the target's centre.

    Source: Umeyama, PAMI 1991.
    """
    points, target = _checked(points, target)
    points_mean, target_mean = points.mean(axis=-2, keepdims=True), target.mean(axis=-2, keepdims=True)
    centred, goal = points - points_mean, target - target_mean
    u, singular, vt = np.linalg.svd(np.swapaxes(goal, -1, -2) @ centred)
    sign = np.ones_like(singular)
    sign[..., -1] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    rotation = (u * sign[..., None, :]) @ vt
    spread = (centred**2).sum(axis=(-2, -1))
    scale = (singular * sign).sum(axis=-1) / np.where(spread > 0.0, spread, 1.0)
    return scale[..., None, None] * centred @ np.swapaxes(rotation, -1, -2) + target_mean


def _distances_mm(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    return MM_PER_M * np.linalg.norm(predicted - truth, axis=-1)


def _checked(predicted: ArrayLike, truth: ArrayLike) -> tuple[FloatArray, FloatArray]:
    predicted, truth = np.asarray(predicted, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if predicted.shape != truth.shape or predicted.ndim < 2 or predicted.shape[-1] != 3 or predicted.shape[-2] == 0:
        raise ValueError(f"poses of shape {predicted.shape} and {truth.shape}; expected the same (..., J, 3) for both.")
    for name, joints in (("predicted", predicted), ("true", truth)):
        if not np.isfinite(joints).all():
            raise ValueError(
                f"a {name} pose has coordinates that are not finite; leave such frames out and count them."
            )
    return predicted, truth
