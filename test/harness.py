"""A real ROS graph inside one test: nodes on an executor in a thread, subscribers, service calls."""

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

_NUMBERS = itertools.count()
PATIENCE_S = 90.0
"""Time to wait for what must come: a busy machine may need much of it, and a right one ends the wait at once."""


class Graph:
    """Nodes of one test, in a namespace of their own."""

    def __init__(self) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.signals import SignalHandlerOptions

        self.namespace = f"/test_{os.getpid()}_{next(_NUMBERS)}"
        self.context = rclpy.Context()
        rclpy.init(context=self.context, signal_handler_options=SignalHandlerOptions.NO)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.errors: list[BaseException] = []
        self._nodes: list[Any] = []
        self._stop = threading.Event()
        self.tester = self.add(rclpy.create_node("tester", **self.kwargs))
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    @property
    def kwargs(self) -> dict[str, Any]:
        """What a node of this graph is made with."""
        return {"context": self.context, "namespace": self.namespace}

    def add(self, node: Any) -> Any:
        """Run a node until the test is over."""
        self._nodes.append(node)
        self.executor.add_node(node)
        return node

    def remove(self, node: Any) -> None:
        """End a node before the test is over."""
        self.executor.remove_node(node)
        self._nodes.remove(node)
        node.destroy_node()

    def listen(self, kind: type, topic: str, qos: Any) -> list[Any]:
        """Return a list that messages of a topic are appended to."""
        heard: list[Any] = []
        self.tester.create_subscription(kind, topic, heard.append, qos)
        return heard

    def until(self, condition: Callable[[], Any], what: str, timeout_s: float = PATIENCE_S) -> Any:
        """Wait until `condition` is true and return its value; fail naming `what`."""
        end_s = time.monotonic() + timeout_s
        while not (value := condition()):
            assert not self.errors, self.errors
            assert time.monotonic() < end_s, f"not within {timeout_s:g} s: {what}"
            time.sleep(0.01)
        return value

    def until_quiet(self, heard: list[Any], what: str, quiet_s: float = 0.5) -> int:
        """Wait until a list has not grown for a while and return its length; fail if it goes on growing."""
        length, since_s = len(heard), time.monotonic()

        def quiet() -> bool:
            nonlocal length, since_s
            if len(heard) != length:
                length, since_s = len(heard), time.monotonic()
            return time.monotonic() - since_s >= quiet_s

        self.until(quiet, f"the end of {what}")
        return length

    def call(self, kind: type, service: str, request: Any) -> Any:
        """Call a service and return its response."""
        client = self.tester.create_client(kind, service)
        assert client.wait_for_service(timeout_sec=PATIENCE_S), f"no service {service}"
        future = client.call_async(request)
        self.until(future.done, f"response of {service}")
        self.tester.destroy_client(client)
        return future.result()

    def close(self) -> None:
        """End everything; a callback that raised fails the test."""
        import rclpy

        self._stop.set()
        self._thread.join()
        for node in reversed(self._nodes):
            node.destroy_node()
        self.executor.shutdown()
        rclpy.shutdown(context=self.context)
        assert not self.errors, self.errors

    def _spin(self) -> None:
        while not self._stop.is_set():
            try:
                self.executor.spin_once(timeout_sec=0.1)
            except Exception as error:
                self.errors.append(error)


@pytest.fixture
def graph() -> Iterator[Graph]:
    """A graph of this test's own."""
    pytest.importorskip("rclpy")
    running = Graph()
    yield running
    running.close()
