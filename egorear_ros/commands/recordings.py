"""What the commands that read a recording share: how it is opened, whose it is, how its images are paired."""

import argparse
from typing import TYPE_CHECKING

from egorear_ros.commands.numbers import not_negative

if TYPE_CHECKING:
    from egorear_ros.bags.bag import Bag
    from egorear_ros.config import SyncConfig
    from egorear_ros.structures import Rig


def add_recording_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says how to read a recording."""
    parser.add_argument(
        "--calib", default="", metavar="RIG", help="rig calibration, name or path (default: what the recording carries)"
    )
    parser.add_argument("--namespace", help="of the rig's topics (default: the one with most cameras)")
    parser.add_argument(
        "--remap", action="append", default=[], metavar="FROM:=TO", help="read a topic under another name; repeatable"
    )
    parser.add_argument(
        "--tolerance-ms", type=not_negative, default=8.0, metavar="MS", help="as sync's tolerance_ms (default: 8)"
    )
    parser.add_argument(
        "--max-wait-ms", type=not_negative, default=50.0, metavar="MS", help="as sync's max_wait_ms (default: 50)"
    )


def open_with_remap(args: argparse.Namespace) -> "Bag":
    """Open the recording `args.bag`.

    Raises:
        BagError: there is none, or a rule of `--remap` cannot be read.
    """
    from egorear_ros.bags.bag import open_bag

    return open_bag(args.bag, parse_remap(args.remap))


def parse_remap(rules: list[str]) -> dict[str, str]:
    """Return {recorded: wanted} of `--remap FROM:=TO`.

    Raises:
        BagError: a rule cannot be read.
    """
    from egorear_ros.bags.base import BagError

    remap = {}
    for rule in rules:
        old, separator, new = rule.partition(":=")
        if not (separator and old and new):
            raise BagError(f"--remap {rule}: expected FROM:=TO, for example /cam0:=/front_left/image_raw/compressed.")
        remap[old] = new
    return remap


def given_rig(args: argparse.Namespace) -> "Rig | None":
    """Return the rig that `--calib` names; None: the recording's own.

    Raises:
        CalibrationError: there is no such file, or it is wrong.
    """
    from egorear_ros.geometry.rig_file import load_rig

    return load_rig(args.calib) if args.calib else None


def sync_config(args: argparse.Namespace) -> "SyncConfig":
    """Return the limits of the synchronizer."""
    from egorear_ros.config import SyncConfig

    return SyncConfig(tolerance_ms=args.tolerance_ms, max_wait_ms=args.max_wait_ms)
