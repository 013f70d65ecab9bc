"""`egorear eval bag`: a recording through the synchronizer and the estimator of the live rig, as fast as it goes."""

import argparse
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egorear_ros.commands.eval_common import (
    add_model_arguments,
    add_page_arguments,
    into_page,
    made_by,
    make_view_estimator,
)
from egorear_ros.commands.numbers import not_negative
from egorear_ros.commands.recordings import add_recording_arguments, given_rig, open_with_remap, sync_config

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from egorear_eval.recording import RecordingResult
    from egorear_eval.recording_run import Recording, RecordingRun
    from egorear_eval.what_if import WhatIf
    from egorear_ros.bags.bag import Bag
    from egorear_ros.estimators.base import Estimator
    from egorear_ros.structures import Rig

ViewSet = tuple[str, ...]
INTERRUPTED = 130


def add_parser(kinds: Any) -> None:
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
    parser.add_argument(
        "--one-by-one",
        action="store_true",
        help="one set after another, as on the rig: slower, but latencies mean something",
    )
    parser.add_argument("--out", type=Path, default=Path("out/eval"), help="folder for scores, poses and timing")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write the page with plots and pictures there")
    add_page_arguments(parser)


def _add_recording(parser: argparse.ArgumentParser) -> None:
    add_recording_arguments(parser)
    parser.add_argument(
        "--truth", type=Path, metavar="SEQ", help="take the ground truth from this sequence folder, by stamp"
    )
    parser.add_argument(
        "--truth-tolerance-ms",
        type=not_negative,
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


def run(args: argparse.Namespace, console: "Console") -> int:
    """Evaluate a recording, print and write what came of it.

    Returns:
        exit status: 0 if the recording is whole and poses were compared; 1 if it is not, or nothing could be
        compared: what there is is written and says so; 130 after Ctrl-C, likewise.

    Raises:
        EvaluationError: it cannot be evaluated at all.
        BagError: there is no recording.
        CalibrationError: a rig file is wrong.
    """
    from egorear_eval.dataset import view_sets
    from egorear_eval.read_ahead import wait_asleep
    from egorear_eval.recording_run import write_recording
    from egorear_eval.what_if import WhatIf, parse_drop

    wait_asleep()
    with open_with_remap(args) as bag:
        recording = _look_through(args, bag)
        what_if = WhatIf([parse_drop(text, recording.rig.views) for text in args.drop], args.noise, args.rate)
        estimators = _estimators(args, recording.rig, view_sets(args.views, recording.rig))
        for option, folder in (("--out", args.out), ("--report", args.report)):
            _make_folder(option, folder)
        result = _evaluate(args, recording, estimators, what_if)
        model = next(iter(estimators.values()))
        about = {**made_by(args), "model": model.model_id, "trained": model.trained}
        run = write_recording(recording, result, what_if, about, args.truth_tolerance_ms, args.out)
        _tell(args, run, console)
        _report(args, run, console)
    if result.stopped:
        return INTERRUPTED
    return 1 if run.facts["recording"]["partial"] or not run.tables else 0


def _make_folder(option: str, folder: Path | None) -> None:
    """Make a folder, before the work is done that belongs into it."""
    from egorear_eval.clip import EvaluationError

    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EvaluationError(f"{option} {folder} cannot be made: {error.strerror}. Choose another folder.") from None


def _look_through(args: argparse.Namespace, bag: "Bag") -> "Recording":
    from egorear_eval.recording_run import open_recording

    with _bar() as bar:
        task = bar.add_task("looking through", total=bag.declared, rate="")
        return open_recording(
            bag,
            given_rig(args),
            args.namespace,
            sync_config(args),
            args.truth,
            _wanted(args),
            lambda done: bar.update(task, completed=done),
        )


def _wanted(args: argparse.Namespace) -> ViewSet:
    """Return the views that `--views` names; none: all."""
    if args.views == "every":
        return ()
    return tuple(dict.fromkeys(view.strip() for view in args.views.replace(";", ",").split(",") if view.strip()))


def _estimators(args: argparse.Namespace, rig: "Rig", sets: list[ViewSet]) -> "dict[ViewSet, Estimator]":
    """Return the method for every set of views: one for all those that lack views."""
    # A camera that fails on purpose is a question about missing views: weights may answer it untrained.
    whole = [make_view_estimator(args, rig, () if args.drop else rig.views)] if rig.views in sets else []
    lacking = [views for views in sets if views != rig.views]
    other = whole[0] if whole and args.drop else make_view_estimator(args, rig, lacking[0]) if lacking else None
    found = {views: whole[0] if views == rig.views else other for views in sets}
    return {views: estimator for views, estimator in found.items() if estimator is not None}


def _evaluate(
    args: argparse.Namespace, recording: "Recording", estimators: "dict[ViewSet, Estimator]", what_if: "WhatIf"
) -> "RecordingResult":
    from egorear_eval.recording import evaluate_recording

    for estimator in dict.fromkeys(estimators.values()):
        estimator.warm_up()
    with _bar() as bar:
        task = bar.add_task("frame sets", total=recording.expected_sets, rate="")

        def show(done: int) -> None:
            speed = bar.tasks[0].speed
            bar.update(task, completed=done, rate=f"{speed:.1f}/s" if speed else "")

        return evaluate_recording(
            recording.bag,
            recording.topics,
            recording.sync,
            estimators,
            what_if,
            progress=show,
            one_by_one=args.one_by_one,
        )


def _bar() -> "Progress":
    """Return a bar on the standard error stream, which disappears when it is done."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    return Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True)


def _tell(args: argparse.Namespace, run: "RecordingRun", console: "Console") -> None:
    """Print the tables and what there is to know beside them."""
    from egorear_eval.recording_words import remarks, summary
    from egorear_eval.results import reliability_text
    from egorear_eval.tables import markdown

    for title, rows in run.tables.items():
        sys.stdout.write(f"\n{title}\n\n{markdown(rows)}")
    sys.stdout.flush()
    console.print()
    for line in summary(run.facts, run.seconds_per_set):
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    for line in remarks(run.facts):
        console.print(line, soft_wrap=True, highlight=False, markup=False, style="yellow")
    if run.tables:
        into_page(args, markdown(next(iter(run.tables.values()))) + reliability_text(run.facts))
    console.print(f"Written: {args.out}: {', '.join(run.files)}", soft_wrap=True, highlight=False, markup=False)


def _report(args: argparse.Namespace, run: "RecordingRun", console: "Console") -> None:
    if args.report is None:
        return
    if not run.tables:
        with suppress(OSError):  # it holds an earlier report
            args.report.rmdir()
        console.print("No report: nothing could be compared.", style="yellow")
        return
    from egorear_eval.report import write_report

    path = write_report(args.report, args.out, run.images)
    console.print(f"Report: {path}", soft_wrap=True, highlight=False, markup=False)
