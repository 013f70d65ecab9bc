"""The capture thread: pictures, damage, loss and return, end."""

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from egorear_ros.config import SourceConfig
from egorear_ros.nodes.capture import Capture, CaptureState
from egorear_ros.nodes.clock_offset import ClockOffset
from egorear_ros.nodes.pacer import Pacer
from egorear_ros.sources.base import EndOfSource, Picture, SourceError, SourceLost

PERIOD_NS = 5_000_000


class Source:
    """Does what a list of answers says: a Picture is returned, an exception raised."""

    def __init__(self, paced: bool, answers: list[Any], opens: list[Any] | None = None) -> None:
        self.paced = paced
        self.answers, self.opens = answers, opens or []
        self.ticks: list[int] = []
        self.opened = self.closed = 0

    def open(self) -> None:
        self.opened += 1
        if self.opens and isinstance(answer := self.opens.pop(0), Exception):
            raise answer

    def read(self, tick: int) -> Picture:
        self.ticks.append(tick)
        if not self.answers:
            raise EndOfSource
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.closed += 1


class Listener:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.pictures: list[tuple[Picture, int]] = []
        self.told: list[str] = []
        self.on_picture_hook: Callable[[], None] = lambda: None

    def on_picture(self, picture: Picture, stamp_ns: int) -> None:
        self.pictures.append((picture, stamp_ns))
        self.on_picture_hook()

    def on_damaged(self, error: Exception) -> None:
        self.told.append(f"damaged {error}")

    def on_lost(self, error: SourceError, wait_s: float) -> None:
        self.told.append(f"lost {error}")

    def on_back(self) -> None:
        self.told.append("back")

    def on_finished(self) -> None:
        self.told.append("finished")


def picture(monotonic_ns: int | None = None) -> Picture:
    return Picture("jpeg", b"\xff\xd8", monotonic_ns)


def run(source: Source, listener: Listener, until: Callable[[Capture], bool], reopen_s: float = 0.05) -> Capture:
    pacer = Pacer(time.time_ns, lambda: False, PERIOD_NS)
    offset = ClockOffset(time.time_ns, lambda: False)
    capture = Capture(source, SourceConfig(reopen_s=reopen_s), listener, pacer, offset, time.time_ns, "test")
    end_s = time.monotonic() + 60
    while not until(capture):
        assert time.monotonic() < end_s, listener.told
        time.sleep(0.002)
    capture.stop()
    return capture


def finished(capture: Capture) -> bool:
    return capture.state is CaptureState.FINISHED


def test_paced_pictures_carry_the_stamps_of_their_ticks_and_come_at_their_time() -> None:
    source, listener = Source(True, [picture() for _ in range(5)]), Listener()
    late: list[int] = []
    listener.on_picture_hook = lambda: late.append(time.time_ns() - listener.pictures[-1][1])
    run(source, listener, finished)
    stamps = [stamp_ns for _, stamp_ns in listener.pictures]
    assert stamps == [tick * PERIOD_NS for tick in source.ticks[:5]]
    assert all(lateness_ns >= 0 for lateness_ns in late)
    assert listener.told == ["finished"] and source.closed == 1


def test_live_pictures_carry_their_exposure_on_the_ros_clock() -> None:
    before_ns = time.time_ns()
    exposed_ns = time.monotonic_ns() - 20_000_000
    begin_ns = time.time_ns()
    source, listener = Source(False, [picture(exposed_ns), picture()]), Listener()
    run(source, listener, finished)
    (_, exposed), (_, unstamped) = listener.pictures
    assert before_ns - 15_000_000 < exposed + 20_000_000 < begin_ns + 15_000_000
    assert begin_ns <= unstamped <= time.time_ns()


@pytest.mark.parametrize("paced", [True, False])
def test_damaged_pictures_are_told_and_the_next_ones_come(paced: bool) -> None:
    answers = [picture(), SourceError("cut off"), ZeroDivisionError("a fault"), picture()]
    source, listener = Source(paced, answers), Listener()
    run(source, listener, finished)
    assert len(listener.pictures) == 2
    assert listener.told == ["damaged cut off", "damaged a fault", "finished"]


def test_a_fault_of_the_listener_does_not_end_the_camera() -> None:
    source, listener = Source(False, [picture(), picture()]), Listener()

    def fail_once() -> None:
        if len(listener.pictures) == 1:
            raise RuntimeError("a receiver failed")

    listener.on_picture_hook = fail_once
    run(source, listener, finished)
    assert len(listener.pictures) == 2 and listener.told == ["damaged a receiver failed", "finished"]


@pytest.mark.parametrize("paced", [True, False])
def test_a_lost_source_is_opened_again_until_it_is_back(paced: bool) -> None:
    source = Source(paced, [picture(), SourceLost("unplugged"), picture()], opens=[SourceError("no such device"), None])
    listener = Listener()
    run(source, listener, finished)
    assert listener.told == ["lost unplugged", "back", "finished"]
    assert len(listener.pictures) == 2 and source.opened == 2


def test_while_the_source_is_gone_the_state_says_why_and_the_wait_grows() -> None:
    source = Source(False, [SourceLost("unplugged")], opens=[SourceError("still gone")] * 1000)
    listener = Listener()
    capture = run(source, listener, lambda capture: source.opened >= 3, reopen_s=0.05)
    assert capture.state is CaptureState.LOST and capture.problem == "still gone"
    assert listener.told == ["lost unplugged"]


def test_waits_between_attempts_double() -> None:
    source = Source(False, [SourceLost("unplugged")], opens=[SourceError("gone")] * 1000)
    opened_s: list[float] = []
    original = source.open

    def open_and_note() -> None:
        opened_s.append(time.monotonic())
        original()

    source.open = open_and_note  # type: ignore[method-assign]
    run(source, Listener(), lambda capture: len(opened_s) >= 4, reopen_s=0.05)
    waits = [after - before for before, after in itertools.pairwise(opened_s)]
    assert waits[0] >= 0.1 and waits[1] >= 0.2 and waits[2] >= 0.4


def test_stop_ends_a_thread_that_waits_for_a_device() -> None:
    source = Source(False, [SourceLost("unplugged")], opens=[SourceError("gone")] * 10)
    begin_s = time.monotonic()
    run(source, Listener(), lambda capture: capture.state is CaptureState.LOST, reopen_s=30.0)
    assert time.monotonic() - begin_s < 25.0
    assert not any(thread.name == "test" for thread in threading.enumerate())
    assert source.closed >= 1
