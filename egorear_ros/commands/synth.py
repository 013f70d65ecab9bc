"""`egorear synth`: make a training set for a rig, and work with one. Needs no ROS."""

import argparse
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from egorear_synth.dataset.settings import Settings

MOST_PROBLEMS = 30


def add_parser(subparsers: Any) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "synth",
        help="make a synthetic training set for a rig",
        epilog="examples: egorear synth --rig my_rig.yaml --motion clips/ --out data --sequences 200 --frames 300; "
        "egorear synth finish data",
    )
    _add_generate(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="work with a data set")
    finish = actions.add_parser("finish", help="write split files, card and contact sheets of all finished sequences")
    finish.add_argument("folder", type=Path, help="the data set")
    check = actions.add_parser("check", help="check every file of a data set; 1 if something is wrong")
    check.add_argument("folder", type=Path, help="the data set")
    heatmaps = actions.add_parser("heatmaps", help="write Ego4View's heatmap files (.npy), for loaders that need them")
    heatmaps.add_argument("folder", type=Path, help="the data set")
    bag = actions.add_parser("bag", help="write a sequence as rosbag2 recording (MCAP) with ground truth")
    bag.add_argument("folder", type=Path, metavar="SEQUENCE", help="a sequence's folder in the data set")
    bag.add_argument("--out", type=Path, required=True, metavar="BAG", help="the recording, a new folder or .mcap file")
    bag.add_argument("--force", action="store_true", help="replace an existing recording")


def _add_generate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--rig", help="rig calibration: a name in calib/ or a YAML file")
    add("--out", type=Path, metavar="DIR", help="the data set; a folder made with the same settings is continued")
    add("--motion", default="", metavar="CLIPS", help="folder of .amc and .bvh clips (default: built-in motion alone)")
    add("--sequences", type=int, default=20, help="how many (default: 20)")
    add("--frames", type=int, default=300, help="per sequence (default: 300)")
    add("--rate", type=float, default=30.0, metavar="HZ", help="frames per second (default: 30)")
    add("--size", type=int, metavar="PX", help="width of the images (default: as calibrated)")
    add("--samples", type=int, default=2, help="rays per pixel along each axis (default: 2)")
    add("--seed", type=int, default=0, help="of everything random (default: 0)")
    add("--random-pose", type=float, default=0.3, metavar="SHARE", help="of sequences with random poses (default: 0.3)")
    add(
        "--procedural", type=float, default=0.2, metavar="SHARE", help="of the others, built-in motion instead of clips"
    )
    add("--mixed", type=float, default=0.0, metavar="SHARE", help="of clips, with arms from elsewhere (default: 0)")
    add("--clip-rate", type=float, default=120.0, metavar="HZ", help="of AMC clips, which do not say (default: 120)")
    add("--textures", default="", metavar="DIR", help="folder of your own images, for floors, walls and furniture")
    add("--split", type=_split, default=(80.0, 10.0, 10.0), metavar="80/10/10", help="train, validation, test, percent")
    add(
        "--renderer",
        default="embree",
        metavar="embree|warp",
        help="who casts the rays: embree, on the processor (default), or warp, on an NVIDIA GPU",
    )
    add("--device", default="", metavar="cuda|cpu", help="of warp: cuda (default), or cpu, for tests")
    add("--workers", type=int, default=1, help="processes, at most one per core (default: 1)")
    add("--ray", default="", metavar="ADDRESS", help="make them on a Ray cluster; local: one on this machine")
    add("--shard", type=_shard, default=(1, 1), metavar="I/N", help="make every N-th sequence, from the I-th")


def run(args: argparse.Namespace) -> int:
    """Run the chosen action and return the exit status.

    Raises:
        SynthError: see `egorear_synth.dataset.generate.generate`.
    """
    actions = {None: _generate, "finish": _finish, "check": _check, "heatmaps": _heatmaps, "bag": _bag}
    return actions[args.action](args)


