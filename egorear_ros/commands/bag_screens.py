"""What `egorear bag info` and `check` show."""

import math
from typing import Any

from egorear_ros.bags.check import BagReport, CameraReport
from egorear_ros.bags.findings import ERROR
from egorear_ros.bags.typestore import CAMERA_INFO, TF_MESSAGE

MARKS = {ERROR: ("wrong", "red"), "warning": ("note", "yellow")}


def print_info(report: BagReport, console: Any) -> None:
    """Print the topics of a recording, and whether it has calibration and ground truth."""
    table = _table("topic", "type", "messages", "Hz", "MB", left=2)
    for topic in report.topics:
        kind = topic.type.rpartition("/")[2]
        table.add_row(topic.name, kind, f"{topic.messages}", _number(topic.rate_hz, 2), f"{topic.bytes / 1e6:.1f}")
    _print_title(report, console)
    console.print(table, soft_wrap=False)
    infos = sum(topic.type == CAMERA_INFO and topic.messages > 0 for topic in report.topics)
    places = any(topic.type == TF_MESSAGE and topic.name == "/tf_static" and topic.messages for topic in report.topics)
    rig = f"rig {report.rig}" if report.rig else "no rig file"
    console.print(f"calibration    {rig}; CameraInfo of {infos} cameras; camera places on /tf_static: {_word(places)}")
    _print_common(report, console)
    if not report.good:
        console.print("Something is wrong with it: see `egorear bag check`.", style="red")


def print_check(report: BagReport, console: Any) -> None:
    """Print the cameras of a recording and what is wrong with it."""
    _print_title(report, console)
    table = _table("view", "images", "Hz", "period ms", "jitter ms", "longest gap ms", "lost", "stamps", left=1)
    for camera in report.cameras:
        table.add_row(
            camera.view,
            f"{camera.images}",
            _number(camera.rate_hz, 2),
            _number(camera.period_ms, 1),
            _number(camera.jitter_ms, 1),
            _number(camera.longest_gap_ms, 1),
            f"{camera.lost}",
            _stamps(camera),
        )
    if report.cameras:
        console.print(table, soft_wrap=False)
    sets = report.complete + report.partial + report.dropped
    if sets:
        console.print(
            f"frame sets     {sets}: {report.complete} complete, {report.partial} with views missing, "
            f"{report.dropped} with too few"
        )
        console.print(
            f"skew           median {_number(report.skew_p50_ms, 1)} ms, 95 % {_number(report.skew_p95_ms, 1)} ms, "
            f"largest {_number(report.skew_max_ms, 1)} ms"
        )
    _print_common(report, console)
    for finding in report.findings:
        word, colour = MARKS[finding.severity]
        where = f"{finding.where}: " if finding.where else ""
        console.print(f"{word:<6} {where}{finding.text}", style=colour)
    errors = sum(finding.severity == ERROR for finding in report.findings)
    notes = len(report.findings) - errors
    verdict = f"{_count(errors, 'thing')} wrong" if errors else "Good"
    remarks = f", {_count(notes, 'note')}" if notes else ""
    console.print(f"{verdict}{remarks}.", style="red" if errors else "green")


def _print_title(report: BagReport, console: Any) -> None:
    space = "" if report.namespace == "/" else f", rig in {report.namespace}"
    console.print(
        f"{report.path}: {report.messages} messages, {report.duration_s:.2f} s, {report.bytes / 1e6:.1f} MB{space}"
    )


def _print_common(report: BagReport, console: Any) -> None:
    truth = f"yes, {report.truths} moments" if report.truths else "no"
    console.print(f"ground truth   {truth}")


def _table(*headings: str, left: int) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="left" if index < left else "right", overflow="fold")
    return table


def _stamps(camera: CameraReport) -> str:
    kinds = {"older": camera.older, "equal": camera.equal, "jumps": camera.jumps, "damaged": camera.damaged}
    found = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    return found or ("in order" if camera.images else "none")


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _word(value: bool) -> str:
    return "yes" if value else "no"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' if number != 1 else ''}"
