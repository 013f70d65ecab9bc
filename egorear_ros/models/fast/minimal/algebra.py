"""Minimal filtering in one dimension: m outputs of an r tap filter from m + r - 1 products.

Source: Winograd, "Arithmetic complexity of computations", 1980, for what is possible; Lavin & Gray, "Fast
algorithms for convolutional neural networks", CVPR 2016, for convolutions; Barabasz et al., "Error analysis and
improving the accuracy of Winograd convolution for deep neural networks", 2018, for the choice of points.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


class Bilinear(NamedTuple):
    """A filter as `outputs @ ((weights @ taps) * (inputs @ signal))`.

    Attributes:
        inputs: (P, m + r - 1).
        weights: (P, r).
        outputs: (m, P).
    """

    inputs: Matrix
    weights: Matrix
    outputs: Matrix


def toom_cook(outputs: int, taps: int, points: Sequence[float]) -> Bilinear:
    """Return the algorithm that evaluates polynomials at some points and at infinity.

    Args:
        outputs: m.
        taps: r.
        points: m + r - 2 different numbers; small fractions of powers of two lose the fewest digits. Infinity
            is the last point of the result.

    Raises:
        ValueError: another count of points.
    """
    if len(set(points)) != outputs + taps - 2:
        raise ValueError(f"{len(set(points))} different points for F({outputs}, {taps}); expected {outputs + taps - 2}")
    finite = np.array(points, dtype=np.float64)
    count = len(finite) + 1
    inputs, weights = np.zeros((count, count)), np.zeros((count, taps))
    for index, point in enumerate(finite):
        others = np.delete(finite, index)
        inputs[index, :-1] = _polynomial(others)
        weights[index] = point ** np.arange(taps) / np.prod(point - others)
    inputs[-1], weights[-1, -1] = _polynomial(finite), 1.0
    infinity = np.zeros((outputs, 1))
    infinity[-1] = 1.0
    scale = 2.0 ** np.round(np.log2(np.abs(inputs).max(axis=1, keepdims=True)))
    powers = finite ** np.arange(outputs)[:, None]
    return Bilinear(inputs / scale, weights * scale, np.hstack((powers, infinity)))


def _polynomial(roots: Matrix) -> Matrix:
    """Return the coefficients of a polynomial, the constant one first."""
    return np.atleast_1d(np.poly(roots))[::-1]
