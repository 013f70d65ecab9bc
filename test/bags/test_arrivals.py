"""Delays and clocks that were set look alike for a moment, and are told apart."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egorear_ros.bags.arrivals import Arrivals

S = 1_000_000_000
PERIOD_NS = 100_000_000
FOREVER = 300


def arrivals(delays_s: Sequence[float], clock_s: Sequence[float] = ()) -> Arrivals:
    """Return what is learned of messages at 10 Hz.

    Args:
        delays_s: of each message; the recorder gets them in order, so one waits for the one before.
        clock_s: error of the camera's clock at each message; the last one holds on.
    """
    found = Arrivals()
    received_ns = 0
    for index, delay_s in enumerate(delays_s):
        error_s = clock_s[min(index, len(clock_s) - 1)] if clock_s else 0.0
        taken_ns = 100 * S + index * PERIOD_NS
        received_ns = max(received_ns, taken_ns + round(delay_s * S))
        found.add(taken_ns + round(error_s * S), received_ns, (received_ns - 100 * S) / S)
    return found


def test_in_time() -> None:
    found = arrivals([0.01] * FOREVER)
    assert (found.jumps.count, found.delays.count, found.latest_s) == (0, 0, 0.0)


def test_a_machine_that_stalls() -> None:
    found = arrivals([0.01] * 50 + [1.2] + [0.01] * 50)
    assert found.jumps.count == 0
    assert found.delays.count == 1 and found.delays.first == [pytest.approx((6.2, 1.19))]
    assert found.latest_s == pytest.approx(1.19)


def test_a_queue_that_grows_is_no_clock() -> None:
    found = arrivals([0.01 * index for index in range(200)])
    assert found.jumps.count == 0 and found.delays.count == 1
    assert found.latest_s == pytest.approx(1.99, abs=0.25)


def test_a_late_start() -> None:
    """The first image waits for a program that starts; the next one comes a second later and in time."""
    found = Arrivals()
    for index in range(20):
        assert not found.add(index * S, index * S + (S // 1000 if index else 9 * S // 10), float(index))
    assert found.jumps.count == 0 and found.delays.first == [pytest.approx((0.0, 0.899))]


@pytest.mark.parametrize("error_s", [-1.0, -20.0, 1.0, 20.0])
def test_a_clock_that_was_set(error_s: float) -> None:
    found = arrivals([0.01] * FOREVER, [0.0] * 100 + [error_s])
    assert found.jumps.count == 1 and found.delays.count == 0
    assert found.jumps.first == [pytest.approx((10.01, error_s))]


def test_a_clock_that_was_set_back_while_the_camera_was_silent() -> None:
    """Its stamps go on, so that it looks like a delay until that does not end."""
    found = Arrivals()
    for index in range(FOREVER):
        silent_ns, error_ns = (3 * S, 2 * S) if index >= 100 else (0, 0)
        log_ns = index * PERIOD_NS + silent_ns
        assert not found.add(log_ns - error_ns, log_ns, log_ns / S)
    assert found.jumps.first == [pytest.approx((13.0, -2.0))] and found.delays.count == 0


def test_clocks_that_run_apart_are_not_late() -> None:
    found = arrivals([0.01] * 20_000, [-2e-4 * index * PERIOD_NS / S for index in range(20_000)])
    assert found.jumps.count == 0 and found.delays.count == 0


def test_the_recorders_own_clock_is_judged_elsewhere() -> None:
    found = Arrivals()
    for index in range(100):
        log_ns = index * PERIOD_NS + (0 if index < 50 else -20 * S)
        found.add(index * PERIOD_NS, log_ns, 0.0)
    assert found.jumps.count == 0 and found.delays.count == 0


@given(st.lists(st.tuples(st.integers(60, 90), st.floats(0.0, 4.0)), min_size=1, max_size=5))
def test_stalls_are_never_clocks(stalls: list[tuple[int, float]]) -> None:
    """What comes late comes in order, and then again in time."""
    delays_s = [0.01] * 60
    for pause, stall_s in stalls:
        delays_s += [stall_s] + [0.01] * pause
    found = arrivals(delays_s)
    assert found.jumps.count == 0
    assert found.delays.count == sum(stall_s > 0.51 for _, stall_s in stalls)
