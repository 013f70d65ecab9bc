"""What is wrong with a recording, in words."""

from collections.abc import Iterator
from dataclasses import dataclass

from egorear_ros.bags.arrivals import Events
from egorear_ros.bags.bag import Bag
from egorear_ros.bags.lane import Lane
from egorear_ros.bags.offsets import stamp_offsets_ns
from egorear_ros.bags.suggest import remap_hint, suggest_remaps, truth_hint
from egorear_ros.bags.survey import Survey
from egorear_ros.bags.typestore import BODY_POSE, CAMERA_INFO, COMPRESSED_IMAGE, IMAGE, TF_MESSAGE
from egorear_ros.bags.views import RigTopics, several_rigs
from egorear_ros.config import SyncConfig
from egorear_ros.names import TF_STATIC_TOPIC, camera_info_topic, image_topic

ERROR, WARNING = "error", "warning"

LOST_SHARE = 0.01
"""So many lost images are an error; fewer are a warning."""

LONG_GAP_S = 0.5
RATE_SHARE = 0.05
JITTER_SHARE = 0.25
INCOMPLETE_SHARE = 0.02
EDGE_SETS = 2
"""Where a recording begins and ends, sets may be incomplete."""

ENDS_S = 1.0
"""A camera that begins this much later or ends this much earlier than the others is named."""


PARTIAL_KINDS = ("broken", "clock_jump", "not_monotonic", "imageless")
"""Part of such a recording is lost or in doubt."""

SEVERE_KINDS = ("count", "duplicate")
"""So it is where they are errors; as warnings they are good to know."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        severity: "error": results will be wrong or missing; "warning": good to know.
        kind: short name for programs.
        where: topic, view or file; empty: the recording.
        text: what was found, and what to do.
    """

    severity: str
    kind: str
    where: str
    text: str

    @property
    def is_partial(self) -> bool:
        """Whether what is made of the recording is a part of what was recorded, or in doubt."""
        return self.kind in PARTIAL_KINDS or (self.kind in SEVERE_KINDS and self.severity == ERROR)

    @property
    def words(self) -> str:
        """Return the sentence with its place."""
        return f"{self.where}: {self.text}" if self.where else self.text


def file_findings(bag: Bag, survey: Survey) -> Iterator[Finding]:
    """Yield what is wrong with the files and the recorder's clock."""
    problems = bag.problems
    for problem in problems:
        yield Finding(ERROR, "broken", "", problem)
    if survey.messages == 0:
        yield Finding(ERROR, "no_messages", "", "There are no messages. Were the topics' names right when recording?")
    elif bag.declared is not None and bag.declared != survey.messages:
        text = f"metadata.yaml promises {bag.declared} messages, and {survey.messages} were found."
        yield Finding(ERROR if bag.declared > survey.messages else WARNING, "count", "", text)
    if survey.clock_jumps.count:
        text = f"The recorder's clock went back {_places(survey.clock_jumps, '')}: it was set while recording."
        yield Finding(ERROR, "clock_jump", "", text)


def rig_findings(bag: Bag, topics: RigTopics, namespace_given: bool) -> Iterator[Finding]:
    """Yield what is wrong with the set of topics."""
    if not namespace_given and (several := several_rigs(bag.topics)):
        yield Finding(ERROR, "two_rigs", "", several)
    names = {topic.name for topic in bag.topics}
    missing = [topic for topic in topics.images.values() if topic not in names]
    if not topics.views:
        what = "No topic is named as a camera's (<view>/image_raw/compressed)."
        found = ", ".join(sorted(names)) or "none"
        yield Finding(ERROR, "missing", "", f"{what} Topics: {found}. Give --calib for suggestions.")
    elif missing:
        hints = suggest_remaps(bag.topics, topics)
        hint = remap_hint(hints) if hints else "No other topic has images."
        yield Finding(ERROR, "missing", "", f"Not in the recording: {', '.join(missing)}. {hint}")
    wanted = {name: COMPRESSED_IMAGE if name.endswith("/compressed") else IMAGE for name in topics.images.values()}
    wanted |= {topics.info(view): CAMERA_INFO for view in topics.views}
    yield from _type_findings(bag, wanted | {topics.truth: BODY_POSE, TF_STATIC_TOPIC: TF_MESSAGE})


