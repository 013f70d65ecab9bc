"""Percentiles of as many durations as come, in a fixed amount of memory."""

import numpy as np

BIN_NS = 50_000
BINS = 40_000
"""Durations up to 2 s are told apart to 0.05 ms; longer ones are counted together."""


class Durations:
    """A histogram of non-negative durations."""

    def __init__(self) -> None:
        self._counts = np.zeros(BINS + 1, np.int64)
        self.largest_ns = 0

    def add(self, duration_ns: int) -> None:
        """Count a duration."""
        self._counts[min(duration_ns // BIN_NS, BINS)] += 1
        self.largest_ns = max(self.largest_ns, duration_ns)

    def __len__(self) -> int:
        """Return how many were counted."""
        return int(self._counts.sum())

    def percentile_ns(self, percent: float) -> float:
        """Return the duration that so many percent do not exceed, ns; NaN where there are none."""
        total = len(self)
        if not total:
            return float("nan")
        index = int(np.searchsorted(np.cumsum(self._counts), percent / 100 * total))
        return float(self.largest_ns if index >= BINS else min((index + 0.5) * BIN_NS, self.largest_ns))

    def spread_ns(self, center_ns: float, percent: float) -> float:
        """Return the distance from a duration within which so many percent lie, ns; NaN where there are none."""
        total = len(self)
        if not total:
            return float("nan")
        distances = np.abs((np.arange(BINS + 1) + 0.5) * BIN_NS - center_ns)
        order = np.argsort(distances)
        index = int(np.searchsorted(np.cumsum(self._counts[order]), percent / 100 * total))
        return float(max(0.0, distances[order][min(index, BINS)] - 0.5 * BIN_NS))

    def missing(self, period_ns: float) -> int:
        """Return how many moments were skipped: a duration of n periods skips n - 1."""
        periods = np.round((np.arange(BINS + 1) + 0.5) * BIN_NS / period_ns) - 1
        return int((np.maximum(periods, 0) * self._counts).sum())
