"""`egorear eval bag`: a recording through the synchronizer and the estimator of the live rig, as fast as it goes."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from egorear_ros.estimators.base import Estimator
    from egorear_ros.structures import Rig

    MakeEstimator = Callable[[argparse.Namespace, Rig, tuple[str, ...]], Estimator]
    IntoPage = Callable[[argparse.Namespace, str], None]

INTERRUPTED = 130


def add_parser(kinds: Any, add_model_arguments: Callable[[argparse.ArgumentParser], None]) -> None:
    """Add the command's arguments."""
    parser = kinds.add_parser(
        "bag",
        help="a recording: the live rig's synchronizer and estimator, set by set",
        epilog="example: egorear eval bag ride --checkpoint egorear-small --drop back_left@10s-20s --out out/ride",
    )
    parser.add_argument("bag", type=Path, metavar="BAG", help="rosbag2 folder, .mcap or .db3 file")
    add_model_arguments(parser)
    _add_recording(parser)
    _add_what_if(parser)
    parser.add_argument("--out", type=Path, default=Path("out/eval"), help="folder for scores, poses and timing")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write the page with plots and pictures there")
    parser.add_argument("--name", default="", help="of the run, for --page")
    parser.add_argument("--page", type=Path, help="Markdown page whose block eval:NAME gets command and tables")


def _add_recording(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--calib", default="", metavar="RIG", help="rig calibration, name or path (default: what the recording carries)"
    )
    parser.add_argument("--namespace", help="of the rig's topics (default: the one with most cameras)")
    parser.add_argument(
        "--remap", action="append", default=[], metavar="FROM:=TO", help="read a topic under another name; repeatable"
    )
    parser.add_argument(
        "--tolerance-ms", type=float, default=8.0, metavar="MS", help="as sync's tolerance_ms (default: 8)"
    )
    parser.add_argument(
        "--max-wait-ms", type=float, default=50.0, metavar="MS", help="as sync's max_wait_ms (default: 50)"
    )
    parser.add_argument(
        "--truth", type=Path, metavar="SEQ", help="take the ground truth from this sequence folder, by stamp"
    )
    parser.add_argument(
        "--truth-tolerance-ms",
        type=float,
        default=8.0,
        metavar="MS",
        help="largest distance of a set's ground truth (default: 8)",
    )


def _add_what_if(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what if", "the same recording as another rig would have given it")
    group.add_argument(
        "--views",
        default="",
        help="sets of views to use, each a table row: 'front_left,front_right;back_left,back_right', or 'every'",
    )
    group.add_argument(
        "--drop",
        action="append",
        default=[],
        metavar="VIEW[@BEGIN[-END]]",
        help="a camera that fails: back_left@10s-20s, back_left@10s (to the end), back_left; repeatable",
    )
    group.add_argument("--noise", type=float, default=0.0, metavar="SIGMA", help="sensor noise, grey levels of 255")
    group.add_argument("--rate", type=float, default=0.0, metavar="HZ", help="use at most so many sets a second")


def run(args: argparse.Namespace, make_estimator: "MakeEstimator", into_page: "IntoPage", console: "Console") -> int:
    """Evaluate a recording; 1 where it is not whole or nothing could be compared, 130 after Ctrl-C."""
    raise RuntimeError("in the making")
