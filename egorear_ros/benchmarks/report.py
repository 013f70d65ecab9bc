"""Benchmark results as a terminal table, JSON, and a block of a Markdown page."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

NOT_MEASURED = "not measured"
"""How the value of a row begins that has none; the reason follows."""


class NoBlockError(ValueError):
    """A page has no place for a table: says what to add."""


@dataclass(frozen=True)
class Row:
    """One measured quantity.

    Attributes:
        quantity: what was measured, in words.
        value: the measurement, formatted with its unit.
        target: what it should be, in words; empty if there is no target.
        met: whether the target holds; None if there is none.
    """

    quantity: str
    value: str
    target: str = ""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        """Return "yes", "NO" or nothing."""
        return "" if self.met is None else "yes" if self.met else "NO"


@dataclass(frozen=True)
class Report:
    """All rows of one benchmark.

    Attributes:
        name: identifies the benchmark and its block in the Markdown page.
        title: what was measured, under which conditions.
        command: the command that repeats it.
        machine: where it ran.
        rows: the measurements.
    """

    name: str
    title: str
    command: str
    machine: str
    rows: Sequence[Row] = field(default_factory=tuple)

    def markdown(self) -> str:
        """Return the report as Markdown: command, machine, table."""
        lines = [
            f"`{self.command}` on {self.machine}:",
            "",
            "| quantity | measured | target | met |",
            "|---|---|---|---|",
        ]
        lines += [f"| {row.quantity} | {row.value} | {row.target} | {row.verdict} |" for row in self.rows]
        return "\n".join(lines)


def save_json(reports: Sequence[Report], path: Path) -> None:
    """Write reports as JSON, creating the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(report) for report in reports], indent=2) + "\n")


def insert_into_page(report: Report, page: Path) -> None:
    """Replace the report's block in a Markdown page; see `replace_block`."""
    replace_block(page, f"bench:{report.name}", report.markdown())


def replace_block(page: Path, name: str, text: str) -> None:
    """Replace what stands between `<!-- NAME -->` and `<!-- /NAME -->` in a Markdown page.

    Raises:
        NoBlockError: the page has no such block.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    content = page.read_text()
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(content):
        raise NoBlockError(f"{page} has no block {begin} ... {end}. Add these two lines where the table should stand.")
    page.write_text(pattern.sub(lambda _: f"{begin}\n{text}\n{end}", content))
