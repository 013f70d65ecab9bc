"""`egorear data`: pack data sets for training, and check them. Needs no ROS."""

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from egorear_ros.structures import Rig
    from egorear_train.datasets.check import SplitCheck

SPLITS = ("train", "validation", "test")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser("data", help="pack and check training data, without ROS")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    pack = actions.add_parser(
        "pack",
        help="write what training needs into a few large files",
        description="Decode and resize every image once and write it with its targets into shards. Packing that was "
        "stopped, however it was, goes on when the same command runs again.",
    )
    _add_common(pack)
    pack.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the pack")
    pack.add_argument("--size", type=int, default=256, metavar="PX", help="height and width of images (default: 256)")
    pack.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes (default: cores)")
    pack.add_argument("--frames-per-shard", type=int, default=256, metavar="N", help="in each file (default: 256)")
    check = actions.add_parser(
        "check",
        help="read all frames, count them and name the damaged ones",
        description="Exit status 1 if more frames are damaged than training accepts.",
    )
    _add_common(check)
    check.add_argument("--every", type=int, default=1, metavar="N", help="read every N-th frame only")


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("root", metavar="ROOT", help="folder with train.txt, validation.txt or test.txt")
    parser.add_argument("--calib", default="ego4view_syn", metavar="RIG", help="name or path (default: ego4view_syn)")
    parser.add_argument("--views", nargs="+", default=(), metavar="VIEW", help="of the rig's views (default: all)")
    parser.add_argument("--split", nargs="+", choices=SPLITS, default=(), help="default: all that there are")
    parser.add_argument("--virtual-cameras", action="store_true", help="as recipes with model.virtual_cameras want it")
    parser.add_argument("--quirk", action="append", default=[], help="do as the published code: first_line_only")


def run(args: argparse.Namespace) -> int:
    """Run the chosen action and return the exit status.

    Raises:
        DatasetError: the data set is not what it should be, too many frames are damaged, or the disk is full.
    """
    from rich.console import Console

    return {"pack": _pack, "check": _check}[args.action](args, Console())


def _pack(args: argparse.Namespace, console: "Console") -> int:
    from egorear_train.datasets.packed.pack import PackSettings, pack

    for name, value in (
        ("--size", args.size),
        ("--workers", args.workers),
        ("--frames-per-shard", args.frames_per_shard),
    ):
        if value < 1:
            raise ValueError(f"{name} is {value}; expected 1 or more.")
    settings = PackSettings(
        root=Path(args.root),
        rig=_rig(args),
        splits=tuple(args.split),
        image_size=args.size,
        quirks=tuple(args.quirk),
        frames_per_shard=args.frames_per_shard,
        virtual_cameras=args.virtual_cameras,
    )
    with _bar(console, f"packing {args.root}") as show:
        card = pack(settings, args.out, args.workers, show)
    _print_card(card, console)
    console.print(f"Packed: {args.out}")
    return 0


def _check(args: argparse.Namespace, console: "Console") -> int:
    from egorear_train.datasets.base import FrameDataset, damage_limit
    from egorear_train.datasets.check import check_split
    from egorear_train.datasets.make import make_dataset, pack_size, splits_of

    rig = _rig(args)
    found = {}
    for split in args.split or splits_of(args.root):
        size = pack_size(args.root) or 256
        dataset = make_dataset(args.root, split, rig, size, virtual_cameras=args.virtual_cameras, quirks=args.quirk)
        assert isinstance(dataset, FrameDataset)
        with _bar(console, f"reading {split}") as show:
            found[split] = check_split(dataset, args.every, show)
    _print_checks(found, console)
    bad = [split for split, check in found.items() if len(check.damaged) > damage_limit(check.frames)]
    if bad:
        console.print(f"Too many damaged frames for training: {', '.join(bad)}.")
    return 1 if bad else 0


def _rig(args: argparse.Namespace) -> "Rig":
    from egorear_ros.geometry.rig_file import find_rig_file, read_yaml
    from egorear_train.rigs import load_training_rig

    views = tuple(args.views) or tuple(read_yaml(find_rig_file(args.calib)).get("views") or ())
    return load_training_rig(args.calib, views)


@contextmanager
def _bar(console: "Console", text: str) -> Iterator[Callable[[int, int], None]]:
    """Show how far it is; yields what to call with the numbers of frames done and of all."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        bar = bars.add_task(text, total=None)
        yield lambda done, total: bars.update(bar, completed=done, total=total)


def _print_card(card: dict[str, Any], console: "Console") -> None:
    from rich.table import Table

    table = Table("split", "frames", "shards", "size", "skipped")
    for name, split in card["splits"].items():
        size = f"{split['bytes'] / 1e6:,.1f} MB"
        table.add_row(name, f"{split['frames']:,}", str(len(split["shards"])), size, str(len(split["skipped"])))
    console.print(table)
    for split in card["splits"].values():
        for skip in split["skipped"]:
            console.print(f"skipped {skip['frame']}: {skip['reason']}", soft_wrap=True, markup=False, highlight=False)


def _print_checks(found: "dict[str, SplitCheck]", console: "Console") -> None:
    from rich.table import Table

    table = Table("split", "frames", "read", "damaged", "joints, device frame, cm", "joints in images, px", "visible")
    for split, check in found.items():
        if not check.read:
            table.add_row(split, f"{check.frames:,}", "0", str(len(check.damaged)), "-", "-", "-")
            continue
        boxes = [
            "\n".join(f"{axis} {low:.0f} … {high:.0f}" for axis, low, high in zip(axes, lows, highs, strict=False))
            for axes, lows, highs in (
                ("xyz", check.joints_min_cm, check.joints_max_cm),
                ("uv", check.pixels_min, check.pixels_max),
            )
        ]
        share = "not said" if check.visible_share != check.visible_share else f"{check.visible_share:.0%}"
        table.add_row(split, f"{check.frames:,}", f"{check.read:,}", str(len(check.damaged)), *boxes, share)
    console.print(table)
    for split, check in found.items():
        for reason in check.damaged:
            console.print(f"{split}: {reason}", soft_wrap=True, markup=False, highlight=False)
