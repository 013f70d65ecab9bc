"""`egorear view`: recordings, data sets and live rigs in a browser."""

import argparse
import os
import signal
import sys
import webbrowser
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from egorear_ros.commands.numbers import not_negative, positive_int

if TYPE_CHECKING:
    from egorear_ros.structures import Rig
    from egorear_ros.viewer.frame import Moment, Moments
    from egorear_ros.viewer.server import ViewServer

DEFAULT_CHECKPOINT = "egorear-small"
WIDTH_PX = 436
RATE_HZ = 10.0
MEMORY, LIVE_MEMORY = "1GiB", "256MiB"
POLL_S = 0.2


def add_parser(subparsers: Any) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "view",
        help="see recordings, data sets and live rigs in a browser",
        description="Images with joints and heatmaps, the skeleton in space, errors and latencies over time, in a "
        "browser on this machine. Nothing is fetched from elsewhere.",
    )
    kinds = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    _add_live(kinds)
    _add_bag(kinds)
    _add_dataset(kinds)
    saved = kinds.add_parser("saved", help="what --save wrote")
    saved.add_argument("file", type=Path, metavar="FILE.rrd")
    _add_window(saved)


def _add_live(kinds: Any) -> None:
    parser = kinds.add_parser("live", help="a running graph (ROS 2)")
    parser.add_argument("--namespace", default="", help="of the graph")
    parser.add_argument("--calib", default="", metavar="RIG", help="rig calibration (default: asked of the graph)")
    parser.add_argument("--wait", type=float, default=15.0, metavar="S", help="for the first pose (default: 15)")
    parser.add_argument(
        "--checkpoint", default="", metavar="WEIGHTS", help="show the heatmaps of these weights, computed here"
    )
    _add_look(parser, LIVE_MEMORY)


def _add_bag(kinds: Any) -> None:
    parser = kinds.add_parser("bag", help="a recording; needs no ROS")
    parser.add_argument("bag", type=Path, metavar="BAG", help="rosbag2 folder, .mcap or .db3 file")
    parser.add_argument(
        "--calib", default="", metavar="RIG", help="rig calibration, name or path (default: what the recording carries)"
    )
    parser.add_argument("--namespace", help="of the rig's topics (default: the one with most cameras)")
    parser.add_argument(
        "--remap", action="append", default=[], metavar="FROM:=TO", help="read a topic under another name; repeatable"
    )
    _add_checkpoint(parser, f"the recorded poses; {DEFAULT_CHECKPOINT} where there are none")
    _add_look(parser)


def _add_dataset(kinds: Any) -> None:
    parser = kinds.add_parser("dataset", help="a sequence in Ego4View's layout; needs no ROS")
    parser.add_argument("sequence", type=Path, metavar="SEQ", help="the folder with fisheye_rgb")
    parser.add_argument("--calib", default="ego4view_syn", metavar="RIG", help="rig calibration, name or path")
    parser.add_argument("--source-rate", type=float, default=30.0, metavar="HZ", help="of its frames (default: 30)")
    _add_checkpoint(parser, DEFAULT_CHECKPOINT)
    _add_look(parser)


def _add_checkpoint(parser: Any, default: str) -> None:
    parser.add_argument("--checkpoint", default="", metavar="WEIGHTS", help=f"estimate with these (default: {default})")
    parser.add_argument("--no-estimate", action="store_true", help="run no model")
    parser.add_argument("--device", default="auto", help="of the model: auto, cpu or cuda")


def _add_look(parser: Any, memory: str = MEMORY) -> None:
    parser.add_argument("--rate", type=not_negative, default=RATE_HZ, metavar="HZ", help="moments per second; 0: all")
    parser.add_argument("--width", type=positive_int, default=WIDTH_PX, metavar="PX", help="of the images")
    parser.add_argument("--save", type=Path, metavar="FILE.rrd", help="write a file instead of opening a window")
    _add_window(parser, memory)


def _add_window(parser: Any, memory: str = MEMORY) -> None:
    parser.add_argument("--port", type=int, default=9090, help="of the page on 127.0.0.1; 0: any (default: 9090)")
    parser.add_argument("--memory", default=memory, help=f"kept for windows that open later (default: {memory})")
    parser.add_argument("--open", action="store_true", help="open the default browser")
    parser.add_argument(
        "--duration", type=float, default=0.0, metavar="S", help="end by itself after this many seconds"
    )


def run(args: argparse.Namespace) -> int:
    """Show what was asked for until Ctrl-C.

    Raises:
        ViewError: the library is missing, a port is in use, or there is nothing to show.
        BagError: a recording cannot be read.
        SourceError: a sequence is wrong.
        CalibrationError: a rig file is wrong.
        CheckpointError: weights cannot be used.
    """
    from egorear_ros.viewer.library import find_server, load_rerun

    load_rerun()  # before anything that takes long
    find_server()
    with _stopping() as stop:
        return {"live": _live, "bag": _bag, "dataset": _dataset, "saved": _saved}[args.what](args, stop)


def _bag(args: argparse.Namespace, stop: Event) -> int:
    from egorear_ros.bags.bag import open_bag
    from egorear_ros.commands.recordings import parse_remap
    from egorear_ros.viewer.recording import BagMoments

    with open_bag(args.bag, parse_remap(args.remap)) as bag:
        moments = BagMoments(bag, _given_rig(args.calib), args.namespace, args.rate)
        checkpoint = args.checkpoint or ("" if moments.has_poses else DEFAULT_CHECKPOINT)
        status = _show(args, moments, checkpoint, moments.has_truth, stop)
        # Who writes a file must know that it holds a part only; who looks has been told.
        return 1 if args.save is not None and moments.partial else status


