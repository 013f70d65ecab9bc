"""Ground truth of a recording, by stamp."""

from bisect import bisect_left, insort

import numpy as np

from egorear_ros.bags.bag import Bag
from egorear_ros.bags.base import BagError
from egorear_ros.bags.decode import decode_body_pose
from egorear_ros.structures import FloatArray, TrackingState


class JointTrack:
    """Where the joints were, by stamp. All of it is held: 8 kB per second at 30 Hz."""

    def __init__(self) -> None:
        self._stamps_ns: list[int] = []
        self._joints: dict[int, FloatArray] = {}

    def __len__(self) -> int:
        """Return the number of moments."""
        return len(self._stamps_ns)

    @property
    def newest_ns(self) -> int | None:
        """The latest stamp, ns; None: there is none."""
        return self._stamps_ns[-1] if self._stamps_ns else None

    def copy(self) -> "JointTrack":
        """Return one that does not grow with this one."""
        other = JointTrack()
        other._stamps_ns, other._joints = list(self._stamps_ns), dict(self._joints)
        return other

    def add(self, stamp_ns: int, joints_device: FloatArray) -> None:
        """Hold the (16, 3) joints of a moment, device frame, m; those with the same stamp are replaced."""
        if stamp_ns not in self._joints:
            insort(self._stamps_ns, stamp_ns)
        self._joints[stamp_ns] = joints_device

    def at(self, stamp_ns: int, tolerance_ns: int) -> FloatArray | None:
        """Return the (16, 3) joints nearest to a stamp in the device frame, m; None: none that near."""
        position = bisect_left(self._stamps_ns, stamp_ns)
        nearest = min(
            self._stamps_ns[max(0, position - 1) : position + 1],
            key=lambda other: abs(other - stamp_ns),
            default=None,
        )
        return None if nearest is None or abs(nearest - stamp_ns) > tolerance_ns else self._joints[nearest]


class BagTruth(JointTrack):
    """The ground truth of a recording.

    Args:
        bag: the recording.
        topic: absolute name of the topic, of type egorear_ros/msg/BodyPose.

    Attributes:
        damaged: messages that could not be read, one sentence each.
    """

    def __init__(self, bag: Bag, topic: str) -> None:
        super().__init__()
        self.damaged: list[str] = []
        for message in bag.messages([topic], sparse=True):
            try:
                pose = decode_body_pose(message)
            except (BagError, ValueError) as error:
                self.damaged.append(str(error))
                continue
            if pose.state == TrackingState.LOST:
                continue
            if np.isfinite(pose.joints_device).all():
                self.add(pose.stamp_ns, pose.joints_device)
            else:
                self.damaged.append(f"{topic}: the pose at {pose.stamp_ns} ns has joints that are not finite.")
