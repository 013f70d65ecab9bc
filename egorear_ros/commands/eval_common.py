"""What the commands below `egorear eval` share: the choice of an estimator, and tables in a page."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egorear_ros.config import EstimatorConfig, RuntimeConfig, walk

if TYPE_CHECKING:
    from egorear_ros.estimators.base import Estimator
    from egorear_ros.structures import Rig

ViewSet = tuple[str, ...]


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what chooses an estimator."""
    parser.add_argument("--method", default="egorear", choices=("egorear", "egoposeformer", "egotap"))
    parser.add_argument(
        "--checkpoint", "--model", default="", help="weights: .safetensors, .ckpt, or a name such as egorear-small"
    )
    parser.add_argument("--legacy-syn-geometry", action="store_true", help="for official Ego4View-Syn weights")
    parser.add_argument("--flip-test", action="store_true", help="egorear-small: mean with what a mirror shows")
    parser.add_argument("--allow-untrained", action="store_true", help="run random weights")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    choices = {name: rule.choices for name, _, rule in walk(RuntimeConfig())}
    parser.add_argument("--runtime", default="pytorch", choices=choices["name"], help="engine, see docs/runtimes.md")
    parser.add_argument("--precision", default="fp32", choices=choices["precision"], help="of the engine")
    parser.add_argument("--onnx", default="", help="file of `egorear export` for onnxruntime, openvino or tensorrt")


def add_page_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where in a Markdown page the result goes."""
    parser.add_argument("--name", default="", help="of the run, for --page")
    parser.add_argument("--page", type=Path, help="Markdown page whose block eval:NAME gets command and tables")


def make_view_estimator(args: argparse.Namespace, rig: "Rig", views: ViewSet) -> "Estimator":
    """Build the estimator that the arguments name, for a rig of which only some views are used."""
    from egorear_ros.estimators.factory import make_estimator

    _check_weights(args)
    config = EstimatorConfig(
        method=args.method,
        checkpoint=args.checkpoint,
        legacy_syn_geometry=args.legacy_syn_geometry,
        flip_test=args.flip_test,
        allow_untrained=args.allow_untrained,
        missing_views="auto" if views == rig.views else "always",
    )
    # What is compared is what was named: no other engine takes over.
    runtime = RuntimeConfig(
        name=args.runtime, precision=args.precision, device=args.device, model=args.onnx, fallback=False
    )
    return make_estimator(config, runtime, rig)


def _check_weights(args: argparse.Namespace) -> None:
    """Ask for weights by the command's own options; the estimator would name parameters of a node."""
    from egorear_ros.estimators.base import EstimatorSetupError

    if args.method != "null" and not args.checkpoint and not args.allow_untrained:
        raise EstimatorSetupError(
            "no weights are given. Name them with --checkpoint, for example --checkpoint egorear-small; "
            "--allow-untrained runs random ones."
        )


def made_by(args: argparse.Namespace) -> dict[str, Any]:
    """Return how a run was started, for `scores.json`; `egorear eval report` finds the pictures by it."""
    from egorear_ros.commands.recordings import parse_remap

    facts: dict[str, Any] = {"command": ["egorear", *args.words], "folder": str(Path.cwd())}
    remap = parse_remap(getattr(args, "remap", []))
    return {**facts, "remap": remap} if remap else facts


def into_page(args: argparse.Namespace, tables: str) -> None:
    """Put the command and what it printed into a page, if one is named."""
    if args.page is None:
        return
    from egorear_ros.benchmarks.machine import describe_machine
    from egorear_ros.benchmarks.report import replace_block

    hidden = {"--page", str(args.page)}
    words = [word for word in args.words if word not in hidden]
    command = shlex.join(["egorear", *words])
    replace_block(args.page, f"eval:{args.name}", f"`{command}` on {describe_machine()}:\n\n{tables.strip()}")
