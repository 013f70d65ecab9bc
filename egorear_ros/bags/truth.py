"""Ground truth of a recording, by stamp."""

from bisect import bisect_left

from egorear_ros.bags.bag import Bag
from egorear_ros.bags.base import BagError
from egorear_ros.bags.decode import decode_body_pose
from egorear_ros.structures import FloatArray, TrackingState


class BagTruth:
    """Where the joints were. All of it is held: 8 kB per second at 30 Hz.

    Args:
        bag: the recording.
        topic: absolute name of the topic, of type egorear_ros/msg/BodyPose.

    Attributes:
        damaged: messages that could not be read, one sentence each.
    """

    def __init__(self, bag: Bag, topic: str) -> None:
        self.damaged: list[str] = []
        joints_by_stamp: dict[int, FloatArray] = {}
        for message in bag.messages([topic], sparse=True):
            try:
                pose = decode_body_pose(message)
            except (BagError, ValueError) as error:
                self.damaged.append(str(error))
                continue
            if pose.state != TrackingState.LOST:
                joints_by_stamp[pose.stamp_ns] = pose.joints_device
        self._stamps_ns = sorted(joints_by_stamp)
        self._joints = joints_by_stamp

    def __len__(self) -> int:
        """Return the number of moments."""
        return len(self._stamps_ns)

    def at(self, stamp_ns: int, tolerance_ns: int) -> FloatArray | None:
        """Return the (16, 3) joints nearest to a stamp in the device frame, m; None: none that near."""
        position = bisect_left(self._stamps_ns, stamp_ns)
        nearest = min(
            self._stamps_ns[max(0, position - 1) : position + 1],
            key=lambda other: abs(other - stamp_ns),
            default=None,
        )
        return None if nearest is None or abs(nearest - stamp_ns) > tolerance_ns else self._joints[nearest]
