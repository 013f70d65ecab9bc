"""An evaluation of a recording from its opening to its folder of results."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from egorear_eval.clip import POSES_FILE, EvaluationError
from egorear_eval.provenance import save_run_rig, versions
from egorear_eval.recording import RecordingResult
from egorear_eval.recording_check import Verdict, judge
from egorear_eval.recording_facts import recording_facts
from egorear_eval.recording_images import RecordingImages
from egorear_eval.recording_truth import bag_truth, folder_truth
from egorear_eval.results import Tables, make_tables, reliability_facts, write_results
from egorear_eval.track import (
    ESTIMATES_FILE,
    TIMING_FILE,
    compare_by_stamp,
    make_track_clip,
    save_estimates,
    save_timing,
)
from egorear_eval.what_if import WhatIf
from egorear_ros.bags.bag import Bag
from egorear_ros.bags.check import BagReport, check_bag
from egorear_ros.bags.findings import imageless_findings
from egorear_ros.bags.recorded_rig import rig_of_recording
from egorear_ros.bags.truth import BagTruth, JointTrack
from egorear_ros.bags.views import RigTopics, choose_rig, rig_topics
from egorear_ros.config import SyncConfig
from egorear_ros.structures import Rig

MS_NS = 1e6
STAGES = ("infer", "postprocess")


@dataclass(frozen=True, eq=False)
class Recording:
    """A recording that can be evaluated.

    Attributes:
        bag: open.
        rig, topics: its cameras.
        sync: limits of the synchronizer.
        report: of the check.
        verdict: on it.
        truth: where the joints were; None: nobody says.
        truth_source: topic or folder of the truth; empty: there is none.
    """

    bag: Bag
    rig: Rig
    topics: RigTopics
    sync: SyncConfig
    report: BagReport
    verdict: Verdict
    truth: JointTrack | None
    truth_source: str

    @property
    def expected_sets(self) -> int:
        """How many sets the synchronizer makes of the whole recording."""
        return self.report.complete + self.report.partial


@dataclass(frozen=True, eq=False)
class RecordingRun:
    """What was written.

    Attributes:
        tables: by title; empty: nothing could be compared.
        facts: of the run.
        images: its pictures, while the recording is open.
        files: names of the files.
        seconds_per_set: in the network, median; None: no pose.
    """

    tables: Tables
    facts: Mapping[str, Any]
    images: RecordingImages
    files: Sequence[str]
    seconds_per_set: float | None


def open_recording(
    bag: Bag,
    rig: Rig | None,
    namespace: str | None,
    sync: SyncConfig,
    truth: Path | None = None,
    views: Sequence[str] = (),
    progress: Callable[[int], None] | None = None,
) -> Recording:
    """Look through a recording and find its cameras and its ground truth.

    Args:
        bag: the recording.
        rig: its cameras; None: as it carries them.
        namespace: of the rig; None: the one with most views.
        sync: limits of the synchronizer.
        truth: a sequence folder to take the ground truth from; None: from the recording.
        views: those that must be there; empty: all.
        progress: called with the number of messages looked at, now and then.

    Raises:
        EvaluationError: it cannot be evaluated: says why, and what to do.
        CalibrationError: the rig that it carries is damaged.
    """
    found_rig = rig_of_recording(bag, rig, namespace)
    report = check_bag(bag, found_rig, namespace, sync, progress)
    if not views and choose_rig(bag, rig) is None:  # then nobody but CameraInfo says which cameras there were
        imageless = imageless_findings(bag, rig_topics(bag.topics, namespace))
        report = replace(report, findings=(*report.findings, *imageless))
    needed = views or (found_rig.views if found_rig is not None else [camera.view for camera in report.cameras])
    verdict = judge(report, needed, rig is not None)
    if found_rig is None:
        raise EvaluationError(f"{report.path} does not carry its rig. Give --calib.")
    topics = rig_topics(bag.topics, namespace, found_rig.views)
    track = folder_truth(truth, bag) if truth is not None else bag_truth(bag, topics)
    if isinstance(track, BagTruth) and track.damaged:
        words = f"{len(track.damaged)} ground truths cannot be used, the first: {track.damaged[0]}"
        verdict = replace(verdict, notes=(*verdict.notes, words))
    source = "" if track is None else str(truth) if truth is not None else topics.truth
    return Recording(bag, found_rig, topics, sync, report, verdict, track, source)


def write_recording(
    recording: Recording,
    result: RecordingResult,
    what_if: WhatIf,
    about: Mapping[str, Any],
    truth_tolerance_ms: float,
    folder: Path,
) -> RecordingRun:
    """Write tables, poses and timing of an evaluation.

    Args:
        recording: what was evaluated.
        result: of the evaluation.
        what_if: what was changed.
        about: command, model and other facts for `scores.json`.
        truth_tolerance_ms: largest distance of a set's ground truth.
        folder: where to; it is made.

    Raises:
        EvaluationError: no set gave a pose.
    """
    tolerance_ns = round(truth_tolerance_ms * MS_NS)
    sides = {views: compare_by_stamp(rows, recording.truth, tolerance_ns) for views, rows in result.rows.items()}
    first = next(iter(sides))
    rows, compared = result.rows[first], sides[first]
    if not rows and not result.stopped:
        raise EvaluationError(f"{recording.report.path}: {_no_pose(result)}")
    name = recording.bag.path.resolve().name
    clips = {views: [make_track_clip(name, side)] for views, side in sides.items() if side.rows}
    tables = make_tables(clips) if first in clips else {}
    chosen = clips.get(first, [])
    facts = {
        **about,
        "calib": recording.rig.source,
        "versions": versions(),
        "skipped": [{"sequence": name, "frame": frame, "reason": reason} for frame, reason in result.failed],
        "recording": recording_facts(
            recording.report, recording.verdict, result, compared, what_if, recording.truth_source
        ),
        **reliability_facts(chosen),
    }
    save_run_rig(folder, recording.rig)
    write_results(tables, facts, chosen, folder)
    save_timing(folder / TIMING_FILE, compared.rows if tables else rows)
    save_estimates(folder / ESTIMATES_FILE, rows)
    stamps_ns = {row.frame: row.pose.view_stamps_ns for row in rows}
    images = RecordingImages(recording.bag, recording.topics, recording.rig, stamps_ns, what_if.noise)
    seconds = sorted(1e-3 * sum(row.timings_ms.get(stage, 0.0) for stage in STAGES) for row in rows)
    files = ("scores.md", "scores.csv", "scores.json", POSES_FILE, TIMING_FILE, ESTIMATES_FILE)
    return RecordingRun(tables, facts, images, files, seconds[len(seconds) // 2] if seconds else None)


def _no_pose(result: RecordingResult) -> str:
    """Say why there is not a single pose."""
    if result.failed:
        reason, count = result.reasons().most_common(1)[0]
        return f"none of {result.sets} frame sets gave a pose; {count} times: {reason}"
    dropped = result.status.dropped_sets if result.status else 0
    damaged = f" {len(result.damaged)} images are damaged, the first: {result.damaged[0]}" if result.damaged else ""
    return (
        f"no frame set of enough views came together, {dropped} had too few.{damaged} "
        "`egorear bag check` says what is wrong; --tolerance-ms allows stamps to be further apart."
    )
