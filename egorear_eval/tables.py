"""Scores as CSV, JSON and Markdown."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from egorear_eval.compare import COMPARED, Difference
from egorear_eval.scores import COLUMNS, MEASURES, Scores

MINUS = "−"
HEADED = {**MEASURES, "jitter_mm": "jitter mm/frame²", **{f"{name}_mm": f"{name} mm" for name in COLUMNS}}
"""Columns of a table: measure and heading."""

WITH_INTERVAL = ("mpjpe_mm", "pa_mpjpe_mm")


def cells(scores: Scores) -> list[str]:
    """Return one table row: number of poses, then the values of `HEADED`."""
    return [str(scores.poses), *(_cell(scores, key) for key in HEADED)]


def _cell(scores: Scores, key: str) -> str:
    if key not in scores.means:
        return "–"
    value = f"{scores.means[key]:.1f}"
    if key in WITH_INTERVAL and key in scores.intervals:
        low, high = scores.intervals[key]
        return f"{value} [{low:.1f}, {high:.1f}]"
    return value


def markdown(rows: Mapping[str, Scores]) -> str:
    """Return a Markdown table with one row per name; brackets are 95 % intervals over recordings."""
    lines = ["| | poses | " + " | ".join(HEADED.values()) + " |", "|---" * (len(HEADED) + 2) + "|"]
    lines += [f"| {name} | " + " | ".join(cells(scores)) + " |" for name, scores in rows.items()]
    return "\n".join(lines) + "\n"


def compared_markdown(first: str, second: str, frames: int, rows: Mapping[str, Difference]) -> str:
    """Return a Markdown table of two runs; a clear difference is bold."""
    lines = [
        f"{frames} frames that both have; B minus A, with its 95 % interval over recordings; bold: without 0 in it.",
        "",
        f"| | A: {first} | B: {second} | B {MINUS} A |",
        "|---|---|---|---|",
    ]
    for key in COMPARED:
        row = rows[key]
        text = f"{row.difference:+.2f}"
        if row.low == row.low:
            text += f" [{row.low:+.2f}, {row.high:+.2f}]"
        text = f"**{text}**" if row.clear else text
        lines.append(f"| {HEADED[key]} | {row.first:.2f} | {row.second:.2f} | {text.replace('-', MINUS)} |")
    return "\n".join(lines) + "\n"


def write_tables(tables: Mapping[str, Mapping[str, Scores]], facts: Mapping[str, Any], folder: Path) -> None:
    """Write `scores.csv`, `scores.json` (with the facts of the run) and `scores.md`, creating the folder.

    Args:
        tables: by title, rows by name.
        facts: of the run, JSON values.
        folder: where to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scores.md").write_text("\n".join(f"## {title}\n\n{markdown(rows)}" for title, rows in tables.items()))
    content = {
        **facts,
        "scores": {title: {name: _content(scores) for name, scores in rows.items()} for title, rows in tables.items()},
    }
    (folder / "scores.json").write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
    with (folder / "scores.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        keys = sorted({key for rows in tables.values() for scores in rows.values() for key in scores.means})
        writer.writerow(("table", "name", "poses", *keys))
        for title, rows in tables.items():
            for name, scores in rows.items():
                writer.writerow((title, name, scores.poses, *(scores.means.get(key, "") for key in keys)))


def _content(scores: Scores) -> dict[str, Any]:
    return {
        "poses": scores.poses,
        "recordings": scores.groups,
        "means": scores.means,
        "intervals_95": {key: list(bounds) for key, bounds in scores.intervals.items()},
    }
