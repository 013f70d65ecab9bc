"""Scores as CSV, JSON and Markdown."""

import csv
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from egorear_eval.scores import COLUMNS, Scores

HEADINGS = ("poses", "MPJPE mm", "PA-MPJPE mm", "3D-PCK %", "AUC %", *(f"{name} mm" for name in COLUMNS))


def cells(scores: Scores) -> list[str]:
    """Return one table row, in the order of `HEADINGS`."""
    values = (scores.mpjpe_mm, scores.pa_mpjpe_mm, scores.pck_percent, scores.auc_percent, *scores.columns_mm.values())
    return [str(scores.poses), *(f"{value:.2f}" for value in values)]


def markdown(rows: Mapping[str, Scores]) -> str:
    """Return a Markdown table with one row per name."""
    lines = ["| | " + " | ".join(HEADINGS) + " |", "|---" * (len(HEADINGS) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(cells(scores)) + " |" for name, scores in rows.items()]
    return "\n".join(lines) + "\n"


def write_tables(rows: Mapping[str, Scores], facts: Mapping[str, Any], folder: Path) -> None:
    """Write `scores.csv`, `scores.json` (with the facts of the run) and `scores.md`, creating the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scores.md").write_text(markdown(rows))
    content = {**facts, "scores": {name: asdict(scores) for name, scores in rows.items()}}
    (folder / "scores.json").write_text(json.dumps(content, indent=2) + "\n")
    with (folder / "scores.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("name", *HEADINGS))
        writer.writerows([name, *cells(scores)] for name, scores in rows.items())
