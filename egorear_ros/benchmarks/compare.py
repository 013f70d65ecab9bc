"""A benchmark against an earlier one: the same quantities, side by side."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from egorear_ros.benchmarks.report import NOT_MEASURED, Report

_NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
"""Not the digits of a name, such as fp16 or p95."""


class CompareError(ValueError):
    """An earlier result cannot be used: names the file and what is wrong with it."""


@dataclass(frozen=True)
class Change:
    """One quantity, then and now.

    Attributes:
        quantity: benchmark and quantity.
        earlier: as it was written.
        now: likewise.
        ratio: first number of now over that of earlier; None where one of them has none or was not measured.
    """

    quantity: str
    earlier: str
    now: str
    ratio: float | None


@dataclass(frozen=True)
class Earlier:
    """An earlier result.

    Attributes:
        path: its file.
        machines: where it was measured.
        values: by benchmark and quantity, as they were written.
    """

    path: Path
    machines: str
    values: Mapping[tuple[str, str], str]


def read_earlier(path: Path) -> Earlier:
    """Read the `bench.json` of an earlier run.

    Raises:
        CompareError: the file is missing or no such result.
    """
    try:
        content = json.loads(path.read_text())
        values = {(entry["name"], row["quantity"]): row["value"] for entry in content for row in entry["rows"]}
        machines = ", ".join(dict.fromkeys(entry["machine"] for entry in content))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CompareError(f"{path}: not a result of `egorear bench` ({error!r}). Name its bench.json.") from error
    return Earlier(path, machines, values)


def check_common(names: Sequence[str], earlier: Earlier) -> None:
    """Raise CompareError if none of the benchmarks that are to be measured is in an earlier result."""
    known = {name for name, _ in earlier.values}
    if not known.intersection(names):
        held = ", ".join(sorted(known)) or "nothing"
        raise CompareError(f"{earlier.path}: holds {held}, and not {', '.join(names)}. Run the same benchmarks.")


def compare_reports(reports: Sequence[Report], earlier: Earlier) -> list[Change]:
    """Return all quantities that both have; there may be none, under other names or options."""
    return [
        Change(f"{report.name}: {row.quantity}", before, row.value, _ratio(before, row.value))
        for report in reports
        for row in report.rows
        if (before := earlier.values.get((report.name, row.quantity))) is not None
    ]


def _ratio(earlier: str, now: str) -> float | None:
    if earlier.startswith(NOT_MEASURED) or now.startswith(NOT_MEASURED):
        return None  # the numbers in it are part of the reason
    first, second = _NUMBER.search(earlier), _NUMBER.search(now)
    if first is None or second is None:
        return None
    before, after = (float(found.group().replace(",", "")) for found in (first, second))
    return after / before if before else None
