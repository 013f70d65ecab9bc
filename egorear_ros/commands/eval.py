"""`egorear eval`: compare estimates with ground truth."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from egorear_ros.config import EstimatorConfig, RuntimeConfig

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

    from egorear_eval.scores import Scores
    from egorear_eval.sequence import SequenceResult
    from egorear_ros.estimators.base import Estimator
    from egorear_ros.structures import Rig


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser("eval", help="compare estimates with ground truth, without ROS")
    kinds = parser.add_subparsers(dest="what", required=True)
    dataset = kinds.add_parser("dataset", help="annotated sequence folders in Ego4View's layout")
    dataset.add_argument("sequences", nargs="+", help="sequence folders")
    dataset.add_argument("--calib", default="ego4view_syn", help="rig calibration, name or path")
    dataset.add_argument("--method", default="egorear", choices=("egorear", "egoposeformer"))
    dataset.add_argument("--checkpoint", default="", help="weights, .safetensors or official .ckpt")
    dataset.add_argument("--legacy-syn-geometry", action="store_true", help="for official Ego4View-Syn weights")
    dataset.add_argument("--allow-untrained", action="store_true", help="run random weights")
    dataset.add_argument("--device", default="auto", help="auto, cpu or cuda")
    dataset.add_argument("--every", type=int, default=1, help="use every n-th frame")
    dataset.add_argument("--out", type=Path, default=Path("out/eval"), help="folder for scores.csv, .json and .md")


def run(args: argparse.Namespace) -> int:
    """Evaluate, print and write the tables; 1 if no frame could be compared."""
    from rich.console import Console

    from egorear_eval.tables import markdown, write_tables
    from egorear_ros.estimators.factory import make_estimator
    from egorear_ros.geometry.rig_file import load_rig

    console = Console()
    rig = load_rig(args.calib)
    config = EstimatorConfig(
        method=args.method,
        checkpoint=args.checkpoint,
        legacy_syn_geometry=args.legacy_syn_geometry,
        allow_untrained=args.allow_untrained,
    )
    estimator = make_estimator(config, RuntimeConfig(device=args.device), rig)
    results = _evaluate(args, rig, estimator, console)
    skipped = [
        {"sequence": result.path, "frame": skip.frame, "reason": skip.reason}
        for result in results
        for skip in result.skipped
    ]
    rows = _rows(results)
    if not rows:
        first = f" The first of {len(skipped)}: {skipped[0]['frame']}: {skipped[0]['reason']}" if skipped else ""
        console.print(f"No frame could be compared.{first}")
        return 1
    facts = {
        "model": estimator.model_id,
        "trained": estimator.trained,
        "calib": rig.source,
        "every": args.every,
        "skipped": skipped,
    }
    write_tables(rows, facts, args.out)
    console.print(markdown(rows))
    if not estimator.trained:
        console.print("The weights are random: these numbers mean nothing.")
    if skipped:
        console.print(f"{len(skipped)} frames were skipped; the reasons are in {args.out / 'scores.json'}.")
    console.print(f"Written: {args.out}/scores.csv, .json, .md")
    return 0


def _evaluate(
    args: argparse.Namespace, rig: "Rig", estimator: "Estimator", console: "Console"
) -> "list[SequenceResult]":
    from rich.progress import Progress

    from egorear_eval.sequence import evaluate_sequence

    results = []
    with Progress(console=console, transient=True) as bars:
        for path in args.sequences:
            bar = bars.add_task(path)

            def show(done: int, total: int, bar: "TaskID" = bar) -> None:
                bars.update(bar, completed=done, total=total)

            results.append(evaluate_sequence(path, rig, estimator, max(1, args.every), show))
    return results


def _rows(results: "list[SequenceResult]") -> "dict[str, Scores]":
    """Return the scores of each sequence that has any, and of all together."""
    import numpy as np

    from egorear_eval.scores import score

    used = [result for result in results if result.frames]
    rows = {result.path: score(np.array(result.predicted), np.array(result.truth)) for result in used}
    if used:
        predicted = np.concatenate([result.predicted for result in used])
        rows["all"] = score(predicted, np.concatenate([result.truth for result in used]))
    return rows
