"""What somebody who watches a running graph wants to know, gathered from its results. Knows no ROS."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from egorear_ros.metrics import mpjpe_mm, pa_mpjpe_mm
from egorear_ros.stamp_buffer import StampBuffer
from egorear_ros.structures import BodyPose, TrackingState
from egorear_ros.sync_status import NS_PER_S, RateMeter, SyncStatus

RECENT_POSES = 1000
"""Latencies and errors are over this many of the newest poses."""

PAIRING_CAPACITY = 1000
RATE_WINDOW_NS = 30 * NS_PER_S
"""Long enough for a model that takes seconds."""

SILENT_S = 5.0
"""A node that has not reported for this long is said to be gone."""

OK, WARN, ERROR = 0, 1, 2
"""Levels of `Report`, as in `diagnostic_msgs/DiagnosticStatus`."""


@dataclass(frozen=True)
class Report:
    """One line of a node's diagnostics.

    Attributes:
        node: its fully qualified name without the first slash.
        part: what it is about.
        level: OK, WARN or ERROR.
        message: one sentence.
        values: what stands behind it.
        heard_s: when it came, monotonic s.
    """

    node: str
    part: str
    level: int
    message: str
    values: Mapping[str, str]
    heard_s: float


@dataclass(frozen=True)
class Errors:
    """Mean distance of estimated from true joints over `poses` poses, mm."""

    poses: int
    mpjpe_mm: float
    pa_mpjpe_mm: float


@dataclass(frozen=True)
class Snapshot:
    """The graph at one moment.

    Attributes:
        taken_s: when this was, monotonic s.
        elapsed_s: since the watching began.
        sync: the synchronizer's newest counters; None before the first ones.
        poses: how many came.
        rate_hz: poses per second, recently.
        latency_p50_s, latency_p95_s: exposure to publication; NaN before the first pose.
        state, model_id: of the newest pose; None and "" before the first one.
        silent_s: since the newest pose came; NaN before the first one.
        errors: against the ground truth; None without any.
        truths: how many ground-truth poses came.
        reports: newest diagnostics, by node and part.
    """

    taken_s: float
    elapsed_s: float
    sync: SyncStatus | None
    poses: int
    rate_hz: float
    latency_p50_s: float
    latency_p95_s: float
    state: TrackingState | None
    model_id: str
    silent_s: float
    errors: Errors | None
    truths: int
    reports: tuple[Report, ...]

    def report(self, kind: str, part: str) -> Report | None:
        """Return the newest diagnostics of a node, by the last part of its name."""
        for report in self.reports:
            if report.node.rsplit("/", 1)[-1] == kind and report.part == part:
                return report
        return None

    def gone(self) -> list[str]:
        """Return the nodes that reported once and do so no more."""
        newest: dict[str, float] = {}
        for report in self.reports:
            newest[report.node] = max(newest.get(report.node, 0.0), report.heard_s)
        return sorted(node for node, heard_s in newest.items() if self.taken_s - heard_s > SILENT_S)


class LiveStatus:
    """Gathers results as they come; times are monotonic s.

    Args:
        start_s: when the watching began.
    """

    def __init__(self, start_s: float) -> None:
        self._start_s = start_s
        self._sync: SyncStatus | None = None
        self._reports: dict[tuple[str, str], Report] = {}
        self._newest: BodyPose | None = None
        self._newest_s = float("nan")
        self._poses = self._truths = 0
        self._rate = RateMeter(window_ns=RATE_WINDOW_NS)
        self._latencies_s: deque[float] = deque(maxlen=RECENT_POSES)
        self._errors_mm: deque[tuple[float, float]] = deque(maxlen=RECENT_POSES)
        self._waiting: StampBuffer[BodyPose] = StampBuffer(PAIRING_CAPACITY)
        self._known: StampBuffer[BodyPose] = StampBuffer(PAIRING_CAPACITY)

    def on_pose(self, pose: BodyPose, latency_s: float, now_s: float) -> None:
        """Take a pose and the latency it states."""
        self._newest, self._newest_s = pose, now_s
        self._poses += 1
        self._rate.add(round(now_s * NS_PER_S))
        self._latencies_s.append(latency_s)
        if truth := self._known.get(pose.stamp_ns):
            self._compare(pose, truth)
        else:
            self._waiting.add(pose.stamp_ns, pose)

    def on_truth(self, truth: BodyPose) -> None:
        """Take the ground truth of a moment, before or after its pose."""
        self._truths += 1
        self._known.add(truth.stamp_ns, truth)
        if pose := self._waiting.get(truth.stamp_ns):
            self._compare(pose, truth)

    def on_sync(self, status: SyncStatus) -> None:
        """Take the synchronizer's counters."""
        self._sync = status

    def on_report(self, report: Report) -> None:
        """Take a line of diagnostics."""
        self._reports[report.node, report.part] = report

    def snapshot(self, now_s: float) -> Snapshot:
        """Return the graph as it is known now."""
        latencies = np.percentile(self._latencies_s, (50, 95)) if self._latencies_s else (np.nan, np.nan)
        return Snapshot(
            taken_s=now_s,
            elapsed_s=now_s - self._start_s,
            sync=self._sync,
            poses=self._poses,
            rate_hz=self._rate.rate_hz(round(now_s * NS_PER_S)),
            latency_p50_s=float(latencies[0]),
            latency_p95_s=float(latencies[1]),
            state=self._newest.state if self._newest else None,
            model_id=self._newest.model_id if self._newest else "",
            silent_s=now_s - self._newest_s,
            errors=self._mean_errors(),
            truths=self._truths,
            reports=tuple(self._reports[key] for key in sorted(self._reports)),
        )

    def _compare(self, pose: BodyPose, truth: BodyPose) -> None:
        if pose.joints_device.shape != truth.joints_device.shape or not np.isfinite(pose.joints_device).all():
            return  # a lost pose has no error
        mpjpe = float(mpjpe_mm(pose.joints_device, truth.joints_device))
        self._errors_mm.append((mpjpe, float(pa_mpjpe_mm(pose.joints_device, truth.joints_device))))

    def _mean_errors(self) -> Errors | None:
        if not self._errors_mm:
            return None
        mpjpe, pa_mpjpe = np.mean(self._errors_mm, axis=0)
        return Errors(len(self._errors_mm), float(mpjpe), float(pa_mpjpe))