def _generate(args: argparse.Namespace) -> int:
    from egorear_ros.commands.synth_progress import ProgressBar
    from egorear_synth.dataset.errors import SynthError
    from egorear_synth.dataset.generate import Shard, generate

    if not args.rig or args.out is None:
        raise SynthError("--rig and --out are needed, for example: egorear synth --rig ego4view_syn --out data.")
    # Schedulers of clusters end programs so; what is finished shall be usable then as well.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ProgressBar(args.out) as progress:
        generate(_settings(args), args.out, args.sequences, progress, args.workers, Shard(*args.shard), args.ray)
    return 0


def _settings(args: argparse.Namespace) -> "Settings":
    from egorear_synth.dataset.settings import Settings

    return Settings(
        rig=args.rig,
        motion=args.motion,
        seed=args.seed,
        frames=args.frames,
        rate_hz=args.rate,
        size=args.size,
        samples=args.samples,
        random_pose=args.random_pose,
        procedural=args.procedural,
        mixed=args.mixed,
        clip_rate_hz=args.clip_rate,
        textures=args.textures,
        split=args.split,
        renderer=args.renderer,
        device=args.device,
    )


def _finish(args: argparse.Namespace) -> int:
    from egorear_synth.dataset.card import write_card

    write_card(args.folder)
    print(f"Written: {args.folder / 'dataset.json'}, split files and contact sheets")
    return 0


def _check(args: argparse.Namespace) -> int:
    from egorear_ros.commands.synth_progress import counted
    from egorear_synth.dataset.check import check_dataset

    with counted("checking", "sequences") as tell:
        result = check_dataset(args.folder, tell)
    for problem in result.problems[:MOST_PROBLEMS]:
        print(problem)
    if len(result.problems) > MOST_PROBLEMS:
        print(f"... and {len(result.problems) - MOST_PROBLEMS} more problems")
    count = len(result.problems)
    wrong = f"{count} problem{'s' if count > 1 else ''}" if result.problems else "nothing wrong"
    print(f"{result.sequences} sequences, {result.frames} frames checked: {wrong}")
    return 1 if result.problems else 0


def _heatmaps(args: argparse.Namespace) -> int:
    from egorear_ros.commands.synth_progress import counted
    from egorear_synth.dataset.heatmap_files import write_heatmaps

    with counted("writing heatmaps", "sequences") as tell:
        written = write_heatmaps(args.folder, tell)
    print(f"{written} heatmap files written below {args.folder}")
    return 0


def _bag(args: argparse.Namespace) -> int:
    from egorear_ros.bags.sequence import BagOptions, write_sequence_bag
    from egorear_ros.geometry.rig_file import load_rig
    from egorear_ros.sources.sequence import RIG_FILE
    from egorear_synth.dataset.errors import SynthError
    from egorear_synth.dataset.finished import read_sequence
    from egorear_synth.dataset.writer import SEQUENCE_FILE

    if not (args.folder / SEQUENCE_FILE).is_file():
        raise SynthError(
            f"{args.folder} is no finished sequence of a data set: it has no {SEQUENCE_FILE}. "
            "Give a sequence's folder, such as data/body_00000/seq_00000."
        )
    rate_hz = read_sequence(args.folder)["rate_hz"]
    rig = load_rig(str(args.folder.resolve().parents[1] / RIG_FILE))
    written = write_sequence_bag(args.folder, rig, args.out, rate_hz, BagOptions(overwrite=args.force))
    for sentence in written.left_out:
        print(sentence)
    print(f"{written.path}: {written.frames} frames, {written.images} images, {written.truths} with ground truth")
    return 1 if written.left_out else 0


def _split(text: str) -> tuple[float, ...]:
    parts = text.split("/")
    try:
        values = tuple(float(part) for part in parts)
    except ValueError:
        values = ()
    if len(values) != 3:
        raise argparse.ArgumentTypeError(f"{text!r}; expected percentages of train/validation/test, such as 80/10/10")
    return values


def _shard(text: str) -> tuple[int, int]:
    number, separator, count = text.partition("/")
    if not (separator and number.isdigit() and count.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r}; expected I/N, for example 1/4")
    return int(number), int(count)
