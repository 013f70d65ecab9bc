"""Which image of a recording belongs to a tick of the clock."""

from egorear_ros.config import SourceConfig
from egorear_ros.sources.base import EndOfSource


def period_ns(rate_hz: float) -> int:
    """Return the frame period of a paced camera: tick = stamp_ns // period_ns."""
    return round(1e9 / rate_hz)


class Pacing:
    """Place ticks in a recording.

    A looping recording depends on the clock alone, so that all cameras show the same moment, also
    in separate processes. One that plays once begins at `start_s`, or where that is 0 at the
    first tick asked for; if the clock jumps back before that, it begins again.

    Args:
        config: `rate_hz`, `loop` and `start_s` are used.
    """

    def __init__(self, config: SourceConfig) -> None:
        self.period_ns = period_ns(config.rate_hz)
        self._loop = config.loop
        self._fixed = config.start_s > 0
        self._first_tick: int | None = round(config.start_s * 1e9) // self.period_ns if self._fixed else None

    def frame(self, tick: int, count: int) -> int:
        """Return the index of a tick's image among `count`, one per tick.

        Raises:
            EndOfSource: the recording is over.
        """
        if self._loop:
            return tick % count
        index = self._elapsed(tick)
        if index >= count:
            raise EndOfSource(f"all {count} images were played")
        return index

    def _elapsed(self, tick: int) -> int:
        """Ticks since the beginning; 0 before it."""
        if self._first_tick is None or (tick < self._first_tick and not self._fixed):
            self._first_tick = tick
        return max(0, tick - self._first_tick)
