"""The first screen of a report: the numbers, and what to know before believing them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from egorear_eval.bootstrap import interval
from egorear_eval.clip import relative_names
from egorear_eval.report.html import figure, paragraph, section, table, tag, text
from egorear_eval.report.plot import Plot
from egorear_eval.report.results import Results
from egorear_eval.scores import MEASURES, score
from egorear_eval.tables import HEADED
from egorear_ros.skeleton import EGO4VIEW

INTERVAL_NOTE = (
    "Small numbers: 95 % interval over recordings (cluster bootstrap; frames of one recording are no independent "
    "evidence). None where there is only one recording or movement."
)
MOST_ROWS = 60
BY_VIEWS = "By views"


def summary(results: Results) -> str:
    """Return the section with the headline numbers and all tables of the run."""
    facts = results.facts
    parts = [*warnings(facts), _tiles(results), paragraph(INTERVAL_NOTE, "note")]
    for title, rows in sorted(facts["scores"].items(), key=lambda table: table[0] != BY_VIEWS):
        parts += [tag("h3", text(title)), score_table(_ordered(title, rows))]
    return section("Summary", *parts, id_="summary")


def warnings(facts: Mapping[str, Any]) -> list[str]:
    """Return what limits the numbers, each a paragraph."""
    found = []
    if facts.get("trained") is False:
        found.append("The weights are random: these numbers mean nothing.")
    recording = facts.get("recording")
    if isinstance(recording, Mapping) and recording.get("partial"):
        reason = recording.get("reason") or recording.get("partial_reason") or "it was cut off"
        found.append(f"Partial results: {reason}")
    skipped = facts.get("skipped") or []
    if skipped:
        first = skipped[0]
        why = f"{first.get('frame', '')}: {first.get('reason', '')}" if isinstance(first, Mapping) else str(first)
        found.append(f"{len(skipped)} frames were not compared. The first: {why}")
    return [paragraph(words, "warning") for words in found]


def _tiles(results: Results) -> str:
    """Return the measures of the whole, large."""
    whole = score(results.clips)
    tiles = [_tile(_value(whole.means, whole.intervals, key), heading) for key, heading in MEASURES.items()]
    counts = [
        (f"{whole.poses:,}".replace(",", "\u202f"), "poses compared"),
        (str(len(results.clips)), _counted(len(results.clips), "recording")),
        (str(whole.groups), _counted(whole.groups, "movement")),
    ]
    tiles += [_tile(text(count), name) for count, name in counts]
    return tag("div", *tiles, class_="tiles")


def _ordered(title: str, rows: Mapping[str, Any]) -> dict[str, Any]:
    """Return rows as a reader wants them: sets of views by size, recordings without the folders all have in common."""
    if title == BY_VIEWS:
        return dict(sorted(rows.items(), key=lambda row: -row[0].count(" + ")))
    return dict(zip(relative_names(list(rows)), rows.values(), strict=True))


def _counted(count: int, what: str) -> str:
    return what if count == 1 else f"{what}s"


def _tile(value: str, name: str) -> str:
    return tag("div", tag("b", value), tag("span", text(name)), class_="tile")


def score_table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a table of the run with the paper's columns, every mean with its interval."""
    present = [key for key in HEADED if any(key in row.get("means", {}) for row in rows.values())]
    head = ["", "poses", *(HEADED[key] for key in present)]
    cells = [
        [
            text(name),
            text(row.get("poses", "")),
            *(_value(row.get("means", {}), row.get("intervals_95", {}), key) for key in present),
        ]
        for name, row in list(rows.items())[:MOST_ROWS]
    ]
    rest = len(rows) - MOST_ROWS
    more = paragraph(f"{rest} more rows are in the run's scores.csv.", "note") if rest > 0 else ""
    return table(head, cells) + more


def _value(means: Mapping[str, float], intervals: Mapping[str, Any], key: str) -> str:
    if key not in means:
        return "–"
    shown = text(f"{means[key]:.1f}")
    if key not in intervals:
        return shown
    low, high = intervals[key]
    return shown + tag("small", text(f"{low:.1f}–{high:.1f}"))


def joint_bars(results: Results) -> str:
    """Return the mean error of every joint, with its interval over recordings."""
    errors = results.errors_mm
    groups = [clip.group for clip in results.clips for _ in clip.frames]
    low, high = interval(errors, groups)
    means = errors.mean(axis=0)
    top = 1.08 * float(max(means.max(), high.max() if len(set(groups)) > 1 else 0.0, 1.0))
    joints = range(EGO4VIEW.joint_count)
    plot = Plot((-0.6, len(joints) - 0.4), (0.0, top), "", "mean error, mm", width=940, bottom=78)
    plot.axes([], [])
    plot.bars([edge for joint in joints for edge in (joint - 0.38, joint + 0.38)], _with_gaps(means), "estimate")
    for joint in joints:
        if low[joint] == low[joint]:
            plot.whisker(joint, float(low[joint]), float(high[joint]))
        name = EGO4VIEW.joint_names[joint].replace("_", " ")
        u, v = float(plot.u(joint)), plot.box[3] + 12
        turned = f"rotate(-35 {u:.1f} {v:.1f})"
        plot.parts.append(tag("text", text(name), x=f"{u:.1f}", y=f"{v:.1f}", transform=turned, text_anchor="end"))
    drawing = tag("div", plot.svg("Mean error of each joint", "plot wide"), class_="scroll", tabindex=0)
    sure = "whiskers: 95 % interval over recordings" if np.isfinite(low).any() else "one recording gives no intervals"
    caption = f"Mean distance of each joint from the truth; {sure}."
    return section("Error of each joint", figure(drawing, caption, "broad"), id_="joints")


def _with_gaps(means: Any) -> list[float]:
    """Return heights for bars with nothing between them."""
    return [height for mean in means for height in (float(mean), 0.0)][:-1]
