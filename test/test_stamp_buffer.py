"""Pairing by exact stamp."""

import threading
import time

from egorear_ros.stamp_buffer import StampBuffer


def filled(*stamps_ns: int, capacity: int = 10) -> StampBuffer[str]:
    buffer: StampBuffer[str] = StampBuffer(capacity)
    for stamp_ns in stamps_ns:
        buffer.add(stamp_ns, f"item {stamp_ns}")
    return buffer


def test_only_the_exact_stamp_is_returned() -> None:
    buffer = filled(10, 20)
    assert buffer.get(10) == "item 10"
    assert buffer.get(11) is None


def test_the_oldest_addition_goes_first() -> None:
    buffer = filled(30, 10, 20, capacity=2)
    assert [buffer.get(stamp_ns) for stamp_ns in (10, 20, 30)] == ["item 10", "item 20", None]
    assert len(buffer) == 2


def test_forgetting_keeps_the_stamp_itself() -> None:
    buffer = filled(10, 20, 30)
    buffer.forget_before(20)
    assert [buffer.get(stamp_ns) for stamp_ns in (10, 20, 30)] == [None, "item 20", "item 30"]


def test_waits_for_a_stream_that_is_behind() -> None:
    buffer = filled(10)
    threading.Timer(0.05, lambda: buffer.add(20, "item 20")).start()
    assert buffer.get(20, wait_s=60.0) == "item 20"


def test_does_not_wait_for_a_stream_that_is_ahead_or_never_began() -> None:
    start = time.monotonic()
    assert filled(10, 30).get(20, wait_s=30.0) is None
    assert filled().get(20, wait_s=30.0) is None
    assert time.monotonic() - start < 15.0


def test_clearing_ends_waiting_and_begins_anew() -> None:
    buffer = filled(30)
    threading.Timer(0.05, buffer.clear).start()
    assert buffer.get(40, wait_s=30.0) is None
    buffer.add(10, "again")
    assert buffer.get(10) == "again"
    assert buffer.get(30) is None
