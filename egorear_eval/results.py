"""From compared frames to a folder of results: tables, confidences, poses."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from egorear_eval.clip import POSES_FILE, Clip, save_clips
from egorear_eval.reliability import reliability
from egorear_eval.scores import Scores, score
from egorear_eval.tables import write_tables
from egorear_ros.estimators.confidence import GOOD_ERROR_CM

Views = tuple[str, ...]
Tables = dict[str, dict[str, Scores]]


def make_tables(clips: Mapping[Views, Sequence[Clip]]) -> Tables:
    """Return the tables of a run: by views, and by movement for the first set of views.

    Raises:
        ValueError: the first set of views has no poses.
    """
    first = next(iter(clips))
    by_views = {" + ".join(views): score(some) for views, some in clips.items() if any(len(clip) for clip in some)}
    groups = sorted({clip.group for clip in clips[first]})
    by_movement = {group: score([clip for clip in clips[first] if clip.group == group]) for group in groups}
    return {"By views": by_views, "By recording or motion clip": by_movement}


def reliability_facts(clips: Sequence[Clip]) -> dict[str, Any]:
    """Return the reliability of confidences as JSON values; nothing if there are none."""
    found = reliability(clips, 10.0 * GOOD_ERROR_CM) if clips else None
    if found is None:
        return {}
    rows = zip(found.confidence.tolist(), found.share.tolist(), found.counts.tolist(), strict=True)
    bins = [
        {"confidence": confidence, "share_within": share, "joints": count} for confidence, share, count in rows if count
    ]
    content = {"within_mm": found.good_error_mm, "expected_calibration_error": found.expected_error, "bins": bins}
    return {"reliability": content}


def reliability_text(facts: Mapping[str, Any]) -> str:
    """Return a sentence on the confidences; nothing if there are none."""
    found = facts.get("reliability")
    if found is None:
        return ""
    bins = ", ".join(f"{row['confidence']:.2f}: {row['share_within']:.2f}" for row in found["bins"])
    return (
        f"\nConfidence and the share of joints within {found['within_mm']:g} mm, in ten bins: {bins}. "
        f"Expected calibration error {found['expected_calibration_error']:.3f}.\n"
    )


def write_results(tables: Tables, facts: Mapping[str, Any], clips: Sequence[Clip], folder: Path) -> None:
    """Write the tables with the facts of the run, and the poses of the first set of views."""
    write_tables(tables, facts, folder)
    save_clips(folder / POSES_FILE, clips)
