"""Evaluation while poses are made: one pass after the other, each with the results that a recording gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from egorear_eval.clip import POSES_FILE
from egorear_eval.provenance import save_run_rig, versions
from egorear_eval.recording_facts import NO_TRUTH, partial_facts, pose_facts
from egorear_eval.results import make_tables, reliability_facts, write_results
from egorear_eval.scores import frame_measures
from egorear_eval.track import (
    ESTIMATES_FILE,
    LOST,
    REPEATED,
    TIMING_FILE,
    Estimated,
    compare_by_stamp,
    is_usable,
    make_track_clip,
    save_estimates,
    save_timing,
)
from egorear_ros.bags.check import without_nan
from egorear_ros.bags.truth import JointTrack
from egorear_ros.structures import BodyPose, Rig, TrackingState

JUMP_NS = 500_000_000
"""A pose this much older than the newest one belongs to another pass: `sync.MIN_JUMP_NS`."""

PATIENCE_NS = 10_000_000_000
"""So long after a pose its ground truth may still come."""

LATENCY = "capture to publish"


@dataclass
class Running:
    """Numbers while a pass runs.

    Attributes:
        compared: poses that have met their truth.
        mpjpe_mm: their mean joint error; NaN before the first.
    """

    compared: int = 0
    _sum_mm: float = 0.0

    def add(self, mpjpe_mm: float) -> None:
        """Count one pose."""
        self.compared += 1
        self._sum_mm += mpjpe_mm

    @property
    def mpjpe_mm(self) -> float:
        """Mean joint error so far, mm; NaN before the first."""
        return self._sum_mm / self.compared if self.compared else float("nan")


@dataclass
class LivePass:
    """Poses from a start, or from where time jumped back, to the next such moment.

    Attributes:
        rows: poses, by stamp; the first one counts where a stamp comes twice.
        lost: poses without a body.
        repeated: stamps that came again.
        newest_ns: the latest stamp, ns; None before the first pose.
        model: of the newest pose.
        running: numbers so far.
    """

    rows: dict[int, Estimated] = field(default_factory=dict)
    lost: int = 0
    repeated: int = 0
    newest_ns: int | None = None
    model: str = ""
    trained: bool = True
    running: Running = field(default_factory=Running)
    _waiting: list[Estimated] = field(default_factory=list)

    def add(self, pose: BodyPose, latency_s: float) -> None:
        """Take a pose in, and how long it took from exposure to publication, s."""
        self.model, self.trained = pose.model_id, pose.state != TrackingState.UNTRAINED
        if not is_usable(pose):
            self.lost += 1
        elif pose.stamp_ns in self.rows:
            self.repeated += 1
        else:
            row = Estimated(pose, {LATENCY: 1e3 * latency_s})
            self.rows[pose.stamp_ns] = row
            self.newest_ns = max(pose.stamp_ns, self.newest_ns or pose.stamp_ns)
            self._waiting.append(row)

    def meet(self, truth: JointTrack, tolerance_ns: int) -> None:
        """Compare the poses that wait with what is known of the truth by now: numbers while the pass runs."""
        newest_ns, waiting = truth.newest_ns, []
        for row in self._waiting:
            stamp_ns = row.pose.stamp_ns
            # A nearer truth may come as long as the newest one is not beyond the pose.
            if newest_ns is None or newest_ns < stamp_ns:
                waiting.append(row)
                continue
            joints = truth.at(stamp_ns, tolerance_ns)
            if joints is not None:
                self.running.add(float(frame_measures(row.pose.joints_device[None], joints[None])["mpjpe_mm"][0]))
        oldest_ns = (self.newest_ns or 0) - PATIENCE_NS
        self._waiting = [row for row in waiting if row.pose.stamp_ns > oldest_ns]

    def write(
        self,
        folder: Path,
        name: str,
        rig: Rig,
        truth: JointTrack,
        tolerance_ns: int,
        about: Mapping[str, Any],
        counters: Mapping[str, Any],
    ) -> Mapping[str, Any]:
        """Write the results of the pass and return the facts about it.

        Args:
            folder: where to; it is made.
            name: of what was shown.
            rig: its cameras.
            truth: where the joints were.
            tolerance_ns: largest distance of a pose's truth, ns.
            about: the run, for `scores.json`.
            counters: of the synchronizer and of the pass, for its object `recording`.
        """
        rows = [self.rows[stamp_ns] for stamp_ns in sorted(self.rows)]
        compared = compare_by_stamp(rows, truth, tolerance_ns)
        clips = [make_track_clip(name, compared)] if compared.rows else []
        reasons = {LOST: self.lost, REPEATED: self.repeated, NO_TRUTH: compared.without}
        recording = {
            "path": name,
            "rig": rig.name,
            "ground_truth": about.get("truth_topic") if len(truth) else None,
            "estimated": len(rows),
            "compared": len(compared.rows),
            "dropped": {reason: count for reason, count in reasons.items() if count},
            **pose_facts(rows),
            **counters,
            **partial_facts([]),
        }
        facts = {
            **about,
            "model": self.model,
            "trained": self.trained,
            "calib": rig.source,
            "versions": versions(),
            "skipped": [],
            "recording": without_nan(recording),
            **reliability_facts(clips),
        }
        save_run_rig(folder, rig)
        write_results(make_tables({rig.views: clips}) if clips else {}, facts, clips, folder)
        save_timing(folder / TIMING_FILE, compared.rows if clips else rows)
        save_estimates(folder / ESTIMATES_FILE, rows)
        return facts


def next_pass_folder(out: Path) -> Path:
    """Return `out/pass_<n>` with the lowest n that is not there yet."""
    number = 1
    while (out / f"pass_{number}").exists():
        number += 1
    return out / f"pass_{number}"


def headline(facts: Mapping[str, Any], folder: Path) -> str:
    """Return one sentence about a pass that was written."""
    found = facts["recording"]
    where = f"{folder}/{{scores.md,scores.json,{POSES_FILE},{TIMING_FILE}}}"
    if not found["compared"]:
        why = "no ground truth came" if found["ground_truth"] is None else "none has ground truth near its stamp"
        return f"{found['estimated']} poses, not compared: {why}; written: {where}"
    return f"{found['compared']} of {found['estimated']} poses compared; written: {where}"
