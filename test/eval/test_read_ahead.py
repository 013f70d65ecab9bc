"""Reading ahead: the order stays, errors come in their place, an early end ends the threads."""

import itertools
import os
import threading
from collections.abc import Iterator

import pytest

from egorear_eval.read_ahead import DEPTH, ReadAhead, wait_asleep


def test_the_order_stays_although_several_prepare() -> None:
    gate = threading.Event()

    def prepare(number: int) -> int:
        if number == 0:
            assert gate.wait(20.0)  # the first is ready last
        if number == 1:
            gate.set()
        return number * number

    with ReadAhead(range(100), prepare) as ahead:
        assert list(ahead) == [(number, number * number) for number in range(100)]


def test_reading_stops_when_enough_waits_and_threads_end_with_the_block() -> None:
    read: list[int] = []

    def source() -> Iterator[int]:
        for number in itertools.count():
            read.append(number)
            yield number

    with ReadAhead(source(), lambda number: number) as ahead:
        assert next(iter(ahead)) == (0, 0)
    assert len(read) <= 4 * DEPTH  # an endless source was not read for ever
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("read_ahead", "prepare"))]


@pytest.mark.parametrize("place", ["reading", "preparing"])
def test_errors_come_in_their_place(place: str) -> None:
    def source() -> Iterator[int]:
        yield from range(3)
        if place == "reading":
            raise OSError("the disk is gone")

    def prepare(number: int) -> int:
        if place == "preparing" and number == 2:
            raise ValueError("cannot prepare")
        return number

    taken = []

    def take_all() -> None:
        with ReadAhead(source(), prepare) as ahead:
            for item, _ in ahead:
                taken.append(item)

    with pytest.raises((OSError, ValueError), match="the disk is gone|cannot prepare"):
        take_all()
    assert taken == ([0, 1, 2] if place == "reading" else [0, 1])


@pytest.mark.parametrize(("own", "policy"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_the_users_own_policy_of_waiting_wins(own: str | None, policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if own:
        monkeypatch.setenv("OMP_WAIT_POLICY", own)
    wait_asleep()
    assert os.environ["OMP_WAIT_POLICY"] == policy
    monkeypatch.delenv("OMP_WAIT_POLICY")
