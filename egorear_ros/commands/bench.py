"""`egorear bench`: measure this machine and write the tables of docs/performance.md."""

import argparse
import os
import shlex
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from egorear_ros.benchmarks.compare import Earlier, check_common, compare_reports, read_earlier
from egorear_ros.benchmarks.report import NoBlockError, Report, Row, insert_into_page, save_json

if TYPE_CHECKING:
    from rich.console import Console


CALIB = "ego4view_syn"
MODELS = ("paper", "egorear-small")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "bench",
        help="measure transport, lag, pipeline, start-up, models, the wearer, data sets, training and recordings",
    )
    parser.add_argument(
        "what",
        nargs="*",
        type=_name,
        metavar="|".join(BENCHMARKS),
        help="which benchmarks; by default all of them, accuracy only with --dataset, view only with rerun",
    )
    parser.add_argument("--duration", type=float, default=60.0, help="seconds per graph measurement (default: 60)")
    parser.add_argument(
        "--frames", type=int, default=300, help="of the run in which synth watches memory (default: 300; long: 10000)"
    )
    parser.add_argument(
        "--renderer",
        choices=("embree", "warp"),
        default="embree",
        help="of synth; warp: an NVIDIA GPU (default: embree)",
    )
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="of --renderer warp (default: cuda)")
    parser.add_argument("--workers", type=int, help="processes that share the GPU (default: as many as cores)")
    parser.add_argument("--calib", default=CALIB, help="rig calibration, name or path")
    parser.add_argument(
        "--models",
        nargs="+",
        default=list(MODELS),
        help="of runtimes and scaling: paper (random weights) or checkpoints (default: paper egorear-small)",
    )
    parser.add_argument("--plot", type=Path, help="image that scaling writes")
    parser.add_argument("--dataset", default="", help="of accuracy: annotated frames, a data set's root or sequences")
    parser.add_argument("--split", default="test", help="of --dataset (default: test)")
    parser.add_argument("--calibration", default="validation", help="its split that sets int8's ranges")
    parser.add_argument("--checkpoint", default="egorear-small", help="of accuracy (default: egorear-small)")
    parser.add_argument("--samples", type=int, default=500, help="frame sets of accuracy (default: 500)")
    parser.add_argument("--compare", type=Path, metavar="JSON", help="bench.json of an earlier run: what has changed")
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="folder for frames, logs and bench.json")
    parser.add_argument("--page", type=Path, help="Markdown page whose benchmark blocks are replaced")


def run(args: argparse.Namespace) -> int:
    """Run the chosen benchmarks, print and save them; 1 if a target was missed."""
    from rich.console import Console

    from egorear_ros.benchmarks.machine import describe_machine

    console = Console()
    if args.page and not args.page.is_file():
        raise ValueError(f"--page {args.page}: there is no such file. Name a Markdown page with benchmark blocks.")
    names = args.what or [name for name in BENCHMARKS if name not in _unasked(args)]
    # Before anything is measured: it may be no such file, or the one that is about to be written.
    earlier = read_earlier(args.compare) if args.compare else None
    if earlier is not None:
        check_common([_block(name, args) for name in names], earlier)
    args.out.mkdir(parents=True, exist_ok=True)
    reports = []
    for name in names:
        title, measure = BENCHMARKS[name]
        console.print(f"[bold]{name}[/bold]: {title} …")
        command = f"egorear bench {name}{_options(name, args)}"
        report = Report(_block(name, args), title, command, describe_machine(), measure(args))
        _print(console, report)
        reports.append(report)
        _save(console, reports, args)
    console.print(f"Written: {args.out / 'bench.json'}" + (f", {args.page}" if args.page else ""))
    missed = [row.quantity for report in reports for row in report.rows if row.met is False]
    for quantity in missed:
        console.print(f"[red]target missed:[/red] {quantity}")
    if earlier is not None:
        _print_changes(console, reports, earlier)
    return 1 if missed else 0


