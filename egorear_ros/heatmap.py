"""2D heatmaps: joints drawn as small Gaussians, and read back as peaks.

Places are pixels of an image (pixel centres at integers) when encoding, and fractions of width and
height when decoding. A peak in column k stands for u = k / W of the image's width.
"""

from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ArrayOrTensor = TypeVar("ArrayOrTensor", NDArray[Any], Tensor)

SIGMA = 1.0
RADIUS = 3
"""The Gaussian is cut off this many heatmap pixels from its peak."""

TRUSTED_PEAK = 0.5
"""Peaks below this are not used as anchors (EgoRear)."""


class Peaks(NamedTuple):
    """The highest point of each heatmap.

    Attributes:
        uv: (..., 2) place as a fraction of width and height, without half-pixel shift.
        score: (...) height; a raw regression, not confined to [0, 1].
        valid: (...) bool, whether the peak can be trusted.
    """

    uv: Tensor
    score: Tensor
    valid: Tensor


def encode_heatmaps(
    pixels: ArrayOrTensor, image_size: tuple[int, int], heatmap_size: int = 64, whole_pixels: bool = True
) -> ArrayOrTensor:
    """Draw joints as heatmaps, exactly as Ego4View's training targets.

    The peak lies on a whole heatmap pixel and is exactly 1. Rounding truncates toward zero, so
    joints up to 1.5 heatmap pixels beyond the left or upper edge still peak in the first column or
    row; beyond the right and lower edges only the Gaussian's tail remains. Joints further out give
    zeros.

    Args:
        pixels: (..., 2) as (u, v), px of the image; a NumPy array or a tensor.
        image_size: width and height of the image, px.
        heatmap_size: height and width of the heatmaps.
        whole_pixels: as published; False: peaks lie where the joints are, between pixels, and are less than 1 on all.

    Returns:
        (..., heatmap_size, heatmap_size) float32 of the same kind and on the same device.

    Raises:
        ValueError: a coordinate is not finite, or the last axis is not 2.
    """
    if isinstance(pixels, np.ndarray):
        return encode_heatmaps(torch.from_numpy(pixels), image_size, heatmap_size, whole_pixels).numpy()
    places = pixels.double()
    if places.shape[-1:] != (2,) or not bool(places.isfinite().all()):
        raise ValueError(
            f"pixels of shape {tuple(places.shape)} must be finite (..., 2) coordinates to become heatmaps."
        )
    stride = places.new_tensor(image_size) / heatmap_size
    peak = (places / stride + 0.5).trunc() if whole_pixels else places / stride
    distance = torch.arange(heatmap_size, device=places.device) - peak[..., None]
    profile = torch.exp(-(distance**2) / (2.0 * SIGMA**2)) * (distance.abs() <= RADIUS)
    columns, rows = profile[..., 0, :], profile[..., 1, :]
    return (rows[..., :, None] * columns[..., None, :]).float()


def find_peaks(heatmaps: Tensor, trusted_peak: float = TRUSTED_PEAK) -> Peaks:
    """Find the highest point of each (..., H, W) heatmap.

    A heatmap of zeros peaks at (0, 0); one that contains NaN is not valid.
    """
    height, width = heatmaps.shape[-2:]
    score, index = heatmaps.flatten(-2).max(dim=-1)
    uv = torch.stack((index % width / width, index.div(width, rounding_mode="floor") / height), dim=-1)
    return Peaks(uv.to(heatmaps.dtype), score, score >= trusted_peak)
