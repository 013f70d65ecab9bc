"""The distance between the monotonic clock of drivers and the ROS clock."""

import time
from collections.abc import Callable

REFRESH_NS = 1_000_000_000
"""The offset is measured again after this long: the system clock is slewed by NTP, the monotonic one is not."""

ATTEMPTS = 5


class ClockOffset:
    """Turns exposure stamps on CLOCK_MONOTONIC into stamps on the ROS clock.

    Args:
        ros_ns: the ROS clock, ns.
        simulated: whether it is simulated; then the offset changes all the time.
        monotonic_ns: CLOCK_MONOTONIC, ns.
    """

    def __init__(
        self,
        ros_ns: Callable[[], int],
        simulated: Callable[[], bool],
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._ros_ns = ros_ns
        self._simulated = simulated
        self._monotonic_ns = monotonic_ns
        self._offset_ns = 0
        self._refresh_at_ns: int | None = None

    def ros_stamp_ns(self, monotonic_stamp_ns: int) -> int:
        """Return a stamp on the ROS clock."""
        now_ns = self._monotonic_ns()
        if self._refresh_at_ns is None or now_ns >= self._refresh_at_ns or self._simulated():
            self._offset_ns = min(self._measure() for _ in range(ATTEMPTS))[1]
            self._refresh_at_ns = now_ns + REFRESH_NS
        return monotonic_stamp_ns + self._offset_ns

    def _measure(self) -> tuple[int, int]:
        """Return (uncertainty, offset), ns: the ROS clock was read between two readings of the other."""
        before_ns = self._monotonic_ns()
        ros_ns = self._ros_ns()
        after_ns = self._monotonic_ns()
        return after_ns - before_ns, ros_ns - (before_ns + after_ns) // 2
