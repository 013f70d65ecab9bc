"""How good heatmaps are: what the published training logs, and the distance of peaks in the image."""

from torch import Tensor

from egorear_ros.heatmap import find_peaks

DRAWN_PEAK = 0.99
"""Targets whose highest value is below this lie outside the image and have no peak to be found."""


def heatmap_metrics(predicted: Tensor, target: Tensor, prefix: str = "") -> dict[str, float]:
    """Compare heatmaps.

    Args:
        predicted: (B, V, J, H, W).
        target: likewise.
        prefix: put before each name, for example "refined_".

    Returns:
        heatmap_l1: absolute error summed over views, joints and pixels, mean over frames.
        heatmap_l1_on_joints: the same where the target is above zero.
        heatmap_mse: mean squared error.
        peak_error_px: mean distance of peaks, heatmap pixels, over joints that are in the image; 0
            where none is.
    """
    error = (predicted.float() - target).abs()
    size = target.shape[-1]
    found, wanted = find_peaks(predicted.float()), find_peaks(target)
    drawn = wanted.score >= DRAWN_PEAK
    distance = size * (found.uv - wanted.uv).norm(dim=-1)
    count = drawn.sum().clamp(min=1)
    return {
        f"{prefix}heatmap_l1": float(error.sum() / len(error)),
        f"{prefix}heatmap_l1_on_joints": float((error * (target > 0.0)).sum() / len(error)),
        f"{prefix}heatmap_mse": float((error**2).mean()),
        f"{prefix}peak_error_px": float((distance * drawn).sum() / count),
    }
