from functools import partial

from egorear_ros.benchmarks.scaling import ROUNDS, _milliseconds


def test_runs_take_turns_and_the_first_round_does_not_count() -> None:
    order: list[int] = []
    times_ms = _milliseconds([partial(order.append, number) for number in range(3)])
    assert order == [0, 1, 2] * (1 + ROUNDS)
    assert len(times_ms) == 3 and all(time_ms >= 0.0 for time_ms in times_ms)
