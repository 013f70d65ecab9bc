"""`egorear eval dataset`: annotated sequences in Ego4View's layout."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egorear_ros.commands import eval_compare
from egorear_ros.commands.eval_common import (
    ViewSet,
    add_model_arguments,
    add_page_arguments,
    into_page,
    made_by,
    make_view_estimator,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

    from egorear_eval.clip import Clip
    from egorear_eval.sequence import SequenceResult
    from egorear_ros.estimators.base import Estimator
    from egorear_ros.structures import Rig


def add_parser(kinds: Any) -> None:
    """Add the command's arguments."""
    parser = kinds.add_parser("dataset", help="annotated sequences in Ego4View's layout")
    add_data_arguments(parser, paths="*")
    parser.add_argument(
        "--compare",
        nargs="+",
        type=Path,
        metavar="RUN",
        help="evaluate nothing, but compare what earlier runs wrote, paired: the same as `egorear eval compare`",
    )
    parser.add_argument(
        "--views",
        default="",
        help="sets of views to use, each a table row: 'front_left,front_right;back_left,back_right', or 'every'",
    )
    add_model_arguments(parser)
    parser.add_argument("--out", type=Path, default=Path("out/eval"), help="folder for scores and poses")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write the page with plots and pictures there")
    add_page_arguments(parser)


def add_data_arguments(parser: argparse.ArgumentParser, paths: str = "+") -> None:
    """Add what chooses the frames of data sets; `paths` is how many folders there may be, as argparse says it."""
    parser.add_argument("paths", nargs=paths, help="roots of data sets, sequence folders, or folders of these")
    parser.add_argument("--split", default="test", help="of a data set's root (default: test)")
    parser.add_argument("--calib", default="ego4view_syn", help="rig calibration, name or path")
    parser.add_argument("--every", type=int, default=1, help="use every n-th frame")


def run(args: argparse.Namespace, console: "Console") -> int:
    """Evaluate, print and write the tables; 1 if no frame could be compared."""
    from egorear_eval.clip import EvaluationError
    from egorear_eval.dataset import find_sequences, view_sets
    from egorear_eval.results import make_tables, reliability_text
    from egorear_eval.tables import markdown
    from egorear_ros.geometry.rig_file import load_rig

    if bool(args.paths) == bool(args.compare):
        raise EvaluationError(
            "either name data sets to evaluate, or two runs to compare (--compare out/eval_a out/eval_b), not both."
        )
    if args.compare:
        return eval_compare.run(argparse.Namespace(**{**vars(args), "runs": args.compare, "joints": False}))
    rig = load_rig(args.calib)
    sequences = find_sequences(args.paths, args.split)
    estimators = {views: make_view_estimator(args, rig, views) for views in view_sets(args.views, rig)}
    others = tell_other_cameras(sequences, rig, console)
    results = evaluate_all(args, sequences, rig, estimators, console)
    skipped = [vars(skip) for result in results for skip in result.skipped]
    clips = {views: [result.clips[views] for result in results if len(result.clips[views])] for views in estimators}
    first = next(iter(estimators))
    if not clips[first]:
        reason = f" The first of {len(skipped)}: {skipped[0]['frame']}: {skipped[0]['reason']}" if skipped else ""
        console.print(f"No frame could be compared.{reason}")
        return 1
    tables = make_tables(clips)
    facts = _facts(args, rig, sequences, estimators[first], clips[first])
    facts = {**facts, "other_cameras": others, "skipped": skipped}
    _write(args, rig, tables, facts, clips[first])
    text = "\n".join(f"{title}\n\n{markdown(rows)}" for title, rows in tables.items())
    sys.stdout.write(f"\n{text}")
    into_page(args, markdown(next(iter(tables.values()))) + reliability_text(facts))
    _say(args, facts, console)
    return 0


def _facts(
    args: argparse.Namespace,
    rig: "Rig",
    sequences: list[str],
    model: "Estimator",
    clips: "list[Clip]",
) -> dict[str, Any]:
    """Return how the run was made, for `scores.json`."""
    from egorear_eval.provenance import data_cards, versions
    from egorear_eval.results import reliability_facts

    return {
        **made_by(args),
        "model": model.model_id,
        "trained": model.trained,
        "calib": rig.source,
        "every": args.every,
        "versions": versions(),
        "data_cards": data_cards(sequences),
        **reliability_facts(clips),
    }


def _write(args: argparse.Namespace, rig: "Rig", tables: Any, facts: dict[str, Any], clips: "list[Clip]") -> None:
    from egorear_eval.provenance import save_run_rig
    from egorear_eval.results import write_results

    save_run_rig(args.out, rig)
    write_results(tables, facts, clips, args.out)
    if args.report is not None:
        from egorear_eval.report import write_report
        from egorear_eval.report.images import SequenceImages

        write_report(args.report, args.out, SequenceImages(rig))


def _say(args: argparse.Namespace, facts: dict[str, Any], console: "Console") -> None:
    from egorear_eval.clip import POSES_FILE

    if not facts["trained"]:
        console.print("The weights are random: these numbers mean nothing.")
    if facts["skipped"]:
        count = len(facts["skipped"])
        console.print(f"{count} frames were skipped; the reasons are in {args.out / 'scores.json'}.")
    console.print(f"Written: {args.out}/scores.md, .csv, .json, {POSES_FILE}")
    if args.report is not None:
        console.print(f"Report: {args.report / 'index.html'}")


def tell_other_cameras(sequences: list[str], rig: "Rig", console: "Console") -> list[str]:
    """Print and return what the data say of cameras other than a rig's."""
    from egorear_eval.provenance import other_cameras

    sentences = other_cameras(sequences, rig)
    for sentence in sentences:
        console.print(f"Attention: {sentence}")
    return sentences


def evaluate_all(
    args: argparse.Namespace,
    sequences: list[str],
    rig: "Rig",
    estimators: "dict[ViewSet, Estimator]",
    console: "Console",
) -> "list[SequenceResult]":
    """Evaluate sequences one after another, with a progress bar."""
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
