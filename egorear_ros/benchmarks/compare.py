"""A benchmark against an earlier one: the same quantities, side by side."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from egorear_ros.benchmarks.report import Report

_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")


class CompareError(ValueError):
    """An earlier result cannot be used: names the file and what is wrong with it."""


@dataclass(frozen=True)
class Change:
    """One quantity, then and now.

    Attributes:
        quantity: benchmark and quantity.
        earlier: as it was written.
        now: likewise.
        ratio: first number of now over that of earlier; None where one of them has none.
    """

    quantity: str
    earlier: str
    now: str
    ratio: float | None


def compare_reports(reports: Sequence[Report], path: Path) -> tuple[str, list[Change]]:
    """Return the machine of an earlier result, and all quantities that both have.

    Args:
        reports: of now.
        path: `bench.json` of an earlier run.

    Raises:
        CompareError: the file is missing or no such result, or has nothing in common with `reports`.
    """
    try:
        content = json.loads(path.read_text())
        rows = {(entry["name"], row["quantity"]): row["value"] for entry in content for row in entry["rows"]}
        machines = ", ".join(dict.fromkeys(entry["machine"] for entry in content))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CompareError(f"{path}: not a result of `egorear bench` ({error!r}). Name its bench.json.") from error
    changes = [
        Change(f"{report.name}: {row.quantity}", earlier, row.value, _ratio(earlier, row.value))
        for report in reports
        for row in report.rows
        if (earlier := rows.get((report.name, row.quantity))) is not None
    ]
    if not changes:
        known = ", ".join(sorted({name for name, _ in rows})) or "nothing"
        raise CompareError(f"{path}: holds {known}, and no quantity that was measured now. Run the same benchmarks.")
    return machines, changes


def _ratio(earlier: str, now: str) -> float | None:
    first, second = _NUMBER.search(earlier), _NUMBER.search(now)
    if first is None or second is None:
        return None
    before, after = (float(found.group().replace(",", "")) for found in (first, second))
    return after / before if before else None
