"""`egorear eval report`: the page of a run, later, from its folder of results."""

import argparse
from pathlib import Path
from typing import Any


def add_parser(kinds: Any) -> None:
    """Add the command's arguments."""
    parser = kinds.add_parser(
        "report",
        help="page with plots and pictures from a folder of results",
        description="The pictures come from the recording or the sequences that were evaluated, if they are still "
        "where they were; --bag or --dataset says where they are now.",
    )
    parser.add_argument("results", type=Path, metavar="RESULTS", help="folder that --out of an evaluation wrote")
    parser.add_argument("--report", type=Path, required=True, metavar="DIR", help="where the page goes")
    pictures = parser.add_mutually_exclusive_group()
    pictures.add_argument("--bag", type=Path, metavar="BAG", help="the recording that was evaluated")
    pictures.add_argument("--dataset", type=Path, metavar="DIR", help="a folder with the sequences that were evaluated")
    pictures.add_argument("--no-pictures", action="store_true", help="plots and skeletons alone")


def run(args: argparse.Namespace) -> int:
    """Write the page."""
    from egorear_eval.report import write_report
    from egorear_eval.report.find_images import find_images

    if args.no_pictures:
        print(f"Report: {write_report(args.report, args.results)}")
        return 0
    with find_images(args.results, args.bag, args.dataset) as found:
        print(found.words)
        print(f"Report: {write_report(args.report, args.results, found.images)}")
    return 0
