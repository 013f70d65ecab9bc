"""Judge a recording: what it holds, how good its streams are, and what is wrong with it."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from egorear_ros.bags.bag import Bag
from egorear_ros.bags.base import Topic
from egorear_ros.bags.calibration import calibration_findings
from egorear_ros.bags.findings import (
    ERROR,
    Finding,
    camera_findings,
    comparison_findings,
    file_findings,
    imageless_findings,
    rig_findings,
    truth_findings,
)
from egorear_ros.bags.lane import Lane
from egorear_ros.bags.survey import Survey
from egorear_ros.bags.typestore import BODY_POSE
from egorear_ros.bags.views import RigTopics, choose_rig, rig_topics
from egorear_ros.config import SyncConfig
from egorear_ros.structures import Rig

NS_MS = 1e-6


@dataclass(frozen=True)
class TopicReport:
    """One topic: what `egorear bag info` lists."""

    name: str
    type: str
    messages: int
    bytes: int
    rate_hz: float
    duration_s: float


@dataclass(frozen=True)
class CameraReport:
    """One camera's stream. Times are of the stamps; NaN where there are too few.

    Attributes:
        view: its name.
        topic: of its images.
        images: messages; 0: there are none, or not even the topic.
        rate_hz: mean over the recording.
        period_ms: median from image to image.
        jitter_ms: 95 % of the periods are within so much of the median.
        longest_gap_ms: longest time without an image.
        lost: images that should have come in between.
        older, equal: stamps older than, or equal to, the one before.
        jumps: of the stamps against the recorder's clock.
        damaged: messages that are no images.
    """

    view: str
    topic: str
    images: int
    rate_hz: float
    period_ms: float
    jitter_ms: float
    longest_gap_ms: float
    lost: int
    older: int
    equal: int
    jumps: int
    damaged: int


@dataclass(frozen=True)
class BagReport:
    """A judged recording.

    Attributes:
        path: as it was given.
        namespace: of the rig that was judged.
        messages, bytes: in all.
        duration_s: by the recorder's clock.
        complete, partial, dropped: frame sets that the live synchronizer makes of it.
        skew_p50_ms, skew_p95_ms, skew_max_ms: between the images of a set.
        truths: moments with ground truth.
        rig: name of the calibration that was given or is carried; empty: none.
        topics, cameras: one entry each.
        findings: what is wrong.
    """

    path: str
    namespace: str
    messages: int
    bytes: int
    duration_s: float
    complete: int
    partial: int
    dropped: int
    skew_p50_ms: float
    skew_p95_ms: float
    skew_max_ms: float
    truths: int
    rig: str
    topics: tuple[TopicReport, ...]
    cameras: tuple[CameraReport, ...]
    findings: tuple[Finding, ...] = field(default=())

    @property
    def good(self) -> bool:
        """Whether nothing is wrong that would spoil results."""
        return not any(finding.severity == ERROR for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON values; NaN becomes null."""
        return {"good": self.good, **without_nan(asdict(self))}


def check_bag(
    bag: Bag,
    rig: Rig | None = None,
    namespace: str | None = None,
    sync: SyncConfig | None = None,
    progress: Callable[[int], None] | None = None,
) -> BagReport:
    """Read a recording to its end, or its break, and judge it.

    Args:
        bag: the recording.
        rig: its cameras; None: as it carries them, or else those that its topics name.
        namespace: of the rig's nodes; None: the one with most views.
        sync: limits of the synchronizer.
        progress: called with the number of messages now and then.

    Raises:
        CalibrationError: the rig that it carries is damaged.
    """
    sync = sync or SyncConfig()
    rig = choose_rig(bag, rig)
    topics = rig_topics(bag.topics, namespace, rig.views if rig is not None else ())
    survey = Survey(bag, topics, sync, progress)
    findings = [*file_findings(bag, survey)]
    if survey.messages:
        findings += rig_findings(bag, topics, namespace is not None)
        findings += imageless_findings(bag, topics) if rig is None else ()
        for view, topic in topics.images.items():
            findings += camera_findings(survey, view, topic)
        findings += comparison_findings(survey, topics, sync)
        findings += calibration_findings(survey, topics, rig)
        findings += truth_findings(bag, survey, topics)
    findings.sort(key=lambda finding: finding.severity != ERROR)
    return _report(bag.path, survey, topics, rig, tuple(findings))


def _report(path: Path, survey: Survey, topics: RigTopics, rig: Rig | None, findings: tuple[Finding, ...]) -> BagReport:
    truth = survey.lane(topics.truth)
    lanes = {view: survey.lane(topic) for view, topic in topics.images.items()}
    return BagReport(
        path=str(path),
        namespace=topics.namespace or "/",
        messages=survey.messages,
        bytes=survey.bytes,
        duration_s=survey.duration_s,
        complete=survey.complete,
        partial=survey.partial,
        dropped=survey.dropped,
        skew_p50_ms=survey.skews.percentile_ns(50) * NS_MS,
        skew_p95_ms=survey.skews.percentile_ns(95) * NS_MS,
        skew_max_ms=survey.skews.largest_ns * NS_MS if len(survey.skews) else math.nan,
        truths=truth.count if truth is not None and truth.topic.type == BODY_POSE else 0,
        rig=rig.name if rig is not None else "",
        topics=tuple(
            TopicReport(lane.topic.name, lane.topic.type, lane.count, lane.bytes, lane.rate_hz, lane.duration_s)
            for lane in survey.lanes.values()
        ),
        cameras=tuple(_camera(view, lane or Lane(Topic(topics.images[view], ""))) for view, lane in lanes.items()),
        findings=findings,
    )


def _camera(view: str, lane: Lane) -> CameraReport:
    period_ns = lane.steps.percentile_ns(50)
    return CameraReport(
        view=view,
        topic=lane.topic.name,
        images=lane.count,
        rate_hz=lane.rate_hz,
        period_ms=period_ns * NS_MS,
        jitter_ms=lane.steps.spread_ns(period_ns, 95) * NS_MS,
        longest_gap_ms=lane.steps.largest_ns * NS_MS if len(lane.steps) else math.nan,
        lost=lane.steps.missing(period_ns) if period_ns > 0 else 0,
        older=lane.backward.count,
        equal=lane.same.count,
        jumps=lane.arrivals.jumps.count,
        damaged=lane.damaged + lane.empty + lane.other_formats,
    )


def without_nan(value: Any) -> Any:
    """Return JSON values in which NaN and infinity are null."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
