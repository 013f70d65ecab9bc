"""`egorear eval`: compare estimates with ground truth."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egorear_ros.config import EstimatorConfig, RuntimeConfig

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

    from egorear_eval.clip import Clip
    from egorear_eval.scores import Scores
    from egorear_eval.sequence import SequenceResult
    from egorear_ros.estimators.base import Estimator
    from egorear_ros.structures import Rig

ViewSet = tuple[str, ...]


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser("eval", help="compare estimates with ground truth, without ROS")
    kinds = parser.add_subparsers(dest="what", required=True)
    dataset = kinds.add_parser("dataset", help="annotated sequences in Ego4View's layout")
    dataset.add_argument("paths", nargs="+", help="roots of data sets, sequence folders, or folders of these")
    dataset.add_argument("--split", default="test", help="of a data set's root (default: test)")
    dataset.add_argument("--calib", default="ego4view_syn", help="rig calibration, name or path")
    dataset.add_argument(
        "--views",
        default="",
        help="sets of views to use, each a table row: 'front_left,front_right;back_left,back_right', or 'every'",
    )
    add_model_arguments(dataset)
    dataset.add_argument("--every", type=int, default=1, help="use every n-th frame")
    dataset.add_argument("--out", type=Path, default=Path("out/eval"), help="folder for scores and poses")
    dataset.add_argument("--name", default="", help="of the run, for --page")
    dataset.add_argument("--page", type=Path, help="Markdown page whose block eval:NAME gets command and tables")
    against = kinds.add_parser("compare", help="two runs of `eval` on the same recordings, paired")
    against.add_argument("runs", nargs=2, type=Path, metavar="RUN", help="folders that --out wrote")
    against.add_argument("--name", default="", help="of the comparison, for --page")
    against.add_argument("--page", type=Path, help="Markdown page whose block eval:NAME gets command and table")


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what chooses an estimator."""
    parser.add_argument("--method", default="egorear", choices=("egorear", "egoposeformer"))
    parser.add_argument("--checkpoint", default="", help="weights, .safetensors or .ckpt")
    parser.add_argument("--legacy-syn-geometry", action="store_true", help="for official Ego4View-Syn weights")
    parser.add_argument("--allow-untrained", action="store_true", help="run random weights")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")


def run(args: argparse.Namespace) -> int:
    """Evaluate or compare, print and write the tables; 1 if no frame could be compared."""
    from rich.console import Console

    console = Console()
    return _compare(args) if args.what == "compare" else _dataset(args, console)


def _compare(args: argparse.Namespace) -> int:
    from egorear_eval.clip import load_clips
    from egorear_eval.compare import compare
    from egorear_eval.tables import compared_markdown

    first, second = args.runs
    frames, rows = compare(load_clips(first), load_clips(second))
    table = compared_markdown(first.name, second.name, frames, rows)
    sys.stdout.write(table)
    _into_page(args, table)
    return 0


def _into_page(args: argparse.Namespace, tables: str) -> None:
    """Put the command and what it printed into a page, if one is named."""
    if args.page is None:
        return
    from egorear_ros.benchmarks.machine import describe_machine
    from egorear_ros.benchmarks.report import replace_block

    hidden = {"--page", str(args.page)}
    words = [word for word in args.words if word not in hidden]
    command = shlex.join(["egorear", *words])
    replace_block(args.page, f"eval:{args.name}", f"`{command}` on {describe_machine()}:\n\n{tables.strip()}")


