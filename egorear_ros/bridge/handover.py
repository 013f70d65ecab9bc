"""Frames and frame sets between nodes of one process, as Python objects."""

from collections.abc import Callable
from threading import Lock
from typing import Any

Receiver = Callable[[Any], None]


class Handover:
    """What intra-process transport is in C++, which `rclpy` has not: nothing is serialised or copied.

    A topic's resolved name is the key, so namespaces and remaps hold here as well. Items are
    shared by everybody who receives them: nobody may change one.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._offered: set[str] = set()
        # Tuples are replaced, never changed, so that `publish` need not hold the lock while it delivers.
        self._receivers: dict[str, tuple[Receiver, ...]] = {}

    def offer(self, topic: str) -> None:
        """Announce that a node of this process publishes a topic here.

        Nodes offer when they are made and subscribe when they configure, so that a subscriber
        knows whether to expect a topic here or from another process.
        """
        with self._lock:
            self._offered.add(topic)

    def offers(self, topic: str) -> bool:
        """Return whether a node of this process publishes the topic here."""
        with self._lock:
            return topic in self._offered

    def subscribe(self, topic: str, receiver: Receiver) -> Callable[[], None]:
        """Have every item of a topic delivered to `receiver`; return a function that ends it.

        `receiver` runs in the publisher's thread: it must be short and must not raise.
        """
        with self._lock:
            self._receivers[topic] = (*self._receivers.get(topic, ()), receiver)

        def unsubscribe() -> None:
            with self._lock:
                self._receivers[topic] = tuple(one for one in self._receivers[topic] if one is not receiver)

        return unsubscribe

    def publish(self, topic: str, item: Any) -> None:
        """Deliver an item to all receivers of a topic, in this thread."""
        for receiver in self._receivers.get(topic, ()):
            receiver(item)