def imageless_findings(bag: Bag, topics: RigTopics) -> Iterator[Finding]:
    """Yield cameras that somebody calibrated but nobody recorded; for a recording that does not carry its rig."""
    ends = {topic.name: topic.name.removeprefix(f"{topics.namespace}/") for topic in bag.topics}
    infos = [ends[topic.name] for topic in bag.topics if topic.type == CAMERA_INFO]
    views = [name.partition("/")[0] for name in infos if name == camera_info_topic(name.partition("/")[0])]
    wanted = {view: topics.name(image_topic(view)) for view in views if view not in topics.views}
    if not wanted or not topics.views:
        return
    hints = suggest_remaps(
        bag.topics, RigTopics(topics.namespace, (*topics.views, *wanted), {**topics.images, **wanted})
    )
    hint = f" {remap_hint(hints)}" if hints else ""
    text = (
        f"CameraInfo of {', '.join(wanted)}, but no images. Not in the recording: {', '.join(wanted.values())}.{hint}"
    )
    yield Finding(ERROR, "imageless", "", text)


def camera_findings(survey: Survey, view: str, topic: str) -> Iterator[Finding]:
    """Yield what is wrong with one camera's stream."""
    lane = survey.lane(topic)
    if lane is None or lane.topic.type not in (COMPRESSED_IMAGE, IMAGE):
        return
    if lane.count == 0:
        yield Finding(ERROR, "silent", view, f"{topic} has no messages. Was the camera running?")
        return
    yield from _content_findings(lane, view)
    yield from _stamp_findings(lane, view)
    yield from _gap_findings(lane, view)


