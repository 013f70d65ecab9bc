"""Driver stamps on the ROS clock."""

from egorear_ros.nodes.clock_offset import REFRESH_NS, ClockOffset

BOOT_NS = 1_700_000_000_000_000_000


class Clocks:
    """A monotonic clock and a ROS clock that differs from it by `offset_ns`; every reading takes time."""

    def __init__(self) -> None:
        self.monotonic_ns = 5_000_000_000
        self.offset_ns = BOOT_NS
        self.delays_ns: list[int] = []

    def monotonic(self) -> int:
        return self.monotonic_ns

    def ros(self) -> int:
        # Half of the delay before and half after the reading.
        delay_ns = self.delays_ns.pop(0) if self.delays_ns else 0
        self.monotonic_ns += delay_ns // 2
        now_ns = self.monotonic_ns + self.offset_ns
        self.monotonic_ns += delay_ns - delay_ns // 2
        return now_ns


def test_stamp_is_moved_by_the_distance_of_the_clocks() -> None:
    clocks = Clocks()
    offset = ClockOffset(clocks.ros, lambda: False, clocks.monotonic)
    assert offset.ros_stamp_ns(4_980_000_000) == BOOT_NS + 4_980_000_000


def test_the_least_disturbed_reading_counts() -> None:
    class Interrupted(Clocks):
        def ros(self) -> int:
            delay_ns = self.delays_ns.pop(0)
            now_ns = self.monotonic_ns + self.offset_ns
            self.monotonic_ns += delay_ns  # all of it after the reading: the worst case
            return now_ns

    clocks = Interrupted()
    clocks.delays_ns = [3_000_000, 2_000, 5_000_000, 4_000_000, 9_000_000]
    offset = ClockOffset(clocks.ros, lambda: False, clocks.monotonic)
    assert abs(offset.ros_stamp_ns(0) - BOOT_NS) <= 1_000


def test_a_step_of_the_system_clock_is_followed_within_a_second() -> None:
    clocks = Clocks()
    offset = ClockOffset(clocks.ros, lambda: False, clocks.monotonic)
    assert offset.ros_stamp_ns(0) == BOOT_NS
    clocks.offset_ns += 250_000_000
    clocks.monotonic_ns += REFRESH_NS // 2
    assert offset.ros_stamp_ns(0) == BOOT_NS
    clocks.monotonic_ns += REFRESH_NS // 2
    assert offset.ros_stamp_ns(0) == BOOT_NS + 250_000_000


def test_simulated_time_is_measured_for_every_stamp() -> None:
    clocks = Clocks()
    offset = ClockOffset(clocks.ros, lambda: True, clocks.monotonic)
    offset.ros_stamp_ns(0)
    clocks.offset_ns = 0
    assert offset.ros_stamp_ns(7) == 7
