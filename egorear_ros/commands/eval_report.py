"""`egorear eval report`: the page of a run, from its folder of results alone."""

import argparse
from pathlib import Path
from typing import Any


def add_parser(kinds: Any) -> None:
    """Add the command's arguments."""
    parser = kinds.add_parser("report", help="page with plots from a folder of results alone, without pictures")
    parser.add_argument("results", type=Path, metavar="RESULTS", help="folder that --out of an evaluation wrote")
    parser.add_argument("--report", type=Path, required=True, metavar="DIR", help="where the page goes")


def run(args: argparse.Namespace) -> int:
    """Write the page."""
    from egorear_eval.report import write_report

    print(f"Report: {write_report(args.report, args.results)}")
    return 0
