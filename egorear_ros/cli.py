"""The `egorear` command: finds the sub-command, imports only its module, and reports mistakes in words."""

import argparse
import importlib
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from egorear_ros import __version__

COMMANDS = {
    "demo": "synthetic wearer through the whole graph, with a picture at the end (ROS 2)",
    "run": "run cameras, synchronizer, pose and visual nodes (ROS 2)",
    "status": "watch a running graph (ROS 2)",
    "view": "see recordings, data sets and live rigs in a browser",
    "bag": "make recordings of data sets and data sets of recordings; describe and check them",
    "calib": "convert, show and check the calibration of a rig",
    "cameras": "list connected cameras; try them together",
    "export": "write a model as ONNX, for other engines and programs",
    "checkpoint": "describe weights; convert official files",
    "data": "pack and check training data, without ROS",
    "train": "train, measure and export networks, without ROS",
    "eval": "compare estimates with ground truth, without ROS",
    "synth": "make a synthetic training set for a rig",
    "bench": "measure transport, lag, pipeline, start-up, models, the wearer, data sets, training and recordings",
}
"""One module of `egorear_ros.commands` each, with `add_parser(subparsers)` and `run(args) -> int`.

Their help is repeated here, so that the list of commands appears at once: some of them import torch.
"""

USER_ERRORS = (ValueError, RuntimeError, OSError, ImportError)
"""Errors of this package derive from these, and their text says what to do."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a sub-command and return its exit status: 1 for an error, 130 after Ctrl-C."""
    words = list(sys.argv[1:] if argv is None else argv)
    args = _parser(words).parse_args(words)
    args.words = words  # for those who write down how a result was made
    try:
        return int(_module(args.command).run(args))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output, `head` say, has seen enough.
        sys.stderr.close()
        return 0
    except USER_ERRORS as error:
        if args.traceback:
            traceback.print_exc()
        sys.stderr.write(f"egorear {args.command}: {str(error) or type(error).__name__}\n")
        if not args.traceback:
            sys.stderr.write("(`egorear --traceback ...` shows where.)\n")
        return 1


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="egorear", description="3D body pose from head-mounted fisheye cameras.")
    parser.add_argument("--version", action="version", version=f"egorear_ros {__version__}")
    parser.add_argument("--traceback", action="store_true", help="show where in the code an error arose")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    wanted = next((word for word in words if not word.startswith("-")), "")
    for name, text in COMMANDS.items():
        if name == wanted:
            _module(name).add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=text)
    return parser


def _module(command: str) -> Any:
    return importlib.import_module(f"egorear_ros.commands.{command}")


if __name__ == "__main__":
    sys.exit(main())
