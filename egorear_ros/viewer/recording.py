"""Moments of a recorded bag, with the poses that were recorded."""

from collections.abc import Iterator
from dataclasses import dataclass

from egorear_ros.bags.bag import Bag
from egorear_ros.bags.base import BagError
from egorear_ros.bags.check import check_bag
from egorear_ros.bags.decode import decode
from egorear_ros.bags.frame_sets import FrameSets
from egorear_ros.bags.recorded_rig import rig_of_recording
from egorear_ros.bags.truth import BagTruth
from egorear_ros.bags.views import refuse_several_rigs, rig_topics
from egorear_ros.config import SyncConfig
from egorear_ros.names import POSE_TOPIC
from egorear_ros.ros_messages import body_pose_from_msg
from egorear_ros.structures import BodyPose, FrameSet, Rig
from egorear_ros.viewer.frame import Moment, Thinner
from egorear_ros.viewer.library import ViewError

TRUTH_TOLERANCE_NS = 8_000_000

MISSING_KINDS = ("missing", "silent", "type")
"""Findings of the check on cameras that are not there; the others are shown without them."""


@dataclass(frozen=True, eq=False)
class _Recorded:
    pose: BodyPose
    latency_s: float


class BagMoments:
    """A recording; see `Moments`. Poses and truths are held, images are read one after the other.

    Args:
        bag: open, and stays so.
        rig: its cameras; None: as it carries them.
        namespace: of the rig's topics; None: the one with most cameras.
        shown_hz: most moments per second; 0: all.
        sync: limits of the synchronizer.

    Attributes:
        partial: whether a part is missing or in doubt; known when all moments were read.

    Raises:
        ViewError: it carries no rig, or has no images of it.
        BagError: it has several rigs, and none was named.
        CalibrationError: the rig that it carries is damaged.
    """

    clock = True

    def __init__(
        self, bag: Bag, rig: Rig | None, namespace: str | None, shown_hz: float, sync: SyncConfig | None = None
    ) -> None:
        refuse_several_rigs(bag, namespace)
        found = rig_of_recording(bag, rig, namespace)
        if found is None:
            raise ViewError(f"{bag.path} does not carry its rig, nor CameraInfo and /tf_static of it. Give --calib.")
        self.rig = found
        topics = rig_topics(bag.topics, namespace, found.views)
        there = {topic.name for topic in bag.topics}
        if not there & set(topics.images.values()):
            raise ViewError(
                f"{bag.path} has no images of rig {found.name}; expected {', '.join(topics.images.values())}, found "
                f"{', '.join(sorted(there)) or 'no topics at all'}. Give --namespace or --remap, or the right --calib."
            )
        self.title = bag.path.absolute().name
        self.remarks: list[str] = []
        self._bag, self._given, self._namespace = bag, rig, namespace
        self.partial = False
        self._shown = Thinner(shown_hz)
        self._sets = FrameSets(bag, topics, sync or SyncConfig())
        self._truth = BagTruth(bag, topics.truth)
        self._poses = self._read_poses(topics.name(POSE_TOPIC))
        self.remarks += self._truth.damaged
        if not len(self._truth):
            self.remarks.append(f"{bag.path} has no ground truth ({topics.truth}).")

    @property
    def has_poses(self) -> bool:
        """Whether poses were recorded."""
        return bool(self._poses)

    @property
    def has_truth(self) -> bool:
        """Whether the truth was recorded."""
        return len(self._truth) > 0

    def __iter__(self) -> Iterator[Moment]:
        """Yield moments; see `Moments`."""
        count = 0
        for frames in self._sets:
            if self._shown(frames.stamp_ns):
                count += 1
                yield self._moment(frames)
        self._judge()
        if not count:
            raise ViewError(
                f"{self._bag.path} gave no frame set to show. `egorear bag check {self._bag.path}` says what is wrong."
            )

    def _judge(self) -> None:
        """Say what is missing or in doubt; now, because it takes another look at the whole recording."""
        damaged = self._sets.damaged
        words = [f"{len(damaged)} images could not be read, the first: {damaged[0]}"] if damaged else []
        findings = check_bag(self._bag, self._given, self._namespace).findings
        words += [finding.words for finding in findings if finding.is_partial or finding.kind in MISSING_KINDS]
        words += self._bag.problems
        self.remarks[:0] = dict.fromkeys(words)
        self.partial = bool(words)

    def _moment(self, frames: FrameSet) -> Moment:
        truth = self._truth.at(frames.stamp_ns, TRUTH_TOLERANCE_NS)
        recorded = self._poses.get(frames.stamp_ns)
        times = {"skew": frames.skew_ns * 1e-6}
        if recorded is None:
            return Moment(frames.stamp_ns, frames, truth=truth, latency_ms=times)
        times["exposure to pose"] = 1e3 * recorded.latency_s
        return Moment(frames.stamp_ns, frames, recorded.pose, truth, latency_ms=times)

    def _read_poses(self, topic: str) -> dict[int, _Recorded]:
        found = {}
        for message in self._bag.messages([topic], sparse=True):
            try:
                content = decode(message)
                pose = body_pose_from_msg(content)
            except (BagError, ValueError) as error:
                self.remarks.append(str(error))
                continue
            found[pose.stamp_ns] = _Recorded(pose, float(content.latency_s))
        return found