def _save(console: "Console", reports: Sequence[Report], args: argparse.Namespace) -> None:
    """Write what has been measured so far: hours of it must not be lost with the next benchmark."""
    save_json(reports, args.out / "bench.json")
    if not args.page:
        return
    try:
        insert_into_page(reports[-1], args.page)
    except NoBlockError as error:  # its table may stand on another page
        console.print(f"[yellow]not on the page:[/yellow] {error}")


def _unasked(args: argparse.Namespace) -> set[str]:
    """Return the benchmarks that need what is not there: a data set, or a package that `make` does not install."""
    return {*([] if args.dataset else ["accuracy"]), *([] if find_spec("rerun") else ["view"])}


def _options(name: str, args: argparse.Namespace) -> str:
    """Return the options that decide what a benchmark measures, as they are typed."""
    words = _own_options(name, args)
    if args.calib != CALIB:
        words += ["--calib", args.calib]
    return "".join(f" {shlex.quote(word)}" for word in words)


def _own_options(name: str, args: argparse.Namespace) -> list[str]:
    """Return those that not every benchmark has."""
    if name in ("transport", "lag", "pipeline", "view"):
        return ["--duration", f"{args.duration:g}"]
    if name == "synth" and args.renderer == "warp":
        return ["--renderer", "warp", "--device", args.device, "--workers", str(_workers(args))]
    if name == "synth":
        return ["--frames", str(args.frames)]
    if name in ("runtimes", "scaling") and args.models != list(MODELS):
        return ["--models", *args.models]
    if name == "accuracy":
        shown = ("dataset", "split", "samples", "checkpoint", "calibration")
        return [word for option in shown for word in (f"--{option}", str(getattr(args, option)))]
    return []


def _block(name: str, args: argparse.Namespace) -> str:
    """Return the name of a benchmark's table: the two renderers' stand side by side."""
    return "synth_gpu" if name == "synth" and args.renderer == "warp" else name


def _workers(args: argparse.Namespace) -> int:
    return args.workers or os.cpu_count() or 1


def _name(text: str) -> str:
    if text not in BENCHMARKS:
        raise argparse.ArgumentTypeError(f"there is no benchmark {text!r}; expected {', '.join(BENCHMARKS)}")
    return text


def _print(console: "Console", report: Report) -> None:
    from rich.table import Table

    table = Table(title=report.title, caption=report.machine)
    for heading in ("quantity", "measured", "target", "met"):
        table.add_column(heading)
    for row in report.rows:
        table.add_row(row.quantity, row.value, row.target, row.verdict)
    console.print(table)


def _print_changes(console: "Console", reports: Sequence[Report], earlier: Earlier) -> None:
    from rich.table import Table

    changes = compare_reports(reports, earlier)
    if not changes:
        console.print(f"{earlier.path} holds none of the quantities that were measured now: nothing to compare.")
        return
    table = Table(title=f"against {earlier.path}", caption=f"earlier: {earlier.machines}")
    for heading in ("quantity", "earlier", "now", "ratio"):
        table.add_column(heading)
    for change in changes:
        ratio = "" if change.ratio is None else f"{change.ratio:.3f}"
        table.add_row(change.quantity, change.earlier, change.now, ratio)
    console.print(table)


def _transport(args: argparse.Namespace) -> list[Row]:
    from egorear_ros.benchmarks.transport import measure_transport

    separate = measure_transport(args.out, args.calib, args.duration, separate=True)
    return separate + measure_transport(args.out, args.calib, args.duration, separate=False)


def _lag(args: argparse.Namespace) -> list[Row]:
    from egorear_ros.benchmarks.lag import measure_lag

    return measure_lag(args.out, args.calib, args.duration)


def _pipeline(args: argparse.Namespace) -> list[Row]:
    from egorear_ros.benchmarks.pipeline import measure_pipeline

    return measure_pipeline(args.out, args.calib, args.duration)


