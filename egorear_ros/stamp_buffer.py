"""Recent items by exact stamp, to bring together what belongs to one moment."""

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class StampBuffer(Generic[T]):
    """Holds the items that were added last, by stamp; several threads may use it.

    Args:
        capacity: most items held; the one that was added first goes first.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._items: OrderedDict[int, T] = OrderedDict()
        self._newest_ns: int | None = None
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """Return how many items are held."""
        return len(self._items)

    def add(self, stamp_ns: int, item: T) -> None:
        """Hold an item; one with the same stamp is replaced."""
        with self._changed:
            self._items.pop(stamp_ns, None)
            self._items[stamp_ns] = item
            self._newest_ns = stamp_ns
            if len(self._items) > self._capacity:
                self._items.popitem(last=False)
            self._changed.notify_all()

    def get(self, stamp_ns: int, wait_s: float = 0.0) -> T | None:
        """Return the item with exactly this stamp.

        Args:
            stamp_ns: the stamp.
            wait_s: how long to wait for it if the stream of items is alive but not that far yet.
        """
        with self._changed:
            if wait_s > 0 and self._newest_ns is not None:
                self._changed.wait_for(lambda: self._newest_ns is None or self._newest_ns >= stamp_ns, wait_s)
            return self._items.get(stamp_ns)

    def forget_before(self, stamp_ns: int) -> None:
        """Drop all items with earlier stamps."""
        with self._changed:
            for older in [held_ns for held_ns in self._items if held_ns < stamp_ns]:
                del self._items[older]

    def clear(self) -> None:
        """Drop all items."""
        with self._changed:
            self._items.clear()
            self._newest_ns = None
            self._changed.notify_all()
