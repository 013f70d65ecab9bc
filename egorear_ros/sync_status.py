"""What the synchronizer counts and measures: `msg/SyncStatus.msg` and `msg/CameraCounters.msg` without ROS."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class CameraCounters:
    """What happened to the frames of one camera; fields as `msg/CameraCounters.msg`.

    Every frame ends in exactly one of used, late, duplicate, unmatched and overflow;
    `received` minus their sum is what is buffered right now.

    Attributes:
        view: name of the view.
        received: frames pushed.
        used: frames in sets that went out.
        late: frames whose set had gone out before they came.
        duplicate: frames with the stamp of an earlier frame of their camera.
        unmatched: frames that no set could take.
        overflow: frames pushed out by newer ones.
        rate_hz: frames per second, recently.
        silent_s: time since the newest frame arrived; NaN before the first one.
        stalled: sets do not wait for this camera at present.
    """

    view: str
    received: int
    used: int
    late: int
    duplicate: int
    unmatched: int
    overflow: int
    rate_hz: float
    silent_s: float
    stalled: bool

    @property
    def buffered(self) -> int:
        """Frames that wait for the rest of their set."""
        return self.received - self.used - self.late - self.duplicate - self.unmatched - self.overflow


@dataclass(frozen=True)
class SyncStatus:
    """Counters of the synchronizer; fields as `msg/SyncStatus.msg`.

    Attributes:
        complete_sets: sets with every view.
        partial_sets: sets that went out with views missing.
        dropped_sets: moments with fewer than `min_views` frames.
        resets: backward jumps of time, and calls of `reset`.
        rate_hz: sets per second, recently.
        skew_p50_s, skew_p95_s: latest minus earliest stamp of recent sets; NaN before the first set.
        latency_p50_s, latency_p95_s: reference stamp to release of recent sets; NaN before the first set.
        cameras: by view, in the order of the rig.
    """

    complete_sets: int
    partial_sets: int
    dropped_sets: int
    resets: int
    rate_hz: float
    skew_p50_s: float
    skew_p95_s: float
    latency_p50_s: float
    latency_p95_s: float
    cameras: tuple[CameraCounters, ...]


class RateMeter:
    """Events per second over a sliding window.

    Args:
        window_ns: events older than this are forgotten.
        capacity: most events remembered; a faster stream is measured over a shorter window.
    """

    def __init__(self, window_ns: int = 5 * NS_PER_S, capacity: int = 512) -> None:
        self._window_ns = window_ns
        self._times_ns: deque[int] = deque(maxlen=capacity)

    def add(self, now_ns: int) -> None:
        """Count one event."""
        if self._times_ns and now_ns < self._times_ns[-1]:
            self._times_ns.clear()
        self._times_ns.append(now_ns)

    def rate_hz(self, now_ns: int) -> float:
        """Return events per second up to now; 0 for fewer than two events in the window."""
        # A copy, made in one step: another thread may count an event meanwhile.
        times = [time_ns for time_ns in tuple(self._times_ns) if time_ns > now_ns - self._window_ns]
        if len(times) < 2:
            return 0.0
        mean_period_ns = (times[-1] - times[0]) / (len(times) - 1)
        silent_ns = now_ns - times[-1]
        span_ns = times[-1] - times[0] + max(0.0, silent_ns - mean_period_ns)
        return (len(times) - 1) * NS_PER_S / span_ns if span_ns > 0 else 0.0


def percentiles_s(values_ns: Iterable[int], *percents: float) -> tuple[float, ...]:
    """Return percentiles of durations in ns as s; NaN for no values."""
    values = np.fromiter(values_ns, dtype=np.float64)
    if values.size == 0:
        return tuple(float("nan") for _ in percents)
    return tuple(float(value) / NS_PER_S for value in np.percentile(values, percents))
