"""`egorear bag`: recordings from data sets, data sets from recordings; describe and check them.

Only `record`, which listens to a running graph, needs ROS.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egorear_ros.commands.bag_record import add_record, record
from egorear_ros.commands.recordings import add_recording_arguments, given_rig, open_with_remap, sync_config

if TYPE_CHECKING:
    from egorear_ros.bags.check import BagReport
    from egorear_ros.structures import Rig


def add_parser(subparsers: Any) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "bag", help="record; make recordings of data sets and data sets of recordings; describe and check them"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add_record(actions)
    _add_from_dataset(actions)
    _add_to_dataset(actions)
    info = actions.add_parser("info", help="list a recording's topics, calibration and ground truth")
    check = actions.add_parser("check", help="judge a recording; exit status 1 if something is wrong")
    for action in (info, check):
        action.add_argument("bag", type=Path, metavar="BAG", help="rosbag2 folder, .mcap or .db3 file")
        action.add_argument("--json", action="store_true", help="print all of it as JSON")
        add_recording_arguments(action)
    check.add_argument("--strict", action="store_true", help="warnings count as errors")


def run(args: argparse.Namespace) -> int:
    """Run the chosen action and return the exit status; 1 if a checked recording is not good.

    Raises:
        BagError: a recording cannot be read or written.
        CalibrationError: a rig file is wrong.
        SourceError: a sequence is wrong.
    """
    actions = {
        "record": record,
        "from-dataset": _from_dataset,
        "to-dataset": _to_dataset,
        "info": _info,
        "check": _check,
    }
    return actions[args.action](args)


def _add_from_dataset(actions: Any) -> None:
    parser = actions.add_parser(
        "from-dataset",
        help="make a recording of an Ego4View sequence, or of ours in that layout",
        epilog="example: egorear bag from-dataset S1/seq_3-0 --calib ego4view_rw --out seq_3-0",
    )
    parser.add_argument("sequence", type=Path, metavar="SEQ", help="the folder with fisheye_rgb")
    parser.add_argument(
        "--calib", required=True, metavar="RIG", help="rig calibration, name or path; for Ego4View-RW: ego4view_rw"
    )
    parser.add_argument(
        "--metadata", type=Path, metavar="JSON", help="Ego4View-RW: the recording's metadata, if not beside SEQ"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="BAG", help="the folder to make")
    parser.add_argument("--rate", type=float, default=30.0, metavar="HZ", help="frames per second (default: 30)")
    parser.add_argument("--namespace", default="", help="of the rig's topics (default: none)")
    parser.add_argument("--frame-prefix", default="", help="put before every TF frame (default: nothing)")
    parser.add_argument("--compression", choices=("none", "zstd"), default="none", help="of the MCAP chunks")
    parser.add_argument("--force", action="store_true", help="replace --out if it exists")


def _add_to_dataset(actions: Any) -> None:
    parser = actions.add_parser(
        "to-dataset",
        help="make a sequence to train on, in Ego4View-Syn's layout",
        epilog="example: egorear bag to-dataset ride.mcap --out data/me/ride --split train",
    )
    parser.add_argument("bag", type=Path, metavar="BAG", help="rosbag2 folder, .mcap or .db3 file")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the sequence's folder to make")
    parser.add_argument("--split", choices=("train", "validation", "test"), help="name DIR in this list beside it")
    parser.add_argument("--min-views", type=int, default=0, metavar="N", help="views a frame needs (default: all)")
    parser.add_argument("--force", action="store_true", help="replace --out if it exists")
    add_recording_arguments(parser)


def _from_dataset(args: argparse.Namespace) -> int:
    from egorear_ros.bags.sequence import BagOptions, write_sequence_bag

    options = BagOptions(args.namespace, args.frame_prefix, args.compression, args.force)
    rig = _sequence_rig(args)
    with _progress() as progress:
        task = progress.add_task("frames", total=None)
        written = write_sequence_bag(
            args.sequence,
            rig,
            args.out,
            args.rate,
            options,
            lambda done, total: progress.update(task, completed=done, total=total),
        )
    console = _console()
    for sentence in written.left_out[:5]:
        console.print(f"left out: {sentence}", style="yellow")
    if len(written.left_out) > 5:
        console.print(f"left out: {len(written.left_out) - 5} more", style="yellow")
    truth = f"{written.truths} with ground truth" if written.truths else "without ground truth"
    console.print(f"Written: {written.path}: {written.frames} frames, {written.images} images, {truth}")
    return 0


def _to_dataset(args: argparse.Namespace) -> int:
    from egorear_ros.bags.dataset import DatasetOptions, add_to_split, write_dataset

    options = DatasetOptions(
        namespace=args.namespace, sync=sync_config(args), min_views=args.min_views, overwrite=args.force
    )
    with open_with_remap(args) as bag, _progress() as progress:
        task = progress.add_task("frames", total=None)
        written = write_dataset(
            bag, args.out, given_rig(args), options, lambda done: progress.update(task, completed=done)
        )
    console = _console()
    for remark in written.remarks:
        console.print(remark, style="yellow")
    console.print(f"Written: {written.path}: {written.frames} frames, {written.truths} with ground truth")
    if args.split:
        console.print(f"Named in: {add_to_split(args.out, args.split)}")
    return 1 if written.partial_recording else 0


def _info(args: argparse.Namespace) -> int:
    from egorear_ros.commands.bag_screens import print_info

    report = _report(args)
    if args.json:
        _print_json(report)
    else:
        print_info(report, _console())
    return 0


def _check(args: argparse.Namespace) -> int:
    from egorear_ros.commands.bag_screens import print_check

    report = _report(args)
    if args.json:
        _print_json(report)
    else:
        print_check(report, _console())
    return 0 if report.good and not (args.strict and report.findings) else 1


def _report(args: argparse.Namespace) -> "BagReport":
    from egorear_ros.bags.check import check_bag

    with open_with_remap(args) as bag, _progress() as progress:
        task = progress.add_task("messages", total=bag.declared)
        return check_bag(
            bag, given_rig(args), args.namespace, sync_config(args), lambda done: progress.update(task, completed=done)
        )


def _sequence_rig(args: argparse.Namespace) -> "Rig":
    """Return the rig of a sequence; Ego4View-RW's cameras sit differently in each recording."""
    from egorear_ros.geometry.ego4view import load_sequence_rig
    from egorear_ros.geometry.rig_file import find_rig_file, load_rig, read_yaml

    moving = "extrinsics" in read_yaml(find_rig_file(args.calib))
    if not moving and args.metadata is None:
        return load_rig(args.calib)
    name = args.sequence.absolute().name.split("-")[0]
    return load_sequence_rig(args.metadata or args.sequence.absolute().parent / f"{name}_metadata.json", args.calib)


def _print_json(report: "BagReport") -> None:
    json.dump(report.to_json(), sys.stdout, indent=2)
    sys.stdout.write("\n")


def _console() -> Any:
    from rich.console import Console

    # Long lines are left to the terminal, so that paths can be copied.
    return Console(soft_wrap=True, highlight=False, markup=False)


def _progress() -> Any:
    """Return a bar on the standard error stream, which disappears when it is done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
