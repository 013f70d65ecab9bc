"""Run several cameras at once for a moment: the only reliable test of USB bandwidth."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier, BrokenBarrierError

from egorear_ros.sources.base import Source, SourceError, SourceLost


@dataclass(frozen=True)
class TrialResult:
    """What one camera did while all of them ran.

    Attributes:
        images: whole images that came.
        damaged: images that were not whole.
        rate_hz: images per second, by their stamps.
        mbps: payload, Mbit/s.
        problem: why it could not run or stopped; empty if it did not.
    """

    images: int
    damaged: int
    rate_hz: float
    mbps: float
    problem: str = ""


def run_together(sources: Sequence[Source], duration_s: float) -> list[TrialResult]:
    """Open all sources, then read from all of them for a while; return results in the order given.

    Cameras are opened one after the other, as a launch does, so that the one for which no
    bandwidth is left is named.
    """
    problems = [_open(source) for source in sources]
    barrier = Barrier(max(1, problems.count("")))

    def read(source: Source, problem: str) -> TrialResult:
        return TrialResult(0, 0, 0.0, 0.0, problem) if problem else _read(source, duration_s, barrier)

    with ThreadPoolExecutor(max_workers=max(1, len(sources))) as pool:
        try:
            return list(pool.map(read, sources, problems))
        finally:
            for source in sources:
                source.close()


def _open(source: Source) -> str:
    try:
        source.open()
    except SourceError as error:
        return str(error)
    return ""


def _read(source: Source, duration_s: float, barrier: Barrier) -> TrialResult:
    tally = _Tally()
    tally.take(source)  # the first image of a camera takes longer
    try:
        barrier.wait(timeout=30)
    except BrokenBarrierError:
        tally.problem = tally.problem or "another camera did not start within 30 s"
    tally = _Tally(problem=tally.problem)
    end_s = time.monotonic() + duration_s
    while not tally.problem and time.monotonic() < end_s:
        tally.take(source)
    return tally.result(duration_s)


@dataclass
class _Tally:
    stamps_ns: list[int] = field(default_factory=list)
    damaged: int = 0
    size: int = 0
    problem: str = ""

    def take(self, source: Source) -> None:
        try:
            picture = source.read(0)
        except SourceLost as error:
            self.problem = str(error)
        except SourceError:
            self.damaged += 1
        else:
            self.stamps_ns.append(time.monotonic_ns() if picture.monotonic_ns is None else picture.monotonic_ns)
            self.size += len(picture.data) if isinstance(picture.data, bytes) else picture.data.nbytes

    def result(self, duration_s: float) -> TrialResult:
        span_s = (self.stamps_ns[-1] - self.stamps_ns[0]) * 1e-9 if self.stamps_ns else 0.0
        rate_hz = (len(self.stamps_ns) - 1) / span_s if span_s > 0 else 0.0
        return TrialResult(len(self.stamps_ns), self.damaged, rate_hz, self.size * 8e-6 / duration_s, self.problem)
