"""Weighted sums of feature maps at scattered places, without touching the rest of the map.

Bilinear sampling is linear in the map. A linear layer applied to a whole map and then sampled at a
few places is the same as sampling first; and a weighted sum of samples is one product of a few rows
of the map with their weights.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Taps(NamedTuple):
    """Which pixels a weighted sum of bilinear samples is made of.

    Attributes:
        pixel: (..., K) number of the pixel, row by row.
        weight: (..., K); zero for pixels outside the map.
    """

    pixel: Tensor
    weight: Tensor


def bilinear_taps(locations: Tensor, weights: Tensor, size: int) -> Taps:
    """Return the four pixels of every sample.

    Args:
        locations: (..., P, 2) as fractions of width and height; (0, 0) is the map's outer corner.
        weights: (..., P) of the samples.
        size: height and width of the map.

    Returns:
        Taps with K = 4 P. As `grid_sample` with zero padding and without aligned corners.
    """
    place = locations * size - 0.5
    first = place.floor()
    share = place - first
    corners = torch.stack((first, first + 1.0), dim=-2)
    shares = torch.stack((1.0 - share, share), dim=-2)
    shares = torch.where((corners >= 0) & (corners <= size - 1), shares, 0.0)
    pixels = corners.clamp(0, size - 1).long()
    index = pixels[..., :, None, 1] * size + pixels[..., None, :, 0]
    weight = shares[..., :, None, 1] * shares[..., None, :, 0] * weights[..., None, None]
    return Taps(index.flatten(-3), weight.flatten(-3))


def gather(rows: Tensor, taps: Taps, *, repeated: bool = False) -> Tensor:
    """Return (N, Q, C) weighted sums of rows.

    Args:
        rows: (N, R, C); entry n looks at the rows n. If `repeated`, (M, R, C), N is a multiple of M, and entry n
            looks at the rows n modulo M.
        taps: (N, Q, K).
        repeated: see `rows`.
    """
    count, channels = rows.shape[1], rows.shape[2]
    # Counted, where `arange` would fix the number of entries in an exported file.
    entry = (taps.pixel[:, :1, :1] * 0 + 1).cumsum(dim=0) - 1
    if repeated:
        entry = entry % rows.shape[0]
    flat, index = rows.reshape(-1, channels), taps.pixel + entry * count
    if rows.device.type == "cpu" and not (torch.onnx.is_in_onnx_export() or torch.compiler.is_compiling()):
        # The same without writing down what was picked.
        weight = taps.weight.flatten(0, 1)
        summed = F.embedding_bag(index.flatten(0, 1), flat, mode="sum", per_sample_weights=weight)
        return summed.unflatten(0, index.shape[:2])
    picked = flat[index.flatten()].view(-1, index.shape[1], index.shape[2], channels)
    return (taps.weight[..., None, :] @ picked)[..., 0, :]
