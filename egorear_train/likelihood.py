"""Losses of networks that know their error, and of heatmaps that are mostly empty."""

from torch import Tensor

PEAK_WEIGHT = 4.0
"""How much more a pixel at a joint counts than an empty one: joints fill one pixel in a hundred."""

TYPICAL_SCALE_CM = 3.0
"""Unit of the plain distance: with a `pose_weight` of 0.3 a centimetre costs 0.1, as in the published stage 3."""


def pose_distance(poses_cm: Tensor, target_cm: Tensor) -> Tensor:
    """Return the mean distance of joints, summed over proposal and corrections, in units of `TYPICAL_SCALE_CM`.

    That is the likelihood of a network that takes all its errors to be of one size.

    Args:
        poses_cm: (L + 1, B, J, 3).
        target_cm: (B, J, 3).
    """
    return (poses_cm - target_cm).norm(dim=-1).mean(dim=(1, 2)).sum() / TYPICAL_SCALE_CM


def pose_likelihood(poses_cm: Tensor, scales_cm: Tensor, target_cm: Tensor) -> Tensor:
    """Return the mean negative log-likelihood of joints, summed over proposal and corrections.

    The error's density in space is exp(-|error| / b) / (8 pi b^3), whose constant is left out.

    Args:
        poses_cm: (L + 1, B, J, 3).
        scales_cm: (L + 1, B, J) b.
        target_cm: (B, J, 3).
    """
    distance = (poses_cm - target_cm).norm(dim=-1)
    return (distance / scales_cm + 3.0 * scales_cm.log()).mean(dim=(1, 2)).sum()


def weighted_heatmap_error(predicted: Tensor, target: Tensor, view_mask: Tensor | None = None) -> Tensor:
    """Return the squared error of (B, V, J, H, W) heatmaps summed over a map, averaged over all else.

    Pixels near joints weigh up to `1 + PEAK_WEIGHT`; views where (B, V) `view_mask` is False nothing.
    """
    error = ((predicted - target) ** 2 * (1.0 + PEAK_WEIGHT * target)).sum(dim=(-2, -1)).mean(dim=-1)
    if view_mask is None:
        return error.mean()
    weight = view_mask.to(error.dtype)
    return (error * weight).sum() / weight.sum().clamp_min(1.0)
