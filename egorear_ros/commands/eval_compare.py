"""`egorear eval compare`: runs on the same recordings, paired."""

import argparse
import sys
from pathlib import Path
from typing import Any

from egorear_ros.commands.eval_common import add_page_arguments, into_page


def add_parser(kinds: Any) -> None:
    """Add the command's arguments."""
    parser = kinds.add_parser("compare", help="two or more runs of `eval` on the same recordings, paired")
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="folders that --out wrote, or their scores.json"
    )
    parser.add_argument("--joints", action="store_true", help="add a row for every single joint")
    add_page_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Compare, print and write the table."""
    from egorear_eval.compare import compare_runs, load_run, run_names
    from egorear_eval.tables import compared_markdown

    comparison = compare_runs(run_names(args.runs), [load_run(path) for path in args.runs])
    table = compared_markdown(comparison, joints=args.joints)
    sys.stdout.write(table)
    into_page(args, table)
    return 0
