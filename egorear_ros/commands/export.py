"""`egorear export`: a checkpoint as an ONNX file that says what it is, verified before it gets its name."""

import argparse
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from egorear_ros.models.checkpoint import Checkpoint
    from egorear_ros.runtimes.base import Float32Array
    from egorear_ros.runtimes.identity import ModelIdentity
    from egorear_ros.structures import Rig

PRECISIONS = ("fp32", "fp16", "int8")
ROOM = 2.5
"""Bytes that must be free, for each byte of weights: the file is written aside, and quantised from a copy."""

HELD_OUT = 8
"""Of a calibration set, every so many frame sets are kept for the verification."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "export",
        help="write a model as ONNX, for other engines and programs",
        description="Write weights and calibration as one ONNX file with fixed names, any batch, and metadata; it is "
        "compared with PyTorch and kept only if its joints agree. Metadata and names: docs/runtimes.md.",
    )
    parser.add_argument("checkpoint", help="weights: .safetensors, .ckpt, or a name such as egorear-small")
    parser.add_argument("--out", type=Path, required=True, help="file to write, ending in .onnx")
    parser.add_argument("--calib", default="ego4view_syn", help="rig calibration, name or path")
    parser.add_argument("--views", default="", help="of the rig, separated by commas (default: all)")
    parser.add_argument("--precision", default="fp32", choices=PRECISIONS, help="of the convolutions (default: fp32)")
    parser.add_argument("--opset", type=int, default=17, help="version of ONNX's operators, 16 to 20 (default: 17)")
    parser.add_argument("--fixed-extrinsics", action="store_true", help="make the places of the cameras constants")
    parser.add_argument(
        "--calibration",
        nargs="+",
        default=(),
        metavar="DATASET",
        help="int8: data sets or sequences that set the ranges",
    )
    parser.add_argument("--split", default="validation", help="of a data set's root (default: validation)")
    parser.add_argument("--frames", type=int, default=64, help="int8: frame sets of the calibration (default: 64)")
    parser.add_argument("--legacy-syn-geometry", action="store_true", help="for official Ego4View-Syn weights")
    parser.add_argument("--flip-test", action="store_true", help="egorear-small: see estimator.flip_test")
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")


def run(args: argparse.Namespace) -> int:
    """Export, verify, and say what was written."""
    from egorear_ros.geometry.rig_file import load_rig
    from egorear_ros.models.build import load_network, published_id, rig_for
    from egorear_ros.models.checkpoint import load_checkpoint
    from egorear_ros.runtimes.identity import identify
    from egorear_ros.runtimes.install import import_library

    _check_arguments(args)
    import_library("onnxruntime", "onnx")
    checkpoint = load_checkpoint(args.checkpoint, legacy_syn_geometry=args.legacy_syn_geometry)
    _check_architecture(checkpoint)
    rig = rig_for(checkpoint, _select_views(load_rig(args.calib), args.views))
    _check_room(args.out, checkpoint)
    network = load_network(checkpoint, rig, flip_test=args.flip_test).eval()
    size = checkpoint.header.input_size
    model_id = published_id(checkpoint, flip_test=args.flip_test)
    identity = identify(network, rig, size, model_id)
    calibration = _calibration(args, rig, size) if args.precision == "int8" else []
    verdict = _export(args, network, identity, calibration)
    print(f"{args.out}: {model_id} for {rig.name}, views {', '.join(rig.views)}, {args.precision}")
    print(f"verified: {verdict}")
    return 0


def _export(
    args: argparse.Namespace, network: "nn.Module", identity: "ModelIdentity", calibration: "list[Float32Array]"
) -> str:
    """Write the file; return what its verification found."""
    from egorear_ros.runtimes.factory import own_extrinsics
    from egorear_ros.runtimes.onnx_export import export_onnx
    from egorear_ros.runtimes.onnx_verify import verify_onnx
    from egorear_ros.runtimes.quantise import quantise_onnx

    verdict = []

    def finish(path: Path) -> None:
        held_out = calibration[::HELD_OUT]
        if args.precision == "int8":
            chosen = [images for index, images in enumerate(calibration) if index % HELD_OUT]
            small = path.with_suffix(".int8")
            try:
                quantise_onnx(path, small, chosen, None if args.fixed_extrinsics else own_extrinsics(network))
                small.replace(path)
            finally:
                small.unlink(missing_ok=True)
        verdict.append(str(verify_onnx(path, network, identity, args.precision, held_out)))

    export_onnx(
        network,
        identity,
        args.out,
        extrinsics=not args.fixed_extrinsics,
        precision="fp16" if args.precision == "fp16" else "fp32",
        opset=args.opset,
        finish=finish,
    )
    return verdict[0]


def _check_arguments(args: argparse.Namespace) -> None:
    from egorear_ros.runtimes.onnx_export import OPSETS, ExportError

    if args.out.suffix != ".onnx":
        raise ExportError(f"--out {args.out}: expected a name that ends in .onnx.")
    if args.out.exists() and not args.force:
        raise ExportError(f"{args.out}: exists already. Choose another name, or replace it with --force.")
    if not args.out.absolute().parent.is_dir():
        raise ExportError(f"{args.out}: there is no folder {args.out.absolute().parent}. Make it first.")
    if args.opset not in OPSETS:
        raise ExportError(f"--opset {args.opset}: expected {OPSETS[0]} to {OPSETS[-1]}.")
    if (args.precision == "int8") != bool(args.calibration):
        raise ExportError(
            "--precision int8 and --calibration DATASET belong together: the frames of a data set say what range each "
            "map needs."
        )


def _check_architecture(checkpoint: "Checkpoint") -> None:
    from egorear_ros.models.header import ARCHITECTURES
    from egorear_ros.runtimes.onnx_export import ExportError

    found = checkpoint.header.architecture
    if found in ("egorear_heatmap", "egorear_refinement"):
        raise ExportError(
            f"{checkpoint.path}: holds weights of {found}, {ARCHITECTURES[found]}, which estimates no poses. Export "
            "the weights of a pose network."
        )


def _select_views(rig: "Rig", views: str) -> "Rig":
    from egorear_ros.runtimes.onnx_export import ExportError

    if not views:
        return rig
    wanted = tuple(view.strip() for view in views.split(","))
    missing = [view for view in wanted if view not in rig.views]
    if missing or len(set(wanted)) < len(wanted):
        wrong = f"rig {rig.name} has no view {', '.join(missing)}" if missing else "a view is named twice"
        raise ExportError(f"--views {views}: {wrong}. Choose among {', '.join(rig.views)}, separated by commas.")
    return rig.select(wanted)


def _check_room(out: Path, checkpoint: "Checkpoint") -> None:
    from egorear_ros.runtimes.onnx_export import ExportError

    needed = ROOM * sum(value.numel() * value.element_size() for value in checkpoint.state_dict.values())
    free = shutil.disk_usage(out.absolute().parent).free
    if free < needed:
        raise ExportError(
            f"{out}: needs {needed / 1e6:.0f} MB while it is written, but {free / 1e6:.0f} MB are free there. Make "
            "room or choose another folder."
        )


def _calibration(args: argparse.Namespace, rig: "Rig", size: int) -> "list[Float32Array]":
    """Return (V, 3, H, W) normalised frame sets."""
    from egorear_ros.commands.frame_sets import read_frame_sets
    from egorear_ros.estimators.preprocessor import Preprocessor

    prepare = Preprocessor(rig, size)
    sets = read_frame_sets(args.calibration, args.split, rig, args.frames)
    return [prepare.array(frames)[0] for frames in sets]
