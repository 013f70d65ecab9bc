"""Ticks of real and simulated clocks."""

import itertools
import threading
import time
from threading import Event

import pytest

from egorear_ros.nodes.pacer import Pacer

PERIOD_NS = 100


class FakeClock:
    """A simulated clock that the test moves."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns


def simulated(clock: FakeClock) -> Pacer:
    return Pacer(clock, lambda: True, PERIOD_NS)


def test_everybody_has_the_same_ticks() -> None:
    stop = Event()
    early, late = simulated(FakeClock(1201)), simulated(FakeClock(1299))
    assert early.next(stop) == late.next(stop) == 13


def test_ticks_follow_each_other_and_the_first_misses_nothing() -> None:
    clock, stop = FakeClock(123_456_789), Event()
    pacer = simulated(clock)
    first = pacer.next(stop)
    assert first is not None
    for tick in range(first, first + 5):
        clock.now_ns = tick * PERIOD_NS
        assert pacer.reach(tick, stop)
        assert pacer.next(stop) == tick + 1
    assert pacer.missed == 0


def test_ticks_that_passed_are_skipped_and_counted() -> None:
    clock, stop = FakeClock(1000), Event()
    pacer = simulated(clock)
    assert pacer.next(stop) == 11
    clock.now_ns = 1450
    assert pacer.reach(11, stop)  # late, but it is there
    assert pacer.next(stop) == 15
    assert pacer.missed == 3


class Waiting(Event):
    """Lets the simulated clock go on whenever somebody waits."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.now_ns += PERIOD_NS // 20
        return False


def paced_ticks(preparations_ns: list[int], start_ns: int = 1200) -> list[int]:
    """Return the ticks of a source that takes these times to prepare its images."""
    clock = FakeClock(start_ns)
    pacer, stop = simulated(clock), Waiting(clock)
    ticks = []
    for preparation_ns in preparations_ns:
        tick = pacer.next(stop)
        assert tick is not None
        clock.now_ns += preparation_ns
        assert pacer.reach(tick, stop)
        ticks.append(tick)
    return ticks


def test_cameras_that_are_all_too_slow_skip_the_same_ticks() -> None:
    one, other = paced_ticks([590] * 40, 1200)[8:], paced_ticks([760] * 40, 1730)[8:]
    assert {tick % 8 for tick in one + other} == {0}
    assert len(set(one) & set(other)) > 25


def test_a_source_that_keeps_up_again_gets_every_tick_again() -> None:
    ticks = paced_ticks([350] * 8 + [20] * 8)
    assert ticks[6] - ticks[5] >= 4
    assert ticks[-1] - ticks[-2] == 1


def test_one_hiccup_is_no_reason_to_skip() -> None:
    ticks = paced_ticks([20] * 8 + [900] + [20] * 4)
    assert [b - a for a, b in itertools.pairwise(ticks[9:])] == [1, 1, 1]


def test_backward_jump_gives_up_the_tick_and_counts_nothing() -> None:
    clock, stop = FakeClock(1000), Event()
    pacer = simulated(clock)
    tick = pacer.next(stop)
    assert tick == 11
    clock.now_ns = 350
    assert not pacer.reach(tick, stop)
    assert pacer.next(stop) == 4
    assert pacer.missed == 0


def test_waits_for_simulated_time_to_begin() -> None:
    clock, stop, got = FakeClock(0), Event(), []
    thread = threading.Thread(target=lambda: got.append(simulated(clock).next(stop)))
    thread.start()
    time.sleep(0.05)
    assert thread.is_alive()
    clock.now_ns = 730
    thread.join(60)
    assert got == [8]


@pytest.mark.parametrize("now_ns", [0, 1000])
def test_stop_ends_the_wait(now_ns: int) -> None:
    clock, stop = FakeClock(now_ns), Event()
    pacer = simulated(clock)
    threading.Timer(0.05, stop.set).start()
    if now_ns:
        assert not pacer.reach(11, stop)
    assert pacer.next(stop) is None


def test_real_time_is_reached_and_not_early() -> None:
    pacer, stop = Pacer(time.time_ns, lambda: False, 20_000_000), Event()
    for _ in range(3):
        tick = pacer.next(stop)
        assert tick is not None and pacer.reach(tick, stop)
        assert time.time_ns() >= tick * 20_000_000


class RecordingEvent(Event):
    """Notes how long it was waited for, and lets a fake clock pass instead."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock
        self.waits_s: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits_s.append(timeout or 0.0)
        self.clock.now_ns += round((timeout or 0.0) * 1e9)
        return False


@pytest.mark.parametrize(("preparation_ns", "rests"), [(1_000_000, True), (30_000_000, False)])
def test_a_quick_source_leaves_the_interpreter_to_others_first(preparation_ns: int, rests: bool) -> None:
    clock = FakeClock(10**12)
    stop = RecordingEvent(clock)
    pacer = Pacer(clock, lambda: False, 40_000_000)
    for _ in range(8):
        tick = pacer.next(stop)
        assert tick is not None
        clock.now_ns += preparation_ns
        assert pacer.reach(tick, stop)
    stop.waits_s.clear()
    pacer.next(stop)
    assert stop.waits_s == ([0.01] if rests else [])
    assert pacer.missed == 0