def _dataset(args: argparse.Namespace, console: "Console") -> int:
    from egorear_eval.clip import POSES_FILE, save_clips
    from egorear_eval.dataset import find_sequences, view_sets
    from egorear_eval.tables import markdown, write_tables
    from egorear_ros.geometry.rig_file import load_rig

    rig = load_rig(args.calib)
    sequences = find_sequences(args.paths, args.split)
    estimators = {views: make_view_estimator(args, rig, views) for views in view_sets(args.views, rig)}
    results = _evaluate(args, sequences, rig, estimators, console)
    skipped = [vars(skip) for result in results for skip in result.skipped]
    clips = {views: [result.clips[views] for result in results if len(result.clips[views])] for views in estimators}
    first = next(iter(estimators))
    if not clips[first]:
        reason = f" The first of {len(skipped)}: {skipped[0]['frame']}: {skipped[0]['reason']}" if skipped else ""
        console.print(f"No frame could be compared.{reason}")
        return 1
    tables = make_tables(clips)
    model = estimators[first]
    facts = {
        "command": ["egorear", *args.words],
        "model": model.model_id,
        "trained": model.trained,
        "calib": rig.source,
        "every": args.every,
        "skipped": skipped,
        **reliability_facts(clips[first]),
    }
    write_tables(tables, facts, args.out)
    save_clips(args.out / POSES_FILE, clips[first])
    text = "\n".join(f"{title}\n\n{markdown(rows)}" for title, rows in tables.items())
    sys.stdout.write(f"\n{text}")
    _into_page(args, markdown(next(iter(tables.values()))) + reliability_text(facts))
    if not model.trained:
        console.print("The weights are random: these numbers mean nothing.")
    if skipped:
        console.print(f"{len(skipped)} frames were skipped; the reasons are in {args.out / 'scores.json'}.")
    console.print(f"Written: {args.out}/scores.md, .csv, .json, {POSES_FILE}")
    return 0


def make_view_estimator(args: argparse.Namespace, rig: "Rig", views: ViewSet) -> "Estimator":
    """Build the estimator that the arguments name, for a rig of which only some views are used."""
    from egorear_ros.estimators.factory import make_estimator

    config = EstimatorConfig(
        method=args.method,
        checkpoint=args.checkpoint,
        legacy_syn_geometry=args.legacy_syn_geometry,
        allow_untrained=args.allow_untrained,
        missing_views="auto" if views == rig.views else "always",
    )
    return make_estimator(config, RuntimeConfig(device=args.device), rig)


def make_tables(clips: "dict[ViewSet, list[Clip]]") -> "dict[str, dict[str, Scores]]":
    """Return the tables of a run: by views, and by movement for the first set of views."""
    from egorear_eval.scores import score

    first = next(iter(clips))
    by_views = {" + ".join(views): score(some) for views, some in clips.items() if some}
    groups = sorted({clip.group for clip in clips[first]})
    by_movement = {group: score([clip for clip in clips[first] if clip.group == group]) for group in groups}
    return {"By views": by_views, "By recording or motion clip": by_movement}


def reliability_facts(clips: "list[Clip]") -> dict[str, Any]:
    """Return the reliability of confidences as JSON values; nothing if there are none."""
    from egorear_eval.reliability import reliability
    from egorear_ros.estimators.confidence import GOOD_ERROR_CM

    found = reliability(clips, 10.0 * GOOD_ERROR_CM)
    if found is None:
        return {}
    rows = zip(found.confidence.tolist(), found.share.tolist(), found.counts.tolist(), strict=True)
    bins = [
        {"confidence": confidence, "share_within": share, "joints": count} for confidence, share, count in rows if count
    ]
    content = {"within_mm": found.good_error_mm, "expected_calibration_error": found.expected_error, "bins": bins}
    return {"reliability": content}


def reliability_text(facts: dict[str, Any]) -> str:
    """Return a sentence on the confidences; nothing if there are none."""
    found = facts.get("reliability")
    if found is None:
        return ""
    bins = ", ".join(f"{row['confidence']:.2f}: {row['share_within']:.2f}" for row in found["bins"])
    return (
        f"\nConfidence and the share of joints within {found['within_mm']:g} mm, in ten bins: {bins}. "
        f"Expected calibration error {found['expected_calibration_error']:.3f}.\n"
    )


def _evaluate(
    args: argparse.Namespace,
    sequences: list[str],
    rig: "Rig",
    estimators: "dict[ViewSet, Estimator]",
    console: "Console",
) -> "list[SequenceResult]":
    from rich.progress import Progress

    from egorear_eval.sequence import evaluate_sequence

    results = []
    with Progress(console=console, transient=True) as bars:
        total = bars.add_task(f"{len(sequences)} sequences", total=len(sequences))
        for path in sequences:
            bar = bars.add_task(path)

            def show(done: int, count: int, bar: "TaskID" = bar) -> None:
                bars.update(bar, completed=done, total=count)

            results.append(evaluate_sequence(path, rig, estimators, max(1, args.every), show))
            bars.remove_task(bar)
            bars.advance(total)
    return results
