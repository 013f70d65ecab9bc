"""How long each stage of recent work took."""

from collections import deque
from collections.abc import Mapping
from threading import Lock

import numpy as np

RECENT = 300
"""Percentiles are over this many of the newest durations of a stage."""

PERCENTS = (50, 95)


class StageTimes:
    """Recent durations by stage; several threads may add."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._durations_s: dict[str, deque[float]] = {}

    def add(self, stage: str, duration_s: float) -> None:
        """Note how long a stage took, s."""
        with self._lock:
            self._durations_s.setdefault(stage, deque(maxlen=RECENT)).append(duration_s)

    def percentiles_s(self) -> dict[str, tuple[float, ...]]:
        """Return the 50th and 95th percentile of every stage, s."""
        with self._lock:
            recent = {stage: list(durations_s) for stage, durations_s in self._durations_s.items()}
        return {stage: tuple(float(value) for value in np.percentile(one, PERCENTS)) for stage, one in recent.items()}

    def values(self) -> Mapping[str, object]:
        """Return what diagnostics show: `<stage> p50 s` and `<stage> p95 s`."""
        return {
            f"{stage} p{percent} s": value
            for stage, values in self.percentiles_s().items()
            for percent, value in zip(PERCENTS, values, strict=True)
        }

    def summary(self) -> str:
        """Return one sentence about the whole way from exposure to publication."""
        whole = self.percentiles_s().get("capture to publish")
        return f"{whole[0] * 1e3:.0f} ms from capture to publication" if whole else "no pose yet"
