"""The ticks of a clock, also of a simulated one that stops, jumps or runs at another speed."""

from collections import deque
from collections.abc import Callable
from statistics import median
from threading import Event

POLL_S = 0.005
"""How often simulated time is looked at: nothing says in advance when it will reach a tick."""

MEASURED = 5
"""So many preparations say whether the source keeps up; fewer are a hiccup."""

LONGEST_REST_S = 0.01
"""How long preparing the next image waits for the work on the last one."""


class Pacer:
    """Gives out the ticks of a frame period, each ahead of its time, so that its image can be prepared.

    A tick is `time // period`, counted from the clock's epoch, so that everybody with the same
    period and clock has the same ticks. The next tick is always in the future: ticks that passed
    while the caller was busy are skipped and counted, because working them off would make it late
    for ever.

    A source that takes longer than a period for every image gets every 2nd, 4th, 8th ... tick. All
    cameras of an overloaded computer so skip the same ticks, and their images still make whole sets;
    skipping at random, four cameras would hardly ever show the same moment.

    Args:
        now_ns: the clock, ns.
        simulated: whether the clock is simulated at present.
        period_ns: time between ticks, ns.
    """

    def __init__(self, now_ns: Callable[[], int], simulated: Callable[[], bool], period_ns: int) -> None:
        self._now_ns = now_ns
        self._simulated = simulated
        self.period_ns = period_ns
        self.missed = 0
        self._last: int | None = None
        self._given_ns = 0
        self._longest_ns = period_ns
        self._preparations_ns: deque[int] = deque(maxlen=MEASURED)

    def next(self, stop: Event) -> int | None:
        """Return the next tick, after simulated time has begun; None if `stop` is set."""
        self._rest(stop)
        while (now_ns := self._now_ns()) <= 0 and not stop.is_set():
            stop.wait(POLL_S)
        if stop.is_set():
            return None
        stride = self._stride()
        tick = (now_ns // self.period_ns // stride + 1) * stride
        if self._last is not None and tick > self._last:  # else time jumped back
            self.missed += tick - self._last - 1
        self._last, self._given_ns, self._longest_ns = tick, now_ns, stride * self.period_ns
        return tick

    def reach(self, tick: int, stop: Event) -> bool:
        """Wait until a tick's time; False if `stop` was set, or time jumped back, so that it will not come soon."""
        self._preparations_ns.append(self._now_ns() - self._given_ns)
        while not stop.is_set():
            left_ns = tick * self.period_ns - self._now_ns()
            if left_ns <= 0:
                return True
            if left_ns > self._longest_ns:
                return False
            stop.wait(POLL_S if self._simulated() else left_ns * 1e-9)
        return False

    def _rest(self, stop: Event) -> None:
        """Leave the interpreter to those who work on the image that has just gone out, if there is time."""
        measured = len(self._preparations_ns) == MEASURED and not self._simulated()
        if measured and median(self._preparations_ns) < self.period_ns // 2:
            stop.wait(min(self.period_ns * 1e-9 / 4, LONGEST_REST_S))

    def _stride(self) -> int:
        """Return the distance of ticks that the source keeps up with: 1, or a power of two if it is too slow."""
        if len(self._preparations_ns) < MEASURED:
            return 1
        periods = max(1, -(-int(median(self._preparations_ns)) // self.period_ns))
        return 1 << (periods - 1).bit_length()
