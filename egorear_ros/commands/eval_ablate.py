"""`egorear eval ablate`: what each part of a method is worth, on the user's own recordings."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egorear_ros.commands.eval_common import ViewSet, add_page_arguments, into_page
from egorear_ros.commands.eval_passes import evaluate_pass, is_recording, stamps_of

if TYPE_CHECKING:
    from rich.console import Console

    from egorear_eval.clip import Clip
    from egorear_ros.estimators.base import Estimator
    from egorear_ros.structures import Rig

PARTS = ("views", "refinement", "mask", "confidence", "smoothing")
SWITCHED_OFF = "switched off at inference"
SWITCH_NOTE = (
    "Switched off at inference, the network meets what it never saw in training: an upper bound of what the part is "
    "worth. A retrained row is the fair comparison."
)


def add_parser(kinds: Any) -> None:
    """Add the command's arguments."""
    parser = kinds.add_parser(
        "ablate",
        help="what views, refinement, masking, confidence and smoothing are worth: tables as in the paper",
        epilog="example: egorear eval ablate data/mine --checkpoint egorear-small --ablate views,refinement "
        "--variant 'no refinement=out/no_refinement.safetensors'",
    )
    parser.add_argument("paths", nargs="+", help="data sets and sequences as for `eval dataset`, or recordings")
    parser.add_argument(
        "--ablate",
        default="views,refinement,mask",
        help=f"of {','.join(PARTS)} (default: the first 3); '' for variants alone",
    )
    parser.add_argument(
        "--variant",
        action="append",
        default=[],
        metavar="NAME=CHECKPOINT",
        help="weights that were trained otherwise, as a row of their own; they run as they were trained; repeatable",
    )
    parser.add_argument("--views", default="", help="use these alone in every row, for example front_left,front_right")
    parser.add_argument("--split", default="test", help="of a data set's root (default: test)")
    parser.add_argument("--calib", default="", help="rig calibration (default: ego4view_syn, or the recording's own)")
    parser.add_argument("--every", type=int, default=1, help="use every n-th frame of sequences")
    parser.add_argument("--rate", type=float, default=0.0, metavar="HZ", help="of sequences that do not say theirs")
    parser.add_argument("--truth", type=Path, metavar="SEQ", help="ground truth of a recording that has none")
    # No engines to choose among: parts can be switched off in the plain one alone.
    parser.add_argument("--method", default="egorear", choices=("egorear", "egoposeformer", "egotap"))
    parser.add_argument("--checkpoint", default="", help="weights of the full method, .safetensors or .ckpt")
    parser.add_argument("--legacy-syn-geometry", action="store_true", help="for official Ego4View-Syn weights")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--out", type=Path, help="folder for the tables (ablation.md, ablation.json)")
    add_page_arguments(parser)


def run(args: argparse.Namespace, console: "Console") -> int:
    """Run every variant, print and write the tables."""
    parts, variants = _parts(args.ablate), [_variant(words) for words in args.variant]
    _check(args, parts, variants)
    views = evaluate_pass(args, lambda rig: _view_estimators(args, rig, every="views" in parts), console)
    full_views, full = next(iter(views.items()))
    tables = []
    if "views" in parts:
        tables.append(_views_table(views))
    switches = [part for part in ("refinement", "mask") if part in parts]
    if switches or variants:
        tables.append(_parts_table(args, full_views, full, switches, variants, console))
    if "confidence" in parts:
        from egorear_eval.ablation import confidence_table

        tables.append(confidence_table(full))
    if "smoothing" in parts:
        tables.append(_smoothing_table(args, full))
    text = "\n".join(tables) + f"\n{_footnote(full)}\n"
    sys.stdout.write(f"\n{text}")
    _write(args, text)
    into_page(args, text)
    return 0


def _parts(text: str) -> list[str]:
    from egorear_eval.clip import EvaluationError

    parts = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise EvaluationError(f"--ablate {text!r}: unknown {', '.join(unknown)}; expected {', '.join(PARTS)}.")
    return parts


def _variant(words: str) -> tuple[str, str]:
    """Return name and checkpoint."""
    from egorear_eval.clip import EvaluationError

    name, _, checkpoint = words.partition("=")
    if not name or not checkpoint:
        raise EvaluationError(
            f"--variant {words!r}: expected NAME=CHECKPOINT, for example 'no mask=out/no_mask.safetensors'."
        )
    return name, checkpoint


