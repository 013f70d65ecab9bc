"""How sure a mean is: it is taken again over recordings drawn with replacement.

Frames of one recording resemble each other, so drawing frames would promise far too much.

Source: Efron & Tibshirani, "An Introduction to the Bootstrap", 1993: percentile interval of a
cluster bootstrap.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from egorear_ros.structures import FloatArray

DRAWS = 2000
CONFIDENCE = 0.95


def interval(values: FloatArray, groups: Sequence[str], draws: int = DRAWS, seed: int = 0) -> FloatArray:
    """Return the (2, ...) 95 % interval of the mean of N values.

    Args:
        values: (N, ...) one row per frame.
        groups: N names; rows of one group are drawn together.
        draws: how often.
        seed: of the draws, so that two runs print the same.

    With one group only nothing is known about others: the interval is NaN.
    """
    values = np.asarray(values, dtype=np.float64)
    sums, counts = group_sums(values, groups)
    if len(counts) < 2:
        return np.full((2, *values.shape[1:]), np.nan)
    chosen = np.random.default_rng(seed).integers(len(counts), size=(draws, len(counts)))
    times = np.stack([np.bincount(row, minlength=len(counts)) for row in chosen]).astype(np.float64)
    means = np.tensordot(times, sums, axes=1) / (times @ counts).reshape(-1, *[1] * (values.ndim - 1))
    tail = 50.0 * (1.0 - CONFIDENCE)
    return np.percentile(means, [tail, 100.0 - tail], axis=0)


def group_sums(values: FloatArray, groups: Sequence[str]) -> tuple[FloatArray, NDArray[np.float64]]:
    """Return (G, ...) sums and (G,) counts of the rows of each group."""
    _, index = np.unique(np.asarray(groups), return_inverse=True)
    counts = np.bincount(index).astype(np.float64)
    sums = np.zeros((len(counts), *values.shape[1:]))
    np.add.at(sums, index, values)
    return sums, counts
