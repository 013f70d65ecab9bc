#!/usr/bin/env python3
"""Write the tables of parameters and launch arguments in docs/ros.md from the code that defines them.

Without arguments it writes them, with --check it says whether they are up to date.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from egorear_ros.bridge.launch_arguments import ARGUMENTS, Argument
from egorear_ros.config import NODES, NodeConfig, Rule, walk

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "ros.md"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def prose(text: str) -> str:
    """Return text in which Markdown does not take <view> for a tag."""
    return text.replace("<", "\\<")


def accepted(rule: Rule) -> str:
    """Return in words what a rule accepts."""
    if rule.choices:
        return ", ".join(f"`{choice}`" for choice in rule.choices)
    if rule.minimum is not None and rule.maximum is not None:
        return f"{rule.minimum:.10g} to {rule.maximum:.10g}"
    if rule.minimum is not None:
        return f"from {rule.minimum:.10g}"
    return f"up to {rule.maximum:.10g}" if rule.maximum is not None else ""


def value(default: object) -> str:
    """Return a default as it is written in YAML."""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default}`" if default != "" else '`""`'


def parameters_of(config: NodeConfig, without: frozenset[str]) -> str:
    """Return the table of a node's parameters."""
    rows = [
        (f"`{name}`", value(default), accepted(rule), "yes" if rule.dynamic else "", prose(rule.description))
        for name, default, rule in walk(config)
        if name not in without
    ]
    return table(("parameter", "default", "accepts", "live", "meaning"), rows)


def parameters() -> str:
    """Return the section of all parameters."""
    shared = frozenset(name for name, _, _ in walk(NodeConfig()))
    parts = ["### Every node", parameters_of(NodeConfig(), frozenset())]
    for kind, config in NODES.items():
        parts += [f"### `{kind}`", parameters_of(config(), shared)]
    return "\n\n".join(parts)


def arguments_of(arguments: Iterable[Argument]) -> str:
    """Return the table of some launch arguments."""
    rows = [
        (
            f"`{one.name}`",
            "required" if one.default is None else value(one.default),
            ", ".join(f"`{choice}`" for choice in one.choices if choice),
            prose(one.description),
        )
        for one in arguments
    ]
    return table(("argument", "default", "accepts", "meaning"), rows)


def launch() -> str:
    """Return the section of all launch arguments; those of `rig` are not repeated for the others."""
    common = {one.name: one for one in ARGUMENTS["rig"]}
    parts = ["### Every launch file", arguments_of(common.values())]
    for name, arguments in ARGUMENTS.items():
        if own := [one for one in arguments if common.get(one.name) != one]:
            parts += [f"### `{name}.launch.py`, beside or instead of these", arguments_of(own)]
    return "\n\n".join(parts)


def updated(document: str) -> str:
    """Return the document with its generated sections replaced.

    Raises:
        ValueError: a marker is missing.
    """
    for section, content in {"parameters": parameters(), "launch": launch()}.items():
        begin, end = f"<!-- {section}: made by scripts/write_ros_docs.py -->", f"<!-- end of {section} -->"
        before, found_begin, rest = document.partition(begin)
        _, found_end, after = rest.partition(end)
        if not found_begin or not found_end:
            raise ValueError(f"{DOCUMENT}: the markers {begin!r} and {end!r} are missing; put them back.")
        document = f"{before}{begin}\n\n{content}\n\n{end}{after}"
    return document


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if they are not up to date")
    args = parser.parse_args()
    current = DOCUMENT.read_text()
    wanted = updated(current)
    if args.check and wanted != current:
        print(f"{DOCUMENT} is not up to date: run scripts/write_ros_docs.py.", file=sys.stderr)
        return 1
    if not args.check:
        DOCUMENT.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
