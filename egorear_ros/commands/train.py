"""`egorear train`: train, measure and export networks."""

import argparse
from pathlib import Path

VERBS = {
    "fit": "train a stage: egorear train fit --config config/train/<recipe>.yaml [--ckpt_path last]",
    "validate": "measure on the validation split",
    "test": "measure on the test split",
    "predict": "write the poses of the test split into predictions.npz",
}
"""Sub-commands of LightningCLI, which reads everything after them itself."""

_NO_PREFIX = "\0"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser("train", help="train, measure and export networks, without ROS")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, text in VERBS.items():
        # No argument of these is an option here, so that all of them, --help too, are passed on.
        passed_on = verbs.add_parser(verb, help=text, add_help=False, prefix_chars=_NO_PREFIX)
        passed_on.add_argument("arguments", nargs="*")
    export = verbs.add_parser("export", help="write a checkpoint as .safetensors for use")
    export.add_argument("checkpoint", type=Path, help="last.ckpt or best.ckpt of a run")
    export.add_argument("--out", type=Path, required=True, help="file to write, ending in .safetensors")
    export.add_argument("--rig", default="ego4view_syn", help="a rig with its views, name or path")
    export.add_argument("--training-data", default="", help="what it was trained on, in words")
    export.add_argument("--force", action="store_true", help="replace the output if it exists")
    mix = verbs.add_parser("mix", help="write weights between those of before a training and those of after it")
    mix.add_argument("before", type=Path, help="weights that the training began with")
    mix.add_argument("after", type=Path, help="what became of them, .safetensors or .ckpt")
    mix.add_argument("--share", type=float, required=True, help="of the second file, 0 to 1")
    mix.add_argument("--out", type=Path, required=True, help="file to write, ending in .safetensors")
    mix.add_argument("--force", action="store_true", help="replace the output if it exists")
    calibrate = verbs.add_parser("calibrate", help="make the uncertainty of small weights honest on held-out frames")
    calibrate.add_argument("weights", type=Path, help=".safetensors of egorear_small, changed in place")
    calibrate.add_argument("--data", required=True, help="data set or pack")
    calibrate.add_argument("--split", default="validation", choices=("validation", "test"))
    calibrate.add_argument("--rig", default="ego4view_syn", help="of the data, name or path")


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    if args.verb == "calibrate":
        from egorear_train.calibrate import calibrate as calibrate_weights

        _, found = calibrate_weights(args.weights, args.data, args.weights, rig=args.rig, split=args.split)
        print(
            f"{args.weights}: scales times {found.factor:.3f}, found on {found.frames} frames; calibration error "
            f"{found.error_before:.3f} before, {found.error_after:.3f} after."
        )
        return 0
    if args.verb == "mix":
        from egorear_ros.commands.checkpoint import describe
        from egorear_train.mix import mix

        print(describe(mix(args.before, args.after, args.out, share=args.share, force=args.force)))
        return 0
    if args.verb == "export":
        from egorear_ros.commands.checkpoint import describe
        from egorear_train.export import export

        checkpoint = export(args.checkpoint, args.out, rig=args.rig, training_data=args.training_data, force=args.force)
        print(describe(checkpoint))
        return 0
    try:
        from egorear_train.cli import train
    except ModuleNotFoundError as error:
        raise ImportError(
            f"training needs {error.name}, which is missing. In a checkout: `make setup`, or pip install '.[train]'."
        ) from error
    train([args.verb, *args.arguments])
    return 0
