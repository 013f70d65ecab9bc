"""Run nodes in this process until a signal, a time limit, or the end of their work."""

import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event
from types import FrameType
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.signals import SignalHandlerOptions

from egorear_ros.bridge.logs import ThrottledLog
from egorear_ros.bridge.node import EXPECTED_ERRORS, EgorearNode

WAKE_S = 0.2
"""How long the executor may wait before the end is looked for."""

Maker = Callable[[], EgorearNode[Any]]


def run_node(maker: Maker) -> int:
    """Run one node with the command line's ROS arguments; return the exit status. For `ros2 run`."""
    return run_nodes({"": maker}, sys.argv[1:])


def run_nodes(makers: Mapping[str, Maker], ros_args: Sequence[str], duration_s: float = 0.0) -> int:
    """Run nodes in one process.

    A node that cannot be made is reported and the others run. They end together: on Ctrl-C or
    SIGTERM, after `duration_s`, or when one of them has finished.

    Args:
        makers: by a name for error messages; order of start, and reverse order of the end.
        ros_args: `--ros-args ...`.
        duration_s: 0: no limit.

    Returns:
        exit status: 0, or 1 if a node could not be made.
    """
    with stop_on_signals() as stop:
        # Signals set a flag and leave the context alone, so that nodes can still publish while they end.
        rclpy.init(args=list(ros_args), signal_handler_options=SignalHandlerOptions.NO)
        nodes: list[EgorearNode[Any]] = []
        try:
            for name, make in makers.items():
                try:
                    nodes.append(make())
                except EXPECTED_ERRORS as error:
                    get_logger(name or "egorear").fatal(f"not started: {error}")
            if nodes:
                _spin(nodes, stop, duration_s)
            return 0 if len(nodes) == len(makers) else 1
        finally:
            for node in reversed(nodes):
                node.destroy_node()
            rclpy.try_shutdown()


@contextmanager
def stop_on_signals() -> Iterator[Event]:
    """Give an event that SIGINT and SIGTERM set instead of what they usually do."""
    stop = Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _spin(nodes: Sequence[EgorearNode[Any]], stop: Event, duration_s: float) -> None:
    # Single-threaded: with several threads large images came late in measurements, and Python gains nothing.
    executor = SingleThreadedExecutor()
    for node in nodes:
        executor.add_node(node)
    report = ThrottledLog(get_logger("egorear").error)
    end_s = time.monotonic() + duration_s if duration_s > 0 else float("inf")
    try:
        while not stop.is_set() and time.monotonic() < end_s and not any(node.finished for node in nodes):
            try:
                executor.spin_once(timeout_sec=min(WAKE_S, max(0.0, end_s - time.monotonic())))
            except Exception as error:  # noqa: BLE001 -- a fault in one node's callback must not end the others
                report(repr(error), f"a callback failed; the nodes go on.\n{traceback.format_exc()}")
    finally:
        executor.shutdown(timeout_sec=0)
