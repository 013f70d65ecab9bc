"""Whether a recording can be evaluated, wholly or in part, told from what `egorear bag check` found."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from egorear_eval.clip import EvaluationError
from egorear_ros.bags.check import BagReport
from egorear_ros.bags.findings import ERROR, Finding


@dataclass(frozen=True)
class Verdict:
    """What can be evaluated.

    Attributes:
        partial: why the results are those of a part only, one sentence each; empty: the recording is whole.
        notes: what else is wrong with it.
    """

    partial: tuple[str, ...]
    notes: tuple[str, ...]


def judge(report: BagReport, views: Sequence[str], calib_given: bool) -> Verdict:
    """Say what a recording is good for.

    Args:
        report: of the check.
        views: those that are asked for.
        calib_given: whether the user names the rig, and so knows whose recording it is.

    Raises:
        EvaluationError: it cannot be evaluated: says why, and what to do.
    """
    fatal = dict.fromkeys(finding.words for finding in _fatal(report, views, calib_given))
    if fatal:
        raise EvaluationError(f"{report.path} cannot be evaluated. {' '.join(fatal)}")
    partial = [finding for finding in report.findings if finding.is_partial]
    notes = [finding for finding in report.findings if not finding.is_partial]
    return Verdict(tuple(finding.words for finding in partial), tuple(finding.words for finding in notes))


def _fatal(report: BagReport, views: Sequence[str], calib_given: bool) -> Iterator[Finding]:
    errors = [finding for finding in report.findings if finding.severity == ERROR]
    if not report.messages:
        yield from errors
        return
    silent = {camera.view: camera.topic for camera in report.cameras if camera.images == 0 and camera.view in views}
    needed = {camera.topic for camera in report.cameras if camera.view in views}
    for finding in errors:
        if finding.kind == "two_rigs" and not (finding.where and calib_given):
            hint = "" if "--namespace" in finding.text else " Give --calib if they are those of one rig all the same."
            yield Finding(ERROR, finding.kind, finding.where, finding.text + hint)
        hopeless = {
            "no_calibration": not report.rig,
            "missing": bool(silent) or not report.cameras,
            "silent": finding.where in silent,
            "type": finding.where in needed,
            "imageless": len(report.cameras) == 1,
        }
        if hopeless.get(finding.kind):
            yield finding
    if not report.rig and not any(finding.kind in ("no_calibration", "missing") for finding in errors):
        yield Finding(ERROR, "no_calibration", "", "It does not carry its rig. Give --calib.")
    if len(report.cameras) == 1:
        yield Finding(ERROR, "missing", "", f"Images of {report.cameras[0].view} only; a method needs two cameras.")
    if silent:
        rest = [view for view in views if view not in silent]
        hint = f" Or leave them out: --views {','.join(rest)}." if rest else ""
        yield Finding(ERROR, "missing", "", f"No image of {', '.join(silent)}.{hint}")
