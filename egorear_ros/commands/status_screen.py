"""A snapshot of the graph as a screen for terminals, and as one line for logs."""

import math
import os
from collections.abc import Mapping

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from egorear_ros.live_status import ERROR, OK, WARN, Report, Snapshot, judge
from egorear_ros.structures import TrackingState

STYLES = {OK: "green", WARN: "yellow", ERROR: "bold red"}
STAGES = (
    ("sync", "transport"),
    ("sync", "sync"),
    ("pose", "wait"),
    ("pose", "decode"),
    ("pose", "preprocess"),
    ("pose", "infer"),
    ("pose", "postprocess"),
    ("pose", "publish"),
)
"""Node and stage, in the order in which a set passes them after capture."""
SHOWN_WARNINGS = 3
COMFORTABLE_HEIGHT = 32
"""In terminals with fewer lines everything moves together."""

UNTRAINED = "UNTRAINED MODEL: its weights are random, so poses and errors mean nothing."


class StatusScreen:
    """Draws a snapshot in whatever space there is: fewer columns if narrow, fewer lines if low.

    Args:
        snapshot: what to show.
        title: the first line, left.
        note: a last line, for example what happens next.
    """

    def __init__(self, snapshot: Snapshot, title: str, note: str = "") -> None:
        self._snapshot = snapshot
        self._title = title
        self._note = note

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the parts from top to bottom."""
        snapshot = self._snapshot
        level, sentence = judge(snapshot)
        rows: list[RenderableType] = [Text(sentence, style=STYLES[level])]
        if snapshot.state == TrackingState.UNTRAINED:
            rows.append(Text(f" {UNTRAINED} ", style="bold black on yellow"))
        low = console.size.height < COMFORTABLE_HEIGHT
        gap = [] if low else [Text("")]
        rows += [*gap, cameras_table(snapshot, wide=options.max_width >= 76), *gap, facts_table(snapshot)]
        warnings = warning_lines(snapshot)
        for kind, text in warnings[:SHOWN_WARNINGS]:
            rows += [*gap, Text(text, style=STYLES[kind], no_wrap=low, overflow="ellipsis" if low else "fold")]
        if len(warnings) > SHOWN_WARNINGS:
            rows.append(Text(f"and {len(warnings) - SHOWN_WARNINGS} more on /diagnostics", style="dim"))
        title = Text(f" {self._title} · {clock(snapshot.elapsed_s)} ", style="bold")
        yield Panel(Group(*rows), title=title, title_align="left", subtitle=self._note or None, subtitle_align="left")


def cameras_table(snapshot: Snapshot, wide: bool = True) -> Table:
    """Return what happened to the frames of each camera."""
    table = Table(box=None, pad_edge=False, padding=(0, 2 if wide else 1, 0, 0), header_style="dim")
    table.add_column("camera")
    columns = ("rate", "received", "used", "late", "unmatched", "lost") if wide else ("rate", "used", "left out")
    for column in columns:
        table.add_column(column, justify="right")
    table.add_column("")
    if snapshot.sync is None:
        table.add_row("–", *("–" for _ in columns), "")
        return table
    for camera in snapshot.sync.cameras:
        counts = (camera.received, camera.used, camera.late, camera.unmatched, camera.duplicate + camera.overflow)
        left_out = camera.late + camera.unmatched + camera.duplicate + camera.overflow
        numbers = counts if wide else (camera.used, left_out)
        silent = math.isnan(camera.silent_s) or camera.rate_hz == 0
        remark = Text("silent" if silent else "stalled" if camera.stalled else "", style=STYLES[ERROR])
        table.add_row(camera.view, f"{camera.rate_hz:.1f} Hz", *map(str, numbers), remark)
    return table


def facts_table(snapshot: Snapshot) -> Table:
    """Return sets, poses, latency and error as named lines."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, text in facts(snapshot):
        table.add_row(name, text)
    return table


