"""Pixels of resized images: where they are in calibrated ones, and as places that `grid_sample` takes.

Pixel centres are at integers in both, so the edge of an image is half a pixel before the first.
"""

from typing import Any, TypeVar

import numpy as np

from egorear_ros.structures import FloatArray, Lens

ArrayT = TypeVar("ArrayT")
"""A NumPy array or a torch tensor; what comes in goes out."""

OUTSIDE = 3.0
"""A place that `grid_sample` takes for outside of the image, where it reads 0."""


def calibrated_px(axis: FloatArray, lens: Lens, size: int) -> FloatArray:
    """Return (N, N, 2) px of the calibrated image, as (u, v).

    Args:
        axis: (N,) px along each side of the image resized to `size` px; columns and rows alike.
        lens: of the calibrated image.
        size: height and width of the resized image, px.
    """
    fractions = (axis + 0.5) / size
    u, v = np.meshgrid(fractions * lens.width - 0.5, fractions * lens.height - 0.5)
    return np.stack([u, v], axis=-1)


def pixel_grid(lens: Lens, size: int) -> FloatArray:
    """Return (size, size, 2) px of the calibrated image where the pixels of the resized one have their centres."""
    return calibrated_px(np.arange(size, dtype=float), lens, size)


def sampling_places(pixels: ArrayT, lens: Lens) -> ArrayT:
    """Return (..., 2) places for `grid_sample(align_corners=False)`, -1 to 1 from edge to edge.

    Args:
        pixels: (..., 2) px of the calibrated image.
        lens: of that image.
    """
    px: Any = pixels
    size = (
        np.array((lens.width, lens.height)) if isinstance(px, np.ndarray) else px.new_tensor((lens.width, lens.height))
    )
    places: ArrayT = (px + 0.5) / size * 2.0 - 1.0
    return places
