"""`egorear checkpoint`: say what a file of weights is, and turn official files into our own."""

import argparse
from dataclasses import replace
from pathlib import Path

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.models.build import load_network, rig_for
from egorear_ros.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from egorear_ros.models.header import ARCHITECTURES, CheckpointError


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser("checkpoint", help="describe weights; convert official files")
    verbs = parser.add_subparsers(dest="verb", required=True)
    info = verbs.add_parser("info", help="print what a .safetensors or official .ckpt holds")
    info.add_argument("file", type=Path)
    convert = verbs.add_parser("convert", help="write an official .ckpt as .safetensors that knows its views")
    convert.add_argument("file", type=Path)
    convert.add_argument("out", type=Path, help="file to write, ending in .safetensors")
    convert.add_argument("--rig", required=True, metavar="CALIB", help="calibration it was trained for, name or path")
    convert.add_argument("--training-data", default="", help="what it was trained on, in words")
    convert.add_argument(
        "--legacy-syn-geometry",
        action="store_true",
        help="for the official Ego4View-Syn pose weights, and only for them",
    )
    convert.add_argument("--force", action="store_true", help="replace the output if it exists")


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    from rich.console import Console

    checkpoint = load_checkpoint(args.file) if args.verb == "info" else _convert(args)
    Console(soft_wrap=True, highlight=False, markup=False, emoji=False).print(describe(checkpoint))
    return 0


def describe(checkpoint: Checkpoint) -> str:
    """Return what a checkpoint is, one fact per line."""
    header = checkpoint.header
    views = ", ".join(header.views) or f"{header.size.view_count}, not named in this file"
    millions = sum(value.numel() for value in checkpoint.state_dict.values()) / 1e6
    virtual = f", for virtual cameras of {header.size.image_size} px"
    facts = {
        "file": checkpoint.path,
        "architecture": f"{header.architecture}, {ARCHITECTURES[header.architecture]}",
        "views": "one image at a time" if header.architecture == "egorear_heatmap" else views,
        "size": f"{len(checkpoint.state_dict)} tensors, {millions:.1f} M numbers, all finite",
        "image size": f"{header.input_size} px" + (virtual if header.virtual_cameras else ""),
        "skeleton": header.skeleton,
        "units inside": header.units,
        "training data": header.training_data or "not stated",
        "metrics": ", ".join(f"{name} {value:g}" for name, value in header.metrics.items()) or "not stated",
        "missing views": "trained for them" if header.trained_with_missing_views else "not trained for them",
        "geometry": "legacy_syn_geometry"
        if header.legacy_syn_geometry
        else "correct" + ("" if header.architecture == "egorear_small" else ", unless it is an official Syn file"),
        "converted from": header.source or "-",
        **({"without": ", ".join(header.absent)} if header.absent else {}),
        "model id": checkpoint.model_id,
    }
    return "\n".join(f"{name:<15}{value}" for name, value in facts.items())


def _convert(args: argparse.Namespace) -> Checkpoint:
    if args.out.exists() and not args.force:
        raise CheckpointError(f"{args.out}: exists already. Choose another name, or replace it with --force.")
    checkpoint = load_checkpoint(args.file, legacy_syn_geometry=args.legacy_syn_geometry)
    header = checkpoint.header
    if header.architecture == "egorear_heatmap":
        rig = load_rig(args.rig)
    else:
        rig = rig_for(checkpoint, load_rig(args.rig))
        header = replace(header, views=rig.views)
    load_network(checkpoint, rig)  # refuses a file that lacks anything
    if args.training_data:
        header = replace(header, training_data=args.training_data)
    save_checkpoint(args.out, checkpoint.state_dict, header)
    return load_checkpoint(args.out)
