"""`egorear status`: watch a running graph."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from threading import Event
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from egorear_ros.nodes.monitor import Monitor

LINE_PERIOD_S = 3.0
SCREEN_PERIOD_S = 0.25


def add_parser(subparsers: Any) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "status",
        help="watch a running graph (ROS 2)",
        description="Show cameras, synchronization, poses, latency, warnings and the error against ground truth, live. "
        "Prints a line every few seconds when the output is not a terminal.",
    )
    parser.add_argument("--namespace", default="", help="namespace of the graph to watch")
    parser.add_argument(
        "--duration", type=float, default=0.0, metavar="S", help="end by itself after this many seconds"
    )


def run(args: argparse.Namespace) -> int:
    """Watch until Ctrl-C or the end of the duration; 1 if no pose came."""
    try:
        from egorear_ros.nodes.monitor import Monitor
    except ImportError as error:
        hint = "Source your ROS distribution, or run `make setup` in a checkout."
        print(f"egorear status: ROS 2 is missing ({error}). {hint}", file=sys.stderr)
        return 1
    from egorear_ros.commands.status_screen import graph_title

    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with Monitor(args.namespace) as monitor:
        show(monitor, graph_title(args.namespace), stop, args.duration, lambda: True, note="Ctrl-C ends")
        poses = monitor.snapshot().poses
    if not poses:
        print(_hint(args.namespace), file=sys.stderr)
    return 0 if poses else 1


def show(
    monitor: "Monitor",
    title: str,
    stop: Event,
    duration_s: float,
    goes_on: Callable[[], bool],
    note: str = "",
    passing: bool = False,
) -> None:
    """Show a graph's status until `stop` is set, the time is over (0: never), or `goes_on()` is false.

    Args:
        monitor: listens to the graph.
        title: which graph this is.
        stop: set by a signal.
        duration_s: time limit, s.
        goes_on: asked several times a second.
        note: what the user can do.
        passing: the screen disappears afterwards, and its time limit is not worth mentioning.
    """
    from rich.console import Console
    from rich.live import Live

    from egorear_ros.commands.status_screen import StatusScreen

    console = Console()
    end_s = time.monotonic() + duration_s if duration_s > 0 else float("inf")

    def running() -> bool:
        return not stop.is_set() and time.monotonic() < end_s and goes_on()

    def screen() -> StatusScreen:
        left_s = max(0.0, end_s - time.monotonic())
        left = "" if passing or end_s == float("inf") else f"ends in {left_s:.0f} s · "
        return StatusScreen(monitor.snapshot(), title, f" {left}{note} ")

    if not console.is_terminal:
        _print_lines(monitor, stop, running)
        return
    with Live(screen(), console=console, auto_refresh=False, transient=passing, vertical_overflow="crop") as live:
        while running():
            stop.wait(SCREEN_PERIOD_S)
            live.update(screen(), refresh=True)


def _print_lines(monitor: "Monitor", stop: Event, running: Callable[[], bool]) -> None:
    """Print a line every few seconds, for logs and pipes."""
    from egorear_ros.commands.status_screen import status_line

    next_line_s = time.monotonic() + LINE_PERIOD_S
    while running():
        stop.wait(SCREEN_PERIOD_S)
        if time.monotonic() >= next_line_s:
            print(status_line(monitor.snapshot()), flush=True)
            next_line_s += LINE_PERIOD_S


def _hint(namespace: str) -> str:
    topic = "/".join(["", *filter(None, namespace.split("/")), "body_pose"])
    domain = os.environ.get("ROS_DOMAIN_ID", "0")
    return (
        f"egorear status: no pose came on {topic} in ROS domain {domain}. "
        "Is the graph running (`egorear run`), with the same ROS_DOMAIN_ID and namespace?"
    )
