"""When messages of a topic arrived: delays are told from clocks that were set."""

from dataclasses import dataclass, field

KEPT_EVENTS = 20
"""So many places are named per kind; all are counted."""

JUMP_NS = 500_000_000
"""A stamp this far from where it should be is a delay, or a jump of a clock: `sync.MIN_JUMP_NS`."""

DELAY_NS = 5_000_000_000
"""Delays are shorter, and over sooner."""

DRIFT = 1e-3
"""Two clocks may run apart by this share of the time without anything being late."""


@dataclass
class Events:
    """Things that happened, and the first places where they did.

    Attributes:
        count: how many.
        first: (seconds since the first message, size in s) of the first ones.
    """

    count: int = 0
    first: list[tuple[float, float]] = field(default_factory=list)

    def add(self, at_s: float, size_s: float) -> None:
        """Count one."""
        self.count += 1
        if len(self.first) < KEPT_EVENTS:
            self.first.append((at_s, size_s))

    def take_back(self) -> None:
        """Forget the last one: it was something else."""
        if self.count == len(self.first):
            self.first.pop()
        self.count -= 1


@dataclass
class _Delay:
    """A stretch of late messages: when it began, and whether from one message to the next."""

    at_s: float
    log_ns: int
    sudden: bool


class Arrivals:
    """Compares the stamps of a topic with the recorder's clock.

    Nothing arrives before it was taken, so the messages that arrived soonest say how the clocks stand. Later ones
    were delayed, by a busy machine for example; that passes. A clock that was set stays where it is.

    Attributes:
        jumps: the camera's clock was set, by so much.
        delays: stretches of late messages, and how late the first was.
        latest_s: how late the latest message was.
    """

    def __init__(self) -> None:
        self.jumps, self.delays = Events(), Events()
        self.latest_s = 0.0
        self._begin_ns: int | None = None
        self._soonest_ns = self._stamp_ns = self._log_ns = 0
        self._delay: _Delay | None = None

    def add(self, stamp_ns: int, log_ns: int, at_s: float) -> bool:
        """Learn from the next message.

        Args:
            stamp_ns: of the message, ns.
            log_ns: when the recorder received it, ns.
            at_s: the same, since the recording began, s.

        Returns:
            whether a clock was set before this message, so that its stamp says nothing about the time since the last.
        """
        step_ns, log_step_ns = stamp_ns - self._stamp_ns, log_ns - self._log_ns
        self._stamp_ns, self._log_ns = stamp_ns, log_ns
        offset_ns = log_ns - stamp_ns
        if self._begin_ns is None or log_step_ns <= -JUMP_NS:  # the recorder's own clock is judged elsewhere
            self._begin_ns, self._soonest_ns, self._delay = log_ns, offset_ns, None
            return False
        late_ns = offset_ns - self._soonest_ns
        if abs(late_ns) <= JUMP_NS:
            self._delay = None
            self._soonest_ns = min(offset_ns, self._soonest_ns + round(DRIFT * max(log_step_ns, 0)))
            return False
        if 0 < late_ns <= DELAY_NS and step_ns >= 0:
            self._late(late_ns, log_ns, at_s, sudden=log_step_ns - step_ns > JUMP_NS)
            return False
        if late_ns < 0 and -late_ns <= DELAY_NS and log_ns - self._begin_ns < DELAY_NS:  # all before it were late
            self.delays.add(0.0, -late_ns * 1e-9)
            self.latest_s = max(self.latest_s, -late_ns * 1e-9)
            self._soonest_ns = offset_ns
            return False
        self._set(at_s, late_ns)
        return True

    def _late(self, late_ns: int, log_ns: int, at_s: float, *, sudden: bool) -> None:
        """Begin or go on with a delay; one that came at once and stays is none."""
        if self._delay is None:
            self._delay = _Delay(at_s, log_ns, sudden)
            self.delays.add(at_s, late_ns * 1e-9)
        elif self._delay.sudden and log_ns - self._delay.log_ns > DELAY_NS:
            self.delays.take_back()
            self._set(self._delay.at_s, late_ns)
            return
        self.latest_s = max(self.latest_s, late_ns * 1e-9)

    def _set(self, at_s: float, late_ns: int) -> None:
        self.jumps.add(at_s, -late_ns * 1e-9)
        self._soonest_ns += late_ns
        self._delay = None
