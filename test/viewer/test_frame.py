"""How often moments are shown."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from egorear_ros.viewer.frame import Thinner

MS = 1_000_000


def shown(rate_hz: float, stamps_ns: list[int]) -> list[int]:
    thinner = Thinner(rate_hz)
    return [stamp for stamp in stamps_ns if thinner(stamp)]


def test_every_third_of_30_hz_is_10_hz() -> None:
    stamps = [round(index * 1e9 / 30) for index in range(90)]
    assert shown(10.0, stamps) == stamps[::3]


def test_zero_shows_all() -> None:
    stamps = [5, 6, 7, 7, 9]
    assert shown(0.0, stamps) == stamps


@given(st.lists(st.integers(1, 400), min_size=1, max_size=60), st.sampled_from([1.0, 4.0, 10.0]))
def test_never_more_than_asked_and_never_silent_for_long(steps_ms: list[int], rate_hz: float) -> None:
    stamps = [sum(steps_ms[: index + 1]) * MS for index in range(len(steps_ms))]
    chosen = shown(rate_hz, stamps)
    assert chosen[0] == stamps[0]
    assert len(chosen) <= (stamps[-1] - stamps[0]) * 1e-9 * rate_hz + 1.1
    longest = max(steps_ms) * MS + 1e9 / rate_hz
    ends = [*chosen, stamps[-1]]
    assert all(later - earlier <= longest + 2 * MS for earlier, later in pairwise(ends))


def test_a_recording_that_begins_again_is_shown_again() -> None:
    first = [index * 100 * MS for index in range(50)]
    assert shown(10.0, first + first) == first + first