def facts(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Return what is known beside the cameras, as (name, text)."""
    sync = snapshot.sync
    lines = []
    if sync is not None:
        counts = f"{sync.complete_sets} complete, {sync.partial_sets} partial, {sync.dropped_sets} dropped"
        lines.append(("sets", f"{counts}; skew {_median_and_p95(sync.skew_p50_s, sync.skew_p95_s)}"))
    lines.append(("poses", _poses_text(snapshot)))
    if snapshot.poses:
        whole = _median_and_p95(snapshot.latency_p50_s, snapshot.latency_p95_s)
        lines.append(("latency", f"{whole} from exposure to publication"))
    if stages := stages_text(snapshot):
        lines.append(("of which", stages))
    if snapshot.errors is not None:
        errors = snapshot.errors
        lines.append(
            ("error", f"MPJPE {errors.mpjpe_mm:.0f} mm, PA-MPJPE {errors.pa_mpjpe_mm:.0f} mm ({errors.poses} poses)")
        )
    elif snapshot.poses and not snapshot.truths:
        lines.append(("error", "no ground truth to compare with"))
    if snapshot.model_id:
        lines.append(("model", snapshot.model_id))
    return lines


def stages_text(snapshot: Snapshot) -> str:
    """Return median, 95th percentile and maximum of every stage, ms; empty while unknown."""
    parts = [_stage_text("capture", _slowest_camera(snapshot))]
    for node, stage in STAGES:
        latency = snapshot.report(node, "latency")
        parts.append(_stage_text(stage, latency.values if latency else {}))
    known = [part for part in parts if part]
    return f"median/p95/max, ms: {', '.join(known)}" if known else ""


def _stage_text(stage: str, values: Mapping[str, str]) -> str:
    numbers = [values.get(f"{stage} {percentile} s") for percentile in ("p50", "p95", "max")]
    found = [f"{float(number) * 1e3:.1f}" for number in numbers if number]
    return f"{stage}={'/'.join(found)}" if found else ""


def _slowest_camera(snapshot: Snapshot) -> Mapping[str, str]:
    """Return the numbers of the camera whose images come latest."""
    streams = [report.values for report in snapshot.reports if report.part == "stream"]
    return max(streams, key=lambda values: float(values.get("capture p95 s", 0.0)), default={})


def warning_lines(snapshot: Snapshot) -> list[tuple[int, str]]:
    """Return what nodes complain about, the worst first, as (level, text)."""
    gone = set(snapshot.gone())
    complaints = [report for report in snapshot.reports if report.level != OK and report.node not in gone]
    untrained = snapshot.state == TrackingState.UNTRAINED
    kept = [report for report in complaints if not (untrained and _is_untrained(report))]
    return [
        (min(report.level, ERROR), f"{report.node} {report.part}: {report.message}")
        for report in sorted(kept, key=lambda report: -report.level)
    ]


def status_line(snapshot: Snapshot) -> str:
    """Return the graph in one line, for logs and pipes."""
    parts = [clock(snapshot.elapsed_s), judge(snapshot)[1]]
    if snapshot.sync is not None:
        rates = " ".join(f"{camera.rate_hz:.1f}" for camera in snapshot.sync.cameras)
        parts.append(f"cameras {rates} Hz")
    parts += [f"{name} {text}" for name, text in facts(snapshot) if name in ("sets", "poses", "latency", "error")]
    if snapshot.state == TrackingState.UNTRAINED:
        parts.append(UNTRAINED)
    return " | ".join(parts)


def graph_title(namespace: str) -> str:
    """Return which graph this is: domain and namespace."""
    return f"egorear · /{namespace.strip('/')} · ROS domain {os.environ.get('ROS_DOMAIN_ID', '0')}"


def milliseconds(duration_s: float) -> str:
    """Return a duration for people."""
    if math.isnan(duration_s):
        return "–"
    duration_ms = duration_s * 1e3
    return f"{duration_ms:.1f} ms" if abs(duration_ms) < 10 else f"{duration_ms:.0f} ms"


def clock(duration_s: float) -> str:
    """Return minutes and seconds."""
    minutes, seconds = divmod(int(duration_s), 60)
    return f"{minutes}:{seconds:02d}"


def _median_and_p95(median_s: float, p95_s: float) -> str:
    return f"{milliseconds(median_s)} (p95 {milliseconds(p95_s)})"


def _poses_text(snapshot: Snapshot) -> str:
    text = f"{snapshot.poses} seen, {snapshot.rate_hz:.1f} Hz"
    estimates = snapshot.report("pose", "estimates")
    if estimates is not None:
        skipped, failed = estimates.values.get("sets skipped", "?"), estimates.values.get("sets failed", "?")
        text += f"; {skipped} sets skipped (model busy), {failed} failed"
    return text


def _is_untrained(report: Report) -> bool:
    return report.part == "estimates" and report.values.get("trained") == "False"