def judge(snapshot: Snapshot) -> tuple[int, str]:
    """Return how the graph does, as a level and one sentence in plain words."""
    if not snapshot.reports and snapshot.sync is None and not snapshot.poses:
        return WARN, "Nothing heard yet."
    if snapshot.poses and (gone := snapshot.gone()):
        return ERROR, f"Gone: {', '.join(gone)} (no sign of life for {SILENT_S:g} s)."
    if broken := [report for report in snapshot.reports if report.part == "state" and report.level == ERROR]:
        return ERROR, f"Not running: {', '.join(report.node for report in broken)}."
    if snapshot.sync is None:
        return WARN, "Starting: no word from the synchronizer yet."
    cameras = snapshot.sync.cameras
    sending = [camera for camera in cameras if camera.rate_hz > 0]
    seen = f"{len(sending)} of {len(cameras)} cameras send"
    if not sending:
        return WARN, "No camera sends images."
    if not snapshot.poses:
        pose = snapshot.report("pose", "state")
        loads = pose is not None and pose.values.get("state") != "active"
        return WARN, f"{seen}; {'the model is being loaded' if loads else 'no pose yet'}."
    poses = f"poses come at {snapshot.rate_hz:.1f} Hz" if snapshot.rate_hz else "the first pose came"
    if snapshot.silent_s > max(SILENT_S, 3 * snapshot.latency_p95_s):
        return ERROR, f"{seen}; the last pose came {snapshot.silent_s:.0f} s ago."
    if len(sending) < len(cameras):
        return WARN, f"{seen}; {poses}."
    if snapshot.state == TrackingState.LOST:
        return WARN, f"All {len(cameras)} cameras send; {poses}, but without joints."
    return OK, f"Running: all {len(cameras)} cameras send; {poses}."
