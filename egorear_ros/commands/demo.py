"""`egorear demo`: the whole graph on a synthetic wearer, with a live status and a picture at the end."""

import argparse
import os
import signal
import sys
from collections.abc import MutableMapping
from contextlib import nullcontext
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from egorear_ros.commands import run as run_command
from egorear_ros.commands.bag_record import describe
from egorear_ros.commands.demo_graph import GraphProcess
from egorear_ros.metrics import mpjpe_mm
from egorear_ros.structures import BodyPose, Rig, TrackingState

if TYPE_CHECKING:
    from egorear_ros.live_status import Snapshot
    from egorear_ros.nodes.monitor import Monitor
    from egorear_ros.nodes.recorder import Recorder

START_LIMIT_S = 180.0
"""How long the first pose may take: the model is built and warmed up, and the first bodies are rendered."""

HIGHEST_DOMAIN = 101
"""The last ROS domain whose ports are free on every system."""


def add_parser(subparsers: Any) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "demo",
        help="synthetic wearer through the whole graph, with a picture at the end (ROS 2)",
        description="Run a synthetic wearer through camera, sync, pose and visual nodes over real ROS topics, show the "
        "live status, and leave a picture: the overlays of all views beside the 3D skeleton, estimate and truth.",
    )
    parser.add_argument(
        "--duration", type=float, default=0.0, metavar="S", help="end this long after the first pose; 0: with Ctrl-C"
    )
    parser.add_argument("--picture", type=Path, default=Path("out/demo.png"), help="where to write the picture")
    parser.add_argument(
        "--record", type=Path, metavar="BAG", help="record the graph into this folder, from the first pose on"
    )
    parser.add_argument("--config", default="demo", help="parameter file, or a name in config/ (default: demo)")
    parser.add_argument("--calib", default="", help="rig calibration, a name in calib/ or a path")
    parser.add_argument("--checkpoint", default="", help="weights: .safetensors, or an official .ckpt")
    parser.add_argument("--separate", action="store_true", help="one process per node; default: one for all")
    parser.add_argument(
        "-p", "--param", action="append", default=[], metavar="[NODE.]NAME:=VALUE", help="as in `egorear run`"
    )


def run(args: argparse.Namespace) -> int:
    """Run the demo; 0 if poses came and the picture was written."""
    try:
        import rclpy  # noqa: F401
    except ImportError as error:
        return _fail(f"ROS 2 is missing ({error}). Source your ROS distribution, or run `make demo` in a checkout.")
    _stay_on_this_machine(os.environ)
    from egorear_ros.bridge.params_file import use_shared_memory_profile
    from egorear_ros.geometry.rig_file import load_rig
    from egorear_ros.nodes.graph import calib_of, plan
    from egorear_ros.nodes.monitor import Monitor

    use_shared_memory_profile(os.environ)
    arguments = _run_arguments(args)
    request = run_command.request_from(_parsed(arguments))
    plan(request)  # mistakes in parameters are told before anything starts
    rig = load_rig(calib_of(request))
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    log = args.picture.with_suffix(".log")
    recorder = _recorder(args.record, rig)  # what is wrong with the folder is told before anything starts
    with Monitor() as monitor, GraphProcess(arguments, log) as graph:
        monitor.watch_overlays(rig.views)
        print(f"Log of the nodes: {log}. To look at the topics from another terminal: {_exports()}", flush=True)
        _watch(monitor, graph, stop, args.duration, recorder)
        problem = graph.problem() or ("" if graph.alive else f"the graph ended by itself; its log is {log}")
        time_up = not stop.is_set()
        snapshot, moment = monitor.snapshot(), monitor.newest_moment()
    problem = problem or graph.problem()
    if moment is not None:
        pose, truth, overlays = moment
        _save(args.picture, rig, pose, truth, overlays, snapshot)
        _print_summary(snapshot, args.picture, log)
    elif not problem:
        problem = _why_no_pose(snapshot, time_up, log, graph)
    if recorder is not None:
        print(f"Recording: {args.record}: {describe(recorder.counts())}")
        problem = problem or recorder.problem
    return _fail(problem) if problem else 0


def _recorder(out: Path | None, rig: Rig) -> "Recorder | None":
    from egorear_ros.nodes.recorder import Recorder

    return None if out is None else Recorder(out, rig=rig)