def _dataset(args: argparse.Namespace, stop: Event) -> int:
    from egorear_ros.geometry.rig_file import load_rig
    from egorear_ros.viewer.sequence import SequenceMoments

    moments = SequenceMoments(args.sequence, load_rig(args.calib), args.source_rate, args.rate)
    return _show(args, moments, args.checkpoint or DEFAULT_CHECKPOINT, moments.has_truth, stop)


def _saved(args: argparse.Namespace, stop: Event) -> int:
    from egorear_ros.viewer.library import ViewError
    from egorear_ros.viewer.server import ViewServer

    if not args.file.is_file():
        raise ViewError(f"There is no file {args.file}. `egorear view ... --save {args.file}` writes one.")
    with args.file.open("rb") as file:
        if not file.read(4).startswith(b"RRF"):
            raise ViewError(f"{args.file} is no file of `egorear view ... --save`: it does not begin with RRF.")
    with ViewServer(args.port, args.memory, (args.file.absolute(),)) as server:
        _announce(server, args.open)
        _hold(server, stop, args.duration)
    return 0


def _show(args: argparse.Namespace, moments: "Moments", checkpoint: str, truth: bool, stop: Event) -> int:
    """Show a recording or a sequence in a window, or write it into a file."""
    from egorear_ros.viewer.heatmaps import HeatmapEstimator
    from egorear_ros.viewer.server import ViewServer
    from egorear_ros.viewer.show import estimated

    source: Iterator[Moment] = iter(moments)
    if checkpoint and not args.no_estimate:
        source = estimated(moments, HeatmapEstimator(checkpoint, moments.rig, args.device))
    if args.save is not None:
        shown, damaged = _write(args, moments, source, "", truth, stop)
        _say(f"Written: {args.save}: {shown} moments. Look at it with: egorear view saved {args.save}")
        return 1 if damaged else 0
    with ViewServer(args.port, args.memory) as server:
        _announce(server, args.open)
        shown, _ = _write(args, moments, source, server.data_url, truth, stop)
        if not stop.is_set():
            _say(f"{shown} moments. Ctrl-C ends.")
            _hold(server, stop, args.duration)
    return 0


def _write(
    args: argparse.Namespace, moments: "Moments", source: "Iterator[Moment]", data_url: str, truth: bool, stop: Event
) -> tuple[int, int]:
    """Show moments; return how many, and how many images of them are damaged."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from egorear_ros.viewer.show import make_scene, open_recording

    recording = open_recording(moments.title, data_url=data_url, file=args.save)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    count = 0
    try:
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("moments", total=None)
            scene = make_scene(recording, moments, args.width, live=False, truth=truth)
            for moment in source:
                scene.show(moment)
                count += 1
                bar.update(task, completed=count)
                if stop.is_set():
                    break
    finally:
        recording.flush()
        recording.disconnect()
    _tell([*moments.remarks, *scene.damaged])
    return count, len(scene.damaged)


def _live(args: argparse.Namespace, stop: Event) -> int:
    try:
        from egorear_ros.commands.view_live import run_live
    except ImportError as error:
        from egorear_ros.viewer.library import ViewError

        hint = "Source your ROS distribution, or run `make setup` in a checkout. `egorear view bag` needs no ROS."
        raise ViewError(f"ROS 2 is missing ({error}). {hint}") from None
    from egorear_ros.bridge.params_file import use_shared_memory_profile
    from egorear_ros.viewer.server import ViewServer

    use_shared_memory_profile(os.environ)  # as the graph's; before the first node exists
    if args.save is not None:
        return run_live(args, None, stop, _say)
    with ViewServer(args.port, args.memory, newest_first=True) as server:
        _announce(server, args.open)
        return run_live(args, server, stop, _say)


def _given_rig(calib: str) -> "Rig | None":
    from egorear_ros.geometry.rig_file import load_rig

    return load_rig(calib) if calib else None


def _announce(server: "ViewServer", opened: bool) -> None:
    _say(f"Open {server.url} in a browser on this machine.")
    if opened:
        webbrowser.open(server.url)


def _hold(server: "ViewServer", stop: Event, duration_s: float) -> None:
    """Serve until Ctrl-C or the end of the duration.

    Raises:
        ViewError: Rerun's server program ended.
    """
    import time

    from egorear_ros.viewer.library import ViewError

    end_s = time.monotonic() + duration_s if duration_s > 0 else float("inf")
    while not stop.wait(POLL_S) and time.monotonic() < end_s:
        if not server.alive():
            raise ViewError("Rerun's server program ended by itself. Start the viewer again; --memory sets its limit.")


@contextmanager
def _stopping() -> Iterator[Event]:
    """Give an event that Ctrl-C and SIGTERM set."""
    stop = Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(remarks: list[str], most: int = 5) -> None:
    counts = Counter(remarks)
    for remark, count in list(counts.items())[:most]:
        _say(f"{remark} ({count} times)" if count > 1 else remark)
    if len(counts) > most:
        _say(f"and {len(counts) - most} more remarks")


def _say(line: str) -> None:
    sys.stderr.write(f"egorear view: {line}\n")
    sys.stderr.flush()
