"""What the viewer shows of one moment, and where moments come from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from egorear_ros.structures import BodyPose, FloatArray, FrameSet, Rig

Heatmaps = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Moment:
    """One moment to show; whatever is unknown is left out.

    Attributes:
        stamp_ns: of the frame set, ns; from the beginning of the recording where `Moments.clock` is false.
        frames: the images.
        estimate: the pose.
        truth: (J, 3) true joints in the device frame, m.
        heatmaps: (J_heatmap, H, W) by view, of the network that made the estimate.
        latency_ms: named times to plot, ms.
    """

    stamp_ns: int
    frames: FrameSet
    estimate: BodyPose | None = None
    truth: FloatArray | None = None
    heatmaps: Heatmaps = field(default_factory=dict)
    latency_ms: Mapping[str, float] = field(default_factory=dict)


class Moments(Protocol):
    """A recording, a sequence or a running graph.

    Attributes:
        rig: its cameras.
        title: what is shown, for the window.
        clock: whether stamps are times of the day.
        remarks: what the user should know, one sentence each; grows while moments are read.
    """

    rig: Rig
    title: str
    clock: bool
    remarks: list[str]

    def __iter__(self) -> Iterator[Moment]:
        """Yield moments, oldest first.

        Raises:
            ViewError: there is nothing to show.
        """
        ...


TOLERANCE_NS = 1_000_000
"""10 Hz of a 30 Hz stream is every third image, whatever its stamps are rounded to."""


class Thinner:
    """Lets through at most so many moments per second of stamps; a clock that jumps back starts anew.

    Args:
        rate_hz: most per second; 0: all.
    """

    def __init__(self, rate_hz: float) -> None:
        self._period_ns = round(1e9 / rate_hz) if rate_hz > 0 else 0
        self._next_ns: int | None = None

    def __call__(self, stamp_ns: int) -> bool:
        """Return whether the moment with this stamp is shown."""
        begins = self._next_ns is None or stamp_ns < self._next_ns - 2 * self._period_ns
        if begins:
            self._next_ns = stamp_ns
        assert self._next_ns is not None
        if stamp_ns < self._next_ns - TOLERANCE_NS:
            return False
        self._next_ns = max(self._next_ns + self._period_ns, stamp_ns)
        return True
