"""What a recording's results say beside the tables: sets and why some were dropped, jitter, skew.

Nothing here depends on the machine's speed, so that two runs write the same file.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from egorear_eval.recording import RecordingResult
from egorear_eval.recording_check import Verdict
from egorear_eval.track import Compared, Estimated, pose_jitter_mm, spread
from egorear_eval.what_if import WhatIf
from egorear_ros.bags.check import BagReport, CameraReport, without_nan
from egorear_ros.sync_status import CameraCounters

NO_TRUTH = "no ground truth at this moment"
TOO_FEW = "too few views"
THINNED = "left out by --rate"
NS_MS = 1e-6


def recording_facts(
    report: BagReport,
    verdict: Verdict,
    result: RecordingResult,
    compared: Compared,
    what_if: WhatIf,
    truth: str,
) -> dict[str, Any]:
    """Return the object `recording` of `scores.json`.

    Args:
        report: of the check.
        verdict: on the check.
        result: of the evaluation.
        compared: poses of the first set of views beside their truth.
        what_if: what was changed.
        truth: where the ground truth is from; empty: there is none.
    """
    rows = next(iter(result.rows.values()))
    status = result.status
    reasons = [result.stopped, *verdict.partial, *lost_sets(result, what_if)]
    facts = {
        "path": report.path,
        "namespace": report.namespace,
        "rig": report.rig,
        "duration_s": report.duration_s,
        "ground_truth": truth or None,
        "what_if": what_if.facts(),
        "sets": result.sets,
        "complete_sets": status.complete_sets if status else 0,
        "partial_sets": status.partial_sets if status else 0,
        "estimated": len(rows),
        "compared": len(compared.rows),
        "dropped": dropped(status.dropped_sets if status else 0, result, compared, truth),
        **image_facts(status.cameras if status else (), result),
        "jitter_ms": {camera.view: camera.jitter_ms for camera in report.cameras},
        "rate_hz": {camera.view: camera.rate_hz for camera in report.cameras},
        "lost_images": {camera.view: camera.lost for camera in report.cameras if camera.lost},
        "longest_gap_ms": max((gap for gap in map(_gap_ms, report.cameras) if gap == gap), default=None),
        **pose_facts(rows),
        "sets_at_a_time": result.pace.at_a_time,
        "pairing_ms": spread([row.timings_ms["pairing"] for row in rows]),
        "notes": list(verdict.notes),
        **partial_facts(reasons),
    }
    cleaned: dict[str, Any] = without_nan(facts)
    return cleaned


def dropped(too_few: int, result: RecordingResult, compared: Compared, truth: str) -> dict[str, int]:
    """Return moments without a comparison, by reason."""
    counts = Counter({TOO_FEW: too_few, THINNED: result.thinned})
    counts.update(result.reasons())
    counts[NO_TRUTH if truth else "no ground truth in the recording"] += compared.without
    return {reason: count for reason, count in sorted(counts.items()) if count}


def image_facts(cameras: Sequence[CameraCounters], result: RecordingResult) -> dict[str, Any]:
    """Return what became of images that are in no set."""
    kinds = ("late", "duplicate", "unmatched", "overflow")
    unused = {
        camera.view: {kind: getattr(camera, kind) for kind in kinds if getattr(camera, kind)} for camera in cameras
    }
    return {
        "late": sum(camera.late for camera in cameras),
        "unused_images": {view: counts for view, counts in unused.items() if counts},
        "dropped_images": result.lost_images,
        "damaged_images": len(result.damaged),
    }


def lost_sets(result: RecordingResult, what_if: WhatIf) -> Iterator[str]:
    """Yield what the results lack because the recording is damaged; what was left out on purpose is no damage."""
    if result.undecoded:
        yield (
            f"{len(result.undecoded)} frame sets gave no pose because an image cannot be decoded, "
            f"the first: {result.undecoded[0]}"
        )
    if result.damaged:
        yield f"{len(result.damaged)} images could not be read, the first: {result.damaged[0]}"
    views, rows = next(iter(result.rows.items()))
    if rows and not what_if.drops and not any(set(row.pose.view_stamps_ns) >= set(views) for row in rows):
        yield f"Not one pose is of all views ({', '.join(views)}): no moment has images of all of them"


def pose_facts(rows: Sequence[Estimated]) -> dict[str, Any]:
    """Return what the poses themselves say, without a truth."""
    views = Counter(str(len(row.pose.view_stamps_ns)) for row in rows)
    return {
        "skew_ms": spread([row.pose.skew_ns * NS_MS for row in rows]),
        "pose_jitter_mm": pose_jitter_mm(rows),
        "poses_by_views": dict(sorted(views.items())),
    }


def partial_facts(reasons: Sequence[str]) -> Mapping[str, Any]:
    """Return whether the results are those of a part only, and why."""
    words = " ".join(reason if reason.endswith(".") else f"{reason}." for reason in reasons if reason)
    return {"partial": True, "reason": words} if words else {"partial": False}


def _gap_ms(camera: CameraReport) -> float:
    return camera.longest_gap_ms