def _check(args: argparse.Namespace, parts: Sequence[str], variants: Sequence[object]) -> None:
    from egorear_eval.clip import EvaluationError

    if not parts and not variants:
        raise EvaluationError(f"--ablate '' leaves nothing to compare; expected {', '.join(PARTS)}, or a --variant.")
    if args.views and ("views" in parts or ";" in args.views):
        raise EvaluationError(
            f"--views {args.views!r} is one set of views for every row. For a table of all sets: --ablate views alone."
        )
    if not args.checkpoint:
        raise EvaluationError("an ablation has no weights to take parts from. Give --checkpoint, say egorear-small.")


def _view_estimators(args: argparse.Namespace, rig: "Rig", *, every: bool) -> "dict[ViewSet, Estimator]":
    """Return the full method for all views and, if wanted, for every smaller set; one estimator serves them all."""
    from egorear_eval.dataset import view_sets

    full = _estimator(args, rig)
    return dict.fromkeys(view_sets("every" if every else args.views, rig), full)


def _estimator(args: argparse.Namespace, rig: "Rig", switch: str = "", checkpoint: str = "") -> "Estimator":
    from egorear_eval.switches import switched_estimator

    return switched_estimator(
        checkpoint or args.checkpoint,
        rig,
        method=args.method,
        switch=switch,
        device=args.device,
        legacy_syn_geometry=args.legacy_syn_geometry,
    )


def _views_table(views: "dict[ViewSet, list[Clip]]") -> str:
    from egorear_eval.ablation import Variant, ablation_table

    rows = [
        Variant(" + ".join(names), "all views" if index == 0 else "other views masked", clips)
        for index, (names, clips) in enumerate(views.items())
    ]
    return ablation_table("Views", rows, "The same weights for every set of cameras.")


def _parts_table(
    args: argparse.Namespace,
    full_views: ViewSet,
    full: "list[Clip]",
    switches: Sequence[str],
    retrained: list[tuple[str, str]],
    console: "Console",
) -> str:
    """Return the table of what was switched off and what was trained otherwise, each a pass over the data."""
    from egorear_eval.ablation import FULL, Variant, ablation_table
    from egorear_eval.retrained import how_trained

    rows: list[Variant] = [Variant(FULL, Path(args.checkpoint).name, full)]
    chosen = [(f"without {switch}", SWITCHED_OFF, "", switch) for switch in switches]
    chosen += [(name, how_trained(file, args.checkpoint), file, "") for name, file in retrained]
    for name, how, file, part in chosen:

        def make(rig: "Rig", part: str = part, file: str = file) -> "dict[ViewSet, Estimator]":
            return {full_views: _estimator(args, rig, part, file)}

        rows.append(Variant(name, how, evaluate_pass(args, make, console)[full_views]))
    notes = [SWITCH_NOTE] if switches else []
    if args.views:
        notes.append(f"Every row sees {' + '.join(full_views)} alone.")
    return ablation_table("Parts of the method", rows, " ".join(notes))


def _smoothing_table(args: argparse.Namespace, full: "list[Clip]") -> str:
    from egorear_eval.ablation import FULL, Variant, ablation_table, smoothed
    from egorear_ros.config import SmoothingConfig

    recordings = is_recording(args.paths[0])
    stamps = {clip.name: stamps_of(clip, recordings, args.rate, max(1, args.every)) for clip in full}
    config = SmoothingConfig()
    rows = [
        Variant(FULL, "every frame on its own", full),
        Variant("with smoothing", f"One-Euro filter, cut-off {config.cutoff_hz:g} Hz", smoothed(full, stamps, config)),
    ]
    note = f"Poses more than {config.max_gap_s:g} s apart start the filter anew."
    return ablation_table("Smoothing", rows, note)


def _footnote(full: "list[Clip]") -> str:
    groups = len({clip.group for clip in full})
    if groups < 2:
        return "Differences are paired, frame by frame; one recording says nothing about others, so no intervals."
    return (
        f"Differences are paired, frame by frame, with their 95 % interval over {groups} recordings or motion clips; "
        "bold: without 0 in it."
    )


def _write(args: argparse.Namespace, text: str) -> None:
    if args.out is None:
        return
    from egorear_eval.provenance import versions

    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "ablation.md").write_text(text)
    facts = {"command": ["egorear", *args.words], "versions": versions(), "tables": text}
    (args.out / "ablation.json").write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n")
