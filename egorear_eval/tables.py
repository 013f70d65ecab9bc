"""Scores as CSV, JSON and Markdown."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from egorear_eval.compare import COMPARED, JOINTS, Comparison, Difference
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


def compared_markdown(comparison: Comparison, *, joints: bool = False) -> str:
    """Return a Markdown table of runs; a clear difference is bold.

    Args:
        comparison: of two or more runs.
        joints: whether to add a row for every joint.
    """
    letters = [letter_of(index) for index in range(len(comparison.names))]
    heads = [f"{letter}: {name}" for letter, name in zip(letters, comparison.names, strict=True)]
    heads += [f"{letter} {MINUS} {letters[0]}" for letter in letters[1:]]
    lines = [_compared_frames(comparison), "", f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    rows = {key: HEADED[key] for key in COMPARED}
    if joints:
        rows |= {key: f"{key.removesuffix('_mm').replace('_', ' ')} mm" for key in JOINTS if key not in COMPARED}
    for key, name in rows.items():
        found = [differences[key] for differences in comparison.differences]
        values = [f"{found[0].first:.2f}", *(f"{row.second:.2f}" for row in found), *map(difference_cell, found)]
        lines.append(f"| {name} | {' | '.join(values)} |")
    return "\n".join(lines) + "\n"


def _compared_frames(comparison: Comparison) -> str:
    """Say what was compared, and what was left out of it."""
    who = "both" if len(comparison.names) == 2 else "all"
    words = f"{comparison.frames} frames that {who} have; differences with their 95 % interval over "
    words += f"{comparison.recordings} recordings; bold: without 0 in it."
    left_out = [
        f"{count - comparison.frames} of {name}"
        for count, name in zip(comparison.own_frames, comparison.names, strict=True)
        if count > comparison.frames
    ]
    if comparison.recordings < 2:
        words += " One recording says nothing about others, so there are no intervals."
    return words + (f" Frames left out because another run lacks them: {', '.join(left_out)}." if left_out else "")


def difference_cell(row: Difference) -> str:
    """Return a difference with its interval; bold where that leaves out zero."""
    cell = f"{row.difference:+.2f}"
    if row.low == row.low:
        cell += f" [{row.low:+.2f}, {row.high:+.2f}]"
    return (f"**{cell}**" if row.clear else cell).replace("-", MINUS)


def letter_of(index: int) -> str:
    """Return A, B, ... Z, A1, B1, ..."""
    return chr(ord("A") + index % 26) + (str(index // 26) if index >= 26 else "")


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