def _jpeg(args: argparse.Namespace) -> list[Row]:
    from egorear_ros.benchmarks.jpeg import measure_jpeg

    return measure_jpeg(args.out / "jpeg", args.calib)


def _view(args: argparse.Namespace) -> list[Row]:
    from egorear_ros.benchmarks.view import measure_view

    return measure_view(args.out, args.calib, args.duration)


def _startup(args: argparse.Namespace) -> list[Row]:
    from egorear_ros.benchmarks.startup import measure_startup

    return measure_startup(args.out, args.calib)


def _model(args: argparse.Namespace) -> list[Row]:
    from egorear_ros.benchmarks.model import measure_model

    return measure_model(args.calib)


def _runtimes(args: argparse.Namespace) -> list[Row]:
    from egorear_ros.benchmarks.runtimes import measure_runtimes

    return measure_runtimes(args.calib, args.models, args.out / "models")


def _scaling(args: argparse.Namespace) -> list[Row]:
    from egorear_ros.benchmarks.scaling import measure_scaling

    return measure_scaling(args.calib, args.models, args.plot)


def _accuracy(args: argparse.Namespace) -> list[Row]:
    from egorear_ros.benchmarks.accuracy import measure_accuracy

    if not args.dataset:
        raise ValueError("accuracy needs annotated frames: name a data set with --dataset.")
    return measure_accuracy(
        args.calib, args.checkpoint, args.dataset, args.split, args.samples, args.calibration, args.out / "models"
    )


def _wearer(args: argparse.Namespace) -> list[Row]:
    from egorear_ros.benchmarks.wearer import measure_wearer

    return measure_wearer(args.calib)


def _synth(args: argparse.Namespace) -> list[Row]:
    if args.renderer == "warp":
        from egorear_ros.benchmarks.synth_gpu import measure_synth_gpu

        return measure_synth_gpu(args.calib, args.device, _workers(args))
    from egorear_ros.benchmarks.synth import measure_synth

    return measure_synth(args.calib, args.frames)


def _bag(args: argparse.Namespace) -> list[Row]:
    from egorear_ros.benchmarks.bag import measure_bag

    return measure_bag(args.out, args.calib)


def _eval(args: argparse.Namespace) -> list[Row]:
    from egorear_ros.benchmarks.evaluation import measure_eval

    return measure_eval(args.out, args.calib)


def _data(args: argparse.Namespace) -> list[Row]:
    from egorear_ros.benchmarks.data import measure_data

    return measure_data(args.out / "data", args.calib)


def _training(args: argparse.Namespace) -> list[Row]:
    from egorear_ros.benchmarks.training import measure_training

    return measure_training(args.out / "training", args.calib)


BENCHMARKS: dict[str, tuple[str, Callable[[argparse.Namespace], list[Row]]]] = {
    "transport": ("four 872x872 JPEG streams at 30 Hz, no estimator", _transport),
    "lag": ("a model slower than the stream", _lag),
    "jpeg": ("JPEGs decoded at reduced scale, for the small model", _jpeg),
    "pipeline": ("the small model behind four 872x872 JPEG streams at 30 Hz", _pipeline),
    "startup": ("from launch to the first pose, and memory", _startup),
    "model": ("one frameset of the four-view model", _model),
    "runtimes": ("one frameset in every installed engine, against the plain eager module", _runtimes),
    "scaling": ("cost over views and batch", _scaling),
    "accuracy": ("what fewer digits and smaller JPEGs cost on annotated frames", _accuracy),
    "wearer": ("the synthetic wearer, four views", _wearer),
    "synth": ("sequences of a data set, files written", _synth),
    "bag": ("recordings of four cameras, 60 kB an image, checked", _bag),
    "eval": ("a recording of 872x872 JPEGs evaluated, against the network alone", _eval),
    "view": ("what a live view takes from the graph it shows", _view),
    "data": ("training samples from files and from a pack, one core", _data),
    "training": ("some steps of training from a pack", _training),
}
