"""The latest-only slot: newest wins, nothing piles up, nothing old comes out after a clear."""

import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egorear_ros.latest import LatestWorker


class Bench:
    """A worker whose computations end only when the test says so."""

    def __init__(self) -> None:
        self.started: list[int] = []
        self.delivered: list[tuple[int, int]] = []
        self.failed: list[tuple[int, Exception]] = []
        self.gate = threading.Semaphore(0)
        self.worker: LatestWorker[int, int] = LatestWorker(
            self._compute, lambda item, result: self.delivered.append((item, result)), self._fail
        )

    def _compute(self, item: int) -> int:
        self.started.append(item)
        self.gate.acquire()
        if item < 0:
            raise ValueError(f"no {item}")
        return item * 10

    def _fail(self, item: int, error: Exception) -> None:
        self.failed.append((item, error))

    def wait(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 60.0
        while not condition():
            assert time.monotonic() < end, "the worker did not get there"
            time.sleep(0.001)


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.worker.start()
    yield bench  # type: ignore[misc]
    for _ in range(10):
        bench.gate.release()
    bench.worker.stop()


def test_newest_item_is_taken_and_the_others_are_counted(bench: Bench) -> None:
    bench.worker.put(1)
    bench.wait(lambda: bench.started == [1])
    assert not bench.worker.put(2)
    assert bench.worker.put(3)
    assert bench.worker.put(4)
    bench.gate.release()
    bench.wait(lambda: bench.started == [1, 4])
    bench.gate.release()
    bench.wait(lambda: len(bench.delivered) == 2)
    assert bench.delivered == [(1, 10), (4, 40)]
    assert (bench.worker.skipped, bench.worker.computed) == (2, 2)


def test_clear_discards_the_slot_and_the_result_under_way(bench: Bench) -> None:
    bench.worker.put(1)
    bench.wait(lambda: bench.started == [1])
    bench.worker.put(2)
    bench.worker.clear()
    bench.gate.release()
    bench.wait(lambda: bench.worker.computed == 1)
    bench.worker.put(3)
    bench.gate.release()
    bench.wait(lambda: bench.delivered != [])
    assert bench.started == [1, 3]
    assert bench.delivered == [(3, 30)]


def test_an_error_is_reported_and_the_thread_goes_on(bench: Bench) -> None:
    bench.worker.put(-1)
    bench.gate.release()
    bench.wait(lambda: bench.failed != [])
    bench.worker.put(5)
    bench.gate.release()
    bench.wait(lambda: bench.delivered == [(5, 50)])
    assert [(item, str(error)) for item, error in bench.failed] == [(-1, "no -1")]


def test_stop_waits_for_the_computation_and_delivers_nothing(bench: Bench) -> None:
    bench.worker.put(1)
    bench.wait(lambda: bench.started == [1])

    def release() -> None:
        while bench.worker._running:
            time.sleep(0.001)
        bench.gate.release()

    threading.Thread(target=release).start()
    bench.worker.stop()
    assert bench.worker.computed == 1
    assert bench.delivered == []
    bench.worker.put(2)
    bench.worker.start()
    bench.worker.put(3)
    bench.gate.release()
    bench.wait(lambda: bench.delivered == [(3, 30)])
    assert bench.started == [1, 3]


def test_starting_twice_is_refused(bench: Bench) -> None:
    with pytest.raises(RuntimeError, match="runs already"):
        bench.worker.start()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_every_item_is_computed_or_skipped_in_order_and_the_last_one_comes_out(pauses: list[int]) -> None:
    delivered: list[int] = []
    worker: LatestWorker[int, int] = LatestWorker(
        lambda item: item, lambda _, result: delivered.append(result), lambda _, error: pytest.fail(str(error))
    )
    worker.start()
    for item, pause in enumerate(pauses):
        worker.put(item)
        time.sleep(pause * 1e-4)
    end = time.monotonic() + 60.0
    while (not delivered or delivered[-1] != len(pauses) - 1) and time.monotonic() < end:
        time.sleep(0.001)
    worker.stop()
    assert delivered[-1] == len(pauses) - 1
    assert delivered == sorted(set(delivered))
    assert worker.computed + worker.skipped == len(pauses)
