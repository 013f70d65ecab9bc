"""The compiled part of `fast_resize`: importing it takes numba, and a moment."""

from typing import Any

import numba
import numpy as np

from egorear_ros.estimators.fast_resize import BITS

ROWS = 16
"""Rows that are turned at a time: their pixels side by side are computed together, and stay in the first cache."""

HALF = np.int32(1 << (BITS - 1))


@numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _clipped(value: Any) -> Any:
    return np.uint8(min(max(value >> BITS, 0), 255))


@numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _add_up(lines: Any, first: int, weights: Any, count: int, sums: Any) -> None:
    """Fill `sums` with the weighted sum of some lines of bytes, and half a unit for rounding."""
    for place in range(len(sums)):
        sums[place] = HALF
    for number in range(count):
        weight, line = weights[number], lines[first + number]
        for place in range(len(sums)):
            sums[place] += np.int32(line[place]) * weight


@numba.njit(cache=True, nogil=True, error_model="numpy")
def resample(
    pixels: Any, x_bounds: Any, x_weights: Any, y_bounds: Any, y_weights: Any, between: Any, result: Any
) -> None:
    """Resize an image.

    Args:
        pixels: (H, W) uint32, RGBX.
        x_bounds: along a row, see `fast_resize.weights`.
        x_weights: likewise.
        y_bounds: along a column.
        y_weights: likewise.
        between: (H, 3 size) uint8, overwritten.
        result: (size, 3 size) uint8, overwritten.
    """
    size = len(result)
    turned = np.empty((pixels.shape[1], ROWS), np.uint32)
    turned_bytes = turned.view(np.uint8)
    sums = np.empty(4 * ROWS, np.int32)
    for top in range(0, len(pixels), ROWS):
        rows = min(ROWS, len(pixels) - top)
        for row in range(rows):
            for column in range(pixels.shape[1]):
                turned[column, row] = pixels[top + row, column]
        for column in range(size):
            _add_up(turned_bytes, x_bounds[column, 0], x_weights[column], x_bounds[column, 1], sums)
            for row in range(rows):
                for channel in range(3):
                    between[top + row, 3 * column + channel] = _clipped(sums[4 * row + channel])
    long_sums = np.empty(3 * size, np.int32)
    for row in range(size):
        _add_up(between, y_bounds[row, 0], y_weights[row], y_bounds[row, 1], long_sums)
        for place in range(3 * size):
            result[row, place] = _clipped(long_sums[place])
