"""The `wearer` node: where the joints really are, at the moments that the cameras show."""

import sys
import traceback
from collections.abc import Iterable
from threading import Event, Thread
from typing import Any

import numpy as np

from egorear_ros.bridge.diagnostics import Health, Level
from egorear_ros.bridge.handover import Handover
from egorear_ros.bridge.messages import msg_from_body_pose
from egorear_ros.bridge.node import EgorearNode
from egorear_ros.bridge.process import run_node
from egorear_ros.bridge.qos import results_qos
from egorear_ros.config import WearerConfig
from egorear_ros.msg import BodyPose as BodyPoseMsg
from egorear_ros.names import TRUTH_TOPIC
from egorear_ros.nodes.pacer import Pacer
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.sources.base import EndOfSource, SourceError
from egorear_ros.sources.pacing import period_ns
from egorear_ros.sources.truth import make_truth
from egorear_ros.structures import BodyPose, FloatArray, TrackingState


class WearerNode(EgorearNode[WearerConfig]):
    """Publish `ground_truth/body_pose` with the stamps of the cameras that have the same `source`.

    Args:
        handover: the truth goes to the other nodes of this process through it.
        **kwargs: for `rclpy.node.Node`.
    """

    def __init__(self, handover: Handover | None = None, **kwargs: Any) -> None:
        super().__init__("wearer", WearerConfig(), handover=handover, **kwargs)
        self._topic = self.resolve_topic_name(TRUTH_TOPIC)
        if handover is not None:
            handover.offer(self._topic)
        self._thread: Thread | None = None
        self._finished_source = False

    def configure(self) -> None:
        """Find the truth."""
        self._truth = make_truth(self.config.source, self.rig)
        self._poses = self.make_publisher(BodyPoseMsg, TRUTH_TOPIC, results_qos())
        self._published = 0

    def activate(self) -> None:
        """Begin to publish."""
        clock = self.get_clock()
        self._pacer = Pacer(self.now_ns, lambda: clock.ros_time_is_active, period_ns(self.config.source.rate_hz))
        self._stop = Event()
        self._finished_source = False
        self._thread = Thread(target=self._run, name="wearer", daemon=True)
        self._thread.start()

    def deactivate(self) -> None:
        """Stop publishing."""
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None

    def reset(self) -> None:
        """Begin again when time jumps back."""
        if self.active and self._finished_source:
            self.deactivate()
            self.activate()

    def health(self) -> Iterable[Health]:
        """Report how many poses went out."""
        if self.active:
            state = "finished" if self._finished_source else "publishing"
            yield Health("truth", Level.OK, state, {"published": self._published, "missed ticks": self._pacer.missed})

    def _run(self) -> None:
        while (tick := self._pacer.next(self._stop)) is not None:
            try:
                joints_device = self._truth.joints_device(tick)
                if self._pacer.reach(tick, self._stop) and self.running:
                    self._publish(tick * self._pacer.period_ns, joints_device)
            except EndOfSource:
                self._finished_source = True
                self.get_logger().info("the sequence is over")
                return
            except (SourceError, ValueError) as error:
                self.warn("truth", f"no ground truth for this moment: {error}")
            except Exception as error:  # noqa: BLE001 -- a fault in one pose must not end the node
                self.warn(repr(error), f"no ground truth for this moment:\n{traceback.format_exc()}")

    def _publish(self, stamp_ns: int, joints_device: FloatArray) -> None:
        pose = BodyPose(
            stamp_ns=stamp_ns,
            joints_device=joints_device,
            confidences=np.ones(EGO4VIEW.joint_count),
            view_stamps_ns=dict.fromkeys(self.rig.views, stamp_ns),
            state=TrackingState.OK,
            model_id="ground_truth",
        )
        if self.handover is not None:
            self.handover.publish(self._topic, pose)
        self._poses.publish(msg_from_body_pose(pose, self.config.frame_prefix, "wearer", self.now_ns()))
        self._published += 1


def main() -> None:
    """Run the node until Ctrl-C."""
    sys.exit(run_node(WearerNode))


if __name__ == "__main__":
    main()
