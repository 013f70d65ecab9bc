"""`egorear bag record`: a running graph into a recording, where there is no `ros2 bag`."""

import argparse
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from egorear_ros.bags.base import Topic

LINE_PERIOD_S = 3.0


def add_record(actions: Any) -> None:
    """Add the arguments of `egorear bag record`."""
    parser = actions.add_parser(
        "record",
        help="record a running graph: images, calibration, poses, ground truth, TF, diagnostics (ROS 2)",
        epilog="example: egorear bag record out/ride --duration 60",
    )
    parser.add_argument("out", type=Path, metavar="BAG", help="the folder to make")
    parser.add_argument("--namespace", default="", help="of the graph to record (default: none)")
    parser.add_argument(
        "--calib",
        default="",
        metavar="RIG",
        help="calibration to carry, name or path (default: what CameraInfo says)",
    )
    parser.add_argument("--duration", type=float, default=0.0, metavar="S", help="end by itself after this long")
    parser.add_argument("--topic", action="append", default=[], metavar="NAME", help="record this too; repeatable")


def record(args: argparse.Namespace) -> int:
    """Record until Ctrl-C or the end of the duration; 1 if nothing came or the disk was full.

    Raises:
        BagError: the recording cannot be begun.
        CalibrationError: the rig file is wrong.
    """
    try:
        from egorear_ros.nodes.recorder import Recorder
    except ImportError as error:
        hint = "Source your ROS distribution, or run `make setup` in a checkout."
        print(f"egorear bag record: ROS 2 is missing ({error}). {hint}", file=sys.stderr)
        return 1
    from egorear_ros.geometry.rig_file import load_rig

    rig = load_rig(args.calib) if args.calib else None
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    begin_s = time.monotonic()
    end_s = begin_s + args.duration if args.duration > 0 else float("inf")
    next_line_s = begin_s + LINE_PERIOD_S
    with Recorder(args.out, args.namespace, args.topic, rig) as recorder:
        while not stop.wait(0.1) and time.monotonic() < end_s and not recorder.ended:
            if time.monotonic() >= next_line_s:
                print(f"{time.monotonic() - begin_s:5.0f} s  {describe(recorder.counts())}", flush=True)
                next_line_s += LINE_PERIOD_S
    return report(args.out, recorder.counts(), recorder.problem)


def describe(counts: "Mapping[Topic, int]") -> str:
    """Return one line on what was recorded so far; overlays are no images of cameras."""
    from egorear_ros.bags.views import split_image_topic

    cameras = [count for topic, count in counts.items() if split_image_topic(topic.name) is not None]
    images = f"{sum(cameras)} images of {len(cameras)} cameras" if cameras else "no images yet"
    return f"{images}, {sum(counts.values())} messages of {len(counts)} topics"


def report(out: Path, counts: "Mapping[Topic, int]", problem: str) -> int:
    """Print what a recording holds and return the exit status."""
    if problem:
        print(f"egorear bag record: {problem}", file=sys.stderr)
    print(f"Written: {out}: {describe(counts)}")
    if not sum(counts.values()):
        print(
            "egorear bag record: nothing came. Is the graph running (`egorear run`), with the same ROS_DOMAIN_ID and "
            "namespace?",
            file=sys.stderr,
        )
        return 1
    return 1 if problem else 0
