"""Losses of the published three stages (EgoRear, ICCV 2025, as its code trains)."""

from torch import Tensor

HEATMAP_WEIGHT = 10.0
POSE_WEIGHT = 0.1


def heatmap_mse(predicted: Tensor, target: Tensor) -> Tensor:
    """Return the loss of stages 1 and 2: the squared error of each view's maps, summed over views.

    Args:
        predicted: (B, V, J, H, W).
        target: likewise.
    """
    per_view = ((predicted - target) ** 2).mean(dim=(0, 2, 3, 4))
    return HEATMAP_WEIGHT * per_view.sum()


def heatmap_row_norm(predicted: Tensor, target: Tensor) -> Tensor:
    """Return stage 3's loss of heatmaps: the length of each row's error, summed over views.

    The published code applies its joint distance to maps; the last axis, a row of pixels, takes
    the place of x, y and z.
    """
    per_view = (predicted - target).norm(dim=-1).mean(dim=(0, 2, 3))
    return HEATMAP_WEIGHT * per_view.sum()


def pose_distance(poses_cm: Tensor, target_cm: Tensor) -> Tensor:
    """Return stage 3's loss of poses: mean joint distance in cm, summed over proposal and layers.

    Args:
        poses_cm: (L + 1, B, J, 3) proposal and corrections.
        target_cm: (B, J, 3).
    """
    return POSE_WEIGHT * (poses_cm - target_cm).norm(dim=-1).mean(dim=(1, 2)).sum()