def comparison_findings(survey: Survey, topics: RigTopics, sync: SyncConfig) -> Iterator[Finding]:
    """Yield what is wrong between cameras: rates, beginnings, ends and pairing."""
    lanes = {view: lane for view, topic in topics.images.items() if (lane := survey.lane(topic)) and lane.count > 1}
    if len(lanes) < 2:
        return
    rates = sorted(lane.rate_hz for lane in lanes.values() if lane.rate_hz > 0)
    usual_hz = rates[len(rates) // 2] if rates else 0.0
    first_ns = min(lane.first_ns or 0 for lane in lanes.values())
    last_ns = max(lane.last_ns for lane in lanes.values())
    for view, lane in lanes.items():
        if usual_hz and abs(lane.rate_hz - usual_hz) > RATE_SHARE * usual_hz:
            text = f"{lane.rate_hz:.2f} Hz, while the cameras usually send {usual_hz:.2f} Hz."
            yield Finding(ERROR, "rate", view, text)
        late_s, early_s = ((lane.first_ns or 0) - first_ns) * 1e-9, (last_ns - lane.last_ns) * 1e-9
        if late_s > ENDS_S:
            yield Finding(WARNING, "begins_late", view, f"begins {late_s:.1f} s after the first camera.")
        if early_s > ENDS_S:
            yield Finding(WARNING, "ends_early", view, f"ends {early_s:.1f} s before the last camera.")
    if len(lanes) == len(topics.views):  # else it is clear why there are no complete sets
        lost = sum(lane.steps.missing(lane.steps.percentile_ns(50)) for lane in lanes.values() if len(lane.steps))
        yield from _set_findings(survey, lost, sync)


def truth_findings(bag: Bag, survey: Survey, topics: RigTopics) -> Iterator[Finding]:
    """Yield what is wrong with the ground truth, where there is some, or where it could be."""
    if hint := truth_hint(bag.topics, topics):
        yield Finding(WARNING, "truth", "", hint)
    lane = survey.lane(topics.truth)
    if lane is None or lane.topic.type != BODY_POSE:
        return
    if lane.count == 0:
        yield Finding(WARNING, "silent", topics.truth, "has no messages.")
    else:
        yield from _stamp_findings(lane, topics.truth)


def _type_findings(bag: Bag, wanted: dict[str, str]) -> Iterator[Finding]:
    for topic in bag.topics:
        expected = wanted.get(topic.name, topic.type)
        if topic.type != expected:
            yield Finding(ERROR, "type", topic.name, f"has messages of type {topic.type}; expected {expected}.")


def _content_findings(lane: Lane, view: str) -> Iterator[Finding]:
    if lane.damaged:
        yield Finding(ERROR, "damaged", view, f"{lane.damaged} of {lane.count} messages are damaged or cut off.")
    if lane.empty:
        yield Finding(ERROR, "empty", view, f"{lane.empty} of {lane.count} images have no data.")
    if lane.other_formats:
        yield Finding(ERROR, "format", view, f"{lane.other_formats} of {lane.count} images are neither JPEG nor PNG.")
    if len(lane.frame_ids) > 1:
        listed = ", ".join(f"{name} ({count})" for name, count in lane.frame_ids.items())
        yield Finding(ERROR, "two_rigs", view, f"Images of several cameras on one topic, by frame: {listed}.")


def _stamp_findings(lane: Lane, view: str) -> Iterator[Finding]:
    arrivals = lane.arrivals
    if arrivals.jumps.count:
        text = f"Stamps jump {_places(arrivals.jumps)}: the camera's clock was set, or its stamps are wrong."
        yield Finding(ERROR, "clock_jump", view, text)
    if arrivals.delays.count:
        text = (
            f"Messages reached the recorder up to {arrivals.latest_s:.1f} s after their stamps said, "
            f"{_places(arrivals.delays)}: the machine or the connection was busy. The stamps are right."
        )
        yield Finding(WARNING, "late", view, text)
    if lane.backward.count:
        where = _places(lane.backward, "")
        text = f"{lane.backward.count} of {lane.count} stamps are older than the one before, {where}."
        yield Finding(ERROR, "not_monotonic", view, text)
    if lane.same.count:
        things = "poses" if lane.topic.type == BODY_POSE else "images"
        text = f"{lane.same.count} of {lane.count} stamps equal the one before: those {things} are not used."
        yield Finding(ERROR if lane.same.count > LOST_SHARE * lane.count else WARNING, "duplicate", view, text)


def _gap_findings(lane: Lane, view: str) -> Iterator[Finding]:
    period_ns = lane.steps.percentile_ns(50)
    if not period_ns > 0:
        return
    lost = lane.steps.missing(period_ns)
    at_s, longest_s = lane.longest[0]
    if lost:
        severe = lost > LOST_SHARE * lane.count or longest_s > LONG_GAP_S
        text = (
            f"{lost} images are missing; the longest gap is {1e3 * longest_s:.0f} ms, from {at_s - longest_s:.1f} s on."
        )
        yield Finding(ERROR if severe else WARNING, "gaps", view, text)
    jitter_ns = lane.steps.spread_ns(period_ns, 95)
    if jitter_ns > JITTER_SHARE * period_ns:
        text = f"Stamps jitter by {1e-6 * jitter_ns:.1f} ms (95 %) around a period of {1e-6 * period_ns:.1f} ms."
        yield Finding(WARNING, "jitter", view, text)


def _set_findings(survey: Survey, lost: int, sync: SyncConfig) -> Iterator[Finding]:
    sets = survey.complete + survey.partial + survey.dropped
    if survey.complete >= (1 - INCOMPLETE_SHARE) * sets - EDGE_SETS - lost:
        return
    text = (
        f"Only {survey.complete} of {sets} moments have images of all views "
        f"within {sync.tolerance_ms:g} ms. "
        "Are the cameras triggered together, and their clocks the same? Else raise --tolerance-ms."
    )
    yield Finding(ERROR, "skew", "", text)
    offsets_ns = stamp_offsets_ns(survey.arrived)
    # Of two cameras nobody knows which is wrong: one of them is named.
    for view, offset_ns in list(offsets_ns.items())[1 if len(offsets_ns) == 2 else 0 :]:
        if abs(offset_ns) > 1e6 * sync.tolerance_ms:
            way = "later" if offset_ns > 0 else "earlier"
            others = f"Stamps are {1e-6 * abs(offset_ns):.0f} ms {way} than those of the other cameras (median)"
            yield Finding(WARNING, "offset", view, f"{others}: mend its clock, or set --tolerance-ms.")


def _places(events: Events, sign: str = "+") -> str:
    """Say where something happened, for example "by -3.2 s at 12.0 s and at 2 more places".

    Args:
        events: at least one.
        sign: "" where words say already which way.
    """
    at_s, size_s = events.first[0]
    size_s = size_s if sign else abs(size_s)
    number = f"{size_s:{sign}.3g}" if abs(size_s) < 1000.0 else f"{size_s:{sign}.0f}"
    size = f"by {number} s " if size_s else ""
    others = events.count - 1
    more = f" and at {others} more place{'s' if others > 1 else ''}" if others else ""
    return f"{size}at {at_s:.1f} s{more}"