def _watch(
    monitor: "Monitor", graph: GraphProcess, stop: Event, duration_s: float, recorder: "Recorder | None"
) -> None:
    """Show the status until the end of the demo, a signal, or the end of the graph; record from the first pose on."""
    from egorear_ros.commands.status import show
    from egorear_ros.commands.status_screen import graph_title

    def waits() -> bool:
        return graph.alive and monitor.snapshot().poses == 0

    title = graph_title("")
    note = "starting: the model is built and warmed up, which takes some seconds"
    show(monitor, title, stop, START_LIMIT_S, waits, note, passing=True)
    if monitor.snapshot().poses:
        with recorder or nullcontext():
            show(monitor, title, stop, duration_s, lambda: graph.alive, "Ctrl-C ends and writes the picture")


def _why_no_pose(snapshot: "Snapshot", time_up: bool, log: Path, graph: GraphProcess) -> str:
    """Return what is known about a demo without a pose."""
    from egorear_ros.commands.status_screen import warning_lines

    what = f"no pose came within {START_LIMIT_S:g} s." if time_up else "stopped before the first pose."
    complaints = [text for _, text in warning_lines(snapshot)]
    return "\n".join([what, *complaints, f"The end of the log ({log}):", graph.log_tail()])


def _run_arguments(args: argparse.Namespace) -> list[str]:
    """Return the arguments of `egorear run` that the demo's arguments stand for."""
    arguments = [args.config]
    if args.separate:
        arguments.append("--separate")
    if args.calib:
        arguments.append(f"--calib={args.calib}")
    params = [*args.param, *([f"pose.estimator.checkpoint:={args.checkpoint}"] if args.checkpoint else [])]
    return arguments + [f"--param={text}" for text in params]


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    run_command.add_parser(parser.add_subparsers())
    return parser.parse_args(["run", *arguments])


def _stay_on_this_machine(environment: MutableMapping[str, str]) -> None:
    """Use a ROS domain of our own unless one is set, and this machine's network only unless told otherwise."""
    environment.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % HIGHEST_DOMAIN))
    if environment.get("ROS_DISTRO") == "humble":
        environment.setdefault("ROS_LOCALHOST_ONLY", "1")
    else:
        environment.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")


def _exports() -> str:
    names = ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_LOCALHOST_ONLY")
    return "export " + " ".join(f"{name}={os.environ[name]}" for name in names if name in os.environ)


def _save(picture: Path, rig: Rig, pose: BodyPose, truth: BodyPose | None, overlays: Any, snapshot: "Snapshot") -> None:
    from egorear_ros.drawing.picture import save_picture

    save_picture(picture, overlays, rig, pose, truth, _caption(pose, truth, snapshot))


def _caption(pose: BodyPose, truth: BodyPose | None, snapshot: "Snapshot") -> str:
    """Return what a stranger needs to know about the picture."""
    lines = ["Left: what the cameras on the helmet see, with the joints drawn through their lenses."]
    model = f"Model: {pose.model_id}."
    if truth is not None and pose.joints_device.shape == truth.joints_device.shape and pose.state != TrackingState.LOST:
        model += f" MPJPE {float(mpjpe_mm(pose.joints_device, truth.joints_device)):.0f} mm in this moment"
        model += f", {snapshot.errors.mpjpe_mm:.0f} mm over {snapshot.errors.poses} poses." if snapshot.errors else "."
    lines.append(model)
    if pose.state == TrackingState.UNTRAINED:
        lines.append("UNTRAINED: random weights, the estimate is meaningless. Blue shows where the joints really are.")
    elif pose.state == TrackingState.LOST:
        lines.append("The estimator gives no joints: only the truth is shown.")
    return "\n".join(lines)


def _print_summary(snapshot: "Snapshot", picture: Path, log: Path) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from egorear_ros.commands.status_screen import UNTRAINED, facts

    table = Table(title="Summary", title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in facts(snapshot):
        table.add_row(name, text)
    console = Console()
    console.print(table)
    if snapshot.state == TrackingState.UNTRAINED:
        console.print(Text(f" {UNTRAINED} ", style="bold black on yellow"))
        console.print("Give trained weights with --checkpoint to see the skeleton follow the wearer.")
    # Not in the table, which would break long paths.
    print(f"Picture: {picture}\nLog of the nodes: {log}")


def _fail(text: str) -> int:
    print(f"egorear demo: {text}", file=sys.stderr)
    return 1
