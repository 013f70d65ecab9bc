"""Ticks of the clock become frames of a recording."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egorear_ros.config import SourceConfig
from egorear_ros.sources.base import EndOfSource
from egorear_ros.sources.pacing import Pacing, period_ns


def test_period_is_whole_nanoseconds() -> None:
    assert period_ns(30.0) == 33_333_333
    assert period_ns(0.1) == 10_000_000_000


@given(st.integers(0, 10**12), st.integers(1, 1000))
def test_looping_cameras_agree_whenever_they_start(tick: int, count: int) -> None:
    early, late = Pacing(SourceConfig()), Pacing(SourceConfig())
    early.frame(tick, count)
    assert early.frame(tick + 7, count) == late.frame(tick + 7, count)
    assert (early.frame(tick + 1, count) - early.frame(tick, count)) % count == 1 % count


def test_playing_once_begins_with_the_first_tick_and_ends() -> None:
    pacing = Pacing(SourceConfig(loop=False))
    assert [pacing.frame(tick, 3) for tick in (100, 101, 102)] == [0, 1, 2]
    with pytest.raises(EndOfSource, match="all 3 images"):
        pacing.frame(103, 3)


def test_playing_once_skips_what_nobody_asked_for() -> None:
    pacing = Pacing(SourceConfig(loop=False))
    assert [pacing.frame(tick, 10) for tick in (100, 104)] == [0, 4]


def test_cameras_with_a_start_time_begin_together() -> None:
    config = SourceConfig(loop=False, rate_hz=10.0, start_s=50.0)
    early, late = Pacing(config), Pacing(config)
    assert [early.frame(tick, 5) for tick in (490, 499, 500, 501)] == [0, 0, 0, 1]
    assert late.frame(503, 5) == 3


def test_clock_that_jumps_back_begins_again() -> None:
    pacing = Pacing(SourceConfig(loop=False))
    assert pacing.frame(100, 3) == 0
    assert [pacing.frame(tick, 3) for tick in (5, 6)] == [0, 1]
