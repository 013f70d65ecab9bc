"""Work on the newest item only: what keeps a model that is slower than its cameras from falling behind."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class LatestWorker(Generic[T, R]):
    """A slot for one item, and a thread that takes the newest item, computes and delivers the result.

    An item that is still in the slot when the next one comes is replaced and counted as skipped, so
    the item taken is never older than the previous computation.

    Args:
        compute: called in the thread, one item at a time.
        deliver: called in the thread with the item and its result, unless `clear` or `stop` came meanwhile.
        fail: called in the thread with the item and what `compute` or `deliver` raised; the thread goes on.
        name: of the thread.
    """

    def __init__(
        self,
        compute: Callable[[T], R],
        deliver: Callable[[T, R], None],
        fail: Callable[[T, Exception], None],
        name: str = "latest_worker",
    ) -> None:
        self._compute, self._deliver, self._fail, self._name = compute, deliver, fail, name
        self._changed = threading.Condition()
        # Held while a result is delivered: once `clear` returns, nothing older comes out.
        self._delivery = threading.RLock()
        self._item: T | None = None
        self._running = False
        self._generation = 0
        self._skipped = self._computed = 0
        self._thread: threading.Thread | None = None

    @property
    def skipped(self) -> int:
        """Items that a newer one replaced before the thread could take them."""
        return self._skipped

    @property
    def computed(self) -> int:
        """Items that `compute` has finished, including those it raised on."""
        return self._computed

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: it runs already.
        """
        if self._running:
            raise RuntimeError(f"{self._name} runs already; stop it first.")
        self._running = True
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def put(self, item: T) -> bool:
        """Offer an item; return True if it replaced one that nobody had taken. Ignored while stopped."""
        with self._changed:
            if not self._running:
                return False
            replaced = self._item is not None
            self._skipped += replaced
            self._item = item
            self._changed.notify()
            return replaced

    def clear(self) -> None:
        """Forget the item in the slot, and the result of the one that is being computed."""
        with self._delivery, self._changed:
            self._item = None
            self._generation += 1

    def stop(self) -> None:
        """Forget everything and end the thread; waits for the computation that is under way."""
        self.clear()
        with self._changed:
            self._running = False
            self._changed.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._thread = None

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._item is not None or not self._running)
                item, generation = self._item, self._generation
                self._item = None
                if not self._running or item is None:
                    return
            self._handle(item, generation)

    def _handle(self, item: T, generation: int) -> None:
        try:
            try:
                result = self._compute(item)
            finally:
                self._computed += 1
            with self._delivery:
                if generation == self._generation:
                    self._deliver(item, result)
        except Exception as error:  # noqa: BLE001 -- the thread must outlive a failed item
            self._fail(item, error)
