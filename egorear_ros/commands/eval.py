"""`egorear eval`: compare estimates with ground truth."""

import argparse

from egorear_ros.commands import eval_ablate, eval_bag, eval_compare, eval_dataset, eval_report


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser("eval", help="compare estimates with ground truth, without ROS")
    kinds = parser.add_subparsers(dest="what", required=True)
    eval_dataset.add_parser(kinds)
    eval_bag.add_parser(kinds)
    eval_compare.add_parser(kinds)
    eval_report.add_parser(kinds)
    eval_ablate.add_parser(kinds)


def run(args: argparse.Namespace) -> int:
    """Evaluate, compare, report or ablate; 1 if no frame could be compared."""
    if args.what == "compare":
        return eval_compare.run(args)
    if args.what == "report":
        return eval_report.run(args)
    from rich.console import Console

    console = Console()
    if args.what == "bag":
        return eval_bag.run(args, console)
    if args.what == "ablate":
        return eval_ablate.run(args, console)
    return eval_dataset.run(args, console)
