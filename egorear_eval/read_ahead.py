"""Reading and preparing while something else computes: one thread reads, a few prepare, the order stays."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, Queue
from threading import Event, Thread
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")
P = TypeVar("P")

DEPTH = 8
"""Items that wait: enough to bridge a slow read, few enough for images without compression."""

WORKERS = max(2, min(4, os.cpu_count() or 1))


def wait_asleep() -> None:
    """Let the network's threads sleep while they wait for each other: others need the processor to decode.

    OpenMP's threads spin otherwise, which is best for a network that is alone on the machine. It has no effect
    after torch was imported, and gives way to the user's own OMP_WAIT_POLICY.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


class ReadAhead(Generic[T, P]):
    """Items with what was prepared of them, in order; a context manager, iterate once.

    Args:
        items: read in a thread of its own.
        prepare: called in other threads, for several items at once.
        depth: most items that are read but not taken.
        workers: most items that are prepared at the same time.
    """

    def __init__(
        self, items: Iterable[T], prepare: Callable[[T], P], depth: int = DEPTH, workers: int = WORKERS
    ) -> None:
        self._items, self._prepare = items, prepare
        self._queue: Queue[tuple[T, Future[P]] | BaseException | None] = Queue(depth)
        self._stop = Event()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="prepare")
        self._thread = Thread(target=self._read, name="read_ahead", daemon=True)

    def __enter__(self) -> "ReadAhead[T, P]":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        while self._thread.is_alive():
            with suppress(Empty):  # it may wait for room
                self._queue.get_nowait()
            self._thread.join(0.01)
        self._pool.shutdown(cancel_futures=True)

    def __iter__(self) -> Iterator[tuple[T, P]]:
        """Yield items; what reading or preparing raised is raised here, in its place."""
        while (entry := self._queue.get()) is not None:
            if isinstance(entry, BaseException):
                raise entry
            item, future = entry
            yield item, future.result()

    def _read(self) -> None:
        end: BaseException | None = None
        try:
            for item in self._items:
                if self._stop.is_set():
                    return
                self._queue.put((item, self._pool.submit(self._prepare, item)))
        except Exception as error:  # noqa: BLE001 -- raised where the items are taken
            end = error
        self._queue.put(end)
