"""How long each stage of recent work took."""

import time
from collections import deque
from collections.abc import Mapping
from threading import Lock

import numpy as np

RECENT = 300
"""Percentiles are over this many of the newest durations of a stage."""

PERCENTS = {"p50": 50, "p95": 95, "max": 100}
"""What is said of every stage."""


def transport_ns(info: Mapping[str, int]) -> int | None:
    """Return how long a message was under way, ns; None if its publisher's middleware does not say when it left.

    Args:
        info: what rclpy gives beside a message. Both times are the system clock's, also when ROS
            time is simulated; machines with clocks of their own differ by what those differ.
    """
    sent_ns = info.get("source_timestamp", 0)
    return time.time_ns() - sent_ns if sent_ns > 0 else None


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
        """Return the median, the 95th percentile and the maximum of every stage, s."""
        with self._lock:
            recent = {stage: list(durations_s) for stage, durations_s in self._durations_s.items()}
        return {
            stage: tuple(float(value) for value in np.percentile(one, list(PERCENTS.values())))
            for stage, one in recent.items()
        }

    def values(self) -> Mapping[str, object]:
        """Return what diagnostics show: `<stage> p50 s`, `<stage> p95 s` and `<stage> max s`."""
        return {
            f"{stage} {name} s": value
            for stage, values in self.percentiles_s().items()
            for name, value in zip(PERCENTS, values, strict=True)
        }

    def summary(self) -> str:
        """Return one sentence about the whole way from exposure to publication."""
        whole = self.percentiles_s().get("capture to publish")
        return f"{whole[0] * 1e3:.0f} ms from capture to publication" if whole else "no pose yet"
