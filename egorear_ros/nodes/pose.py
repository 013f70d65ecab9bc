"""The `pose` node: frame sets in; joints out as messages and TF frames."""

import sys
import time
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

from rclpy.task import Future
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

from egorear_ros.bridge.diagnostics import Health, Level
from egorear_ros.bridge.handover import Handover
from egorear_ros.bridge.messages import frame_set_from_msg, msg_from_body_pose
from egorear_ros.bridge.node import EXPECTED_ERRORS, EgorearNode
from egorear_ros.bridge.process import run_node
from egorear_ros.bridge.qos import results_qos, tf_qos
from egorear_ros.bridge.stamps import ns_from_time
from egorear_ros.bridge.tf import joint_transforms
from egorear_ros.config import PoseConfig
from egorear_ros.estimators.base import EstimateError, Estimator
from egorear_ros.estimators.factory import make_estimator
from egorear_ros.latest import LatestWorker
from egorear_ros.msg import BodyPose as BodyPoseMsg
from egorear_ros.msg import FrameSet as FrameSetMsg
from egorear_ros.nodes.stages import StageTimes, transport_ns
from egorear_ros.structures import BodyPose, Estimate, FrameSet, TrackingState
from egorear_ros.sync_status import RateMeter
from egorear_ros.tracing import TRACE

TOPIC = "body_pose"
RATE_WINDOW_NS = 30_000_000_000
"""Rates are over this time: a model may take seconds."""

SILENT_S = 5.0
"""Without a frame set for this long, diagnostics say so."""


@dataclass(frozen=True)
class _Arrival:
    """A frame set, and when it arrived, monotonic ns."""

    frames: FrameSet
    arrived_ns: int


@dataclass
class _Tally:
    """What happened since the node was activated."""

    received: int = 0
    published: int = 0
    skipped: int = 0
    failed: int = 0
    last_problem: str = ""
    last_received_s: float = field(default_factory=time.monotonic)
    rate: RateMeter = field(default_factory=lambda: RateMeter(window_ns=RATE_WINDOW_NS))
    stages: StageTimes = field(default_factory=StageTimes)


class PoseNode(EgorearNode[PoseConfig]):
    """Publish `body_pose` and one TF frame per joint, estimated from `frame_set`.

    The model runs in a thread of its own on the newest frame set. Sets that it has no time for are
    skipped and counted, so poses are never older than a slow model makes them.

    Args:
        handover: sets come and poses go through it where the other node is in this process.
        **kwargs: for `rclpy.node.Node`.
    """

    starts_slowly = True  # loading and warming up take seconds

    def __init__(self, handover: Handover | None = None, **kwargs: Any) -> None:
        super().__init__("pose", PoseConfig(), handover=handover, **kwargs)
        self._topic = self.resolve_topic_name(TOPIC)
        if handover is not None:
            handover.offer(self._topic)
        self._estimator: Estimator | None = None
        self._reloading = False
        self._tally = _Tally()
        self._reported = (0, 0)
        self._worker = LatestWorker(self._estimate, self._publish, self._on_failure, name="pose_model")
        self._reload_service = self.create_service(Trigger, "~/reload_model", self._on_reload_model)

    def configure(self) -> None:
        """Load the model; create the topics."""
        self._estimator = make_estimator(self.config.estimator, self.config.runtime, self.rig)
        self._poses = self.make_publisher(BodyPoseMsg, TOPIC, results_qos())
        self._transforms = self.make_publisher(TFMessage, "/tf", tf_qos())
        if not self.receive_here("frame_set", self._on_frame_set):
            self.make_subscription(FrameSetMsg, "frame_set", self._on_message, results_qos())

    def activate(self) -> None:
        """Warm the model up, then begin to estimate."""
        assert self._estimator is not None  # configured
        start = time.perf_counter()
        self._estimator.warm_up()
        warm_up_s = time.perf_counter() - start
        self.get_logger().info(f"{self._estimator.model_id} is ready, warmed up in {warm_up_s:.1f} s")
        self._tally = _Tally()
        self._reported = (0, 0)
        self._worker.start()

    def deactivate(self) -> None:
        """Stop estimating, after the estimate that is under way."""
        self._worker.stop()

    def cleanup(self) -> None:
        """Release the model."""
        self._estimator = None

    def reset(self) -> None:
        """Forget the set that waits, and the pose that is being estimated."""
        self._worker.clear()

    # Sets in, poses out

    def _on_message(self, message: FrameSetMsg, info: Mapping[str, int]) -> None:
        if not self.running:
            return
        way_ns, now_ns = transport_ns(info), time.monotonic_ns()
        if way_ns is not None:
            self._tally.stages.add("transport", way_ns * 1e-9)
            TRACE.add("transport", now_ns - way_ns, now_ns, ns_from_time(message.header.stamp), track="transport set")
        try:
            frames = frame_set_from_msg(message)
        except ValueError as error:
            self.warn("frame set", f"frame set dropped: {error}")
            return
        self._on_frame_set(frames)

    def _on_frame_set(self, frames: FrameSet) -> None:
        """Offer a set to the model. Runs in the thread of whoever brings it."""
        if not self.running:
            return
        tally = self._tally
        tally.received += 1
        tally.last_received_s = time.monotonic()
        tally.stages.add("capture to callback", (self.now_ns() - frames.stamp_ns) * 1e-9)
        tally.skipped += self._worker.put(_Arrival(frames, time.monotonic_ns()))

    def _estimate(self, arrival: _Arrival) -> BodyPose:
        """Run the model. In the model's thread, as are the next two."""
        estimator = self._estimator
        assert estimator is not None  # the worker runs only while the node is active
        stages, now_ns = self._tally.stages, time.monotonic_ns()
        stages.add("wait", (now_ns - arrival.arrived_ns) * 1e-9)
        TRACE.add("wait", arrival.arrived_ns, now_ns, arrival.frames.stamp_ns, track="wait for the model")
        pose = estimator.estimate(arrival.frames)
        for stage, duration_s in pose.timings_s.items():
            stages.add(stage, duration_s)
        return pose

    def _publish(self, arrival: _Arrival, pose: BodyPose) -> None:
        if not self.running:
            return
        start_ns, now_ns = time.monotonic_ns(), self.now_ns()
        self._poses.publish(msg_from_body_pose(pose, self.config.frame_prefix, self.config.body_id, now_ns))
        if self.config.publish_tf and pose.state != TrackingState.LOST:
            self._transforms.publish(joint_transforms(pose, self.config.frame_prefix))
        if self.handover is not None:
            self.handover.publish(self._topic, Estimate(pose, arrival.frames))
        tally = self._tally
        tally.published += 1
        tally.rate.add(now_ns)
        end_ns = time.monotonic_ns()
        tally.stages.add("publish", (end_ns - start_ns) * 1e-9)
        TRACE.add("publish", start_ns, end_ns, pose.stamp_ns)
        tally.stages.add("capture to publish", (now_ns - pose.stamp_ns) * 1e-9)

    def _on_failure(self, arrival: _Arrival, error: Exception) -> None:
        """Count and report a set without a pose; nothing is published for it."""
        self._tally.failed += 1
        self._tally.last_problem = str(error) or type(error).__name__
        detail = "" if isinstance(error, EstimateError) else f"\n{traceback.format_exc()}"
        self.warn(
            type(error).__name__, f"no pose for the set of {arrival.frames.stamp_ns * 1e-9:.3f} s: {error}{detail}"
        )

    # A new model while the old one works

    async def _on_reload_model(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Load the weights again and warm them up beside the old ones, then change over between two sets."""
        old = self._estimator
        if old is None:
            response.message = "there is no model to replace: configure the node first"
            return response
        if self._reloading:
            response.message = "a model is being loaded already"
            return response
        self._reloading = True
        try:
            new = await self._load_in_thread()
        except Exception as error:  # noqa: BLE001 -- whatever it is, the old model must go on
            detail = "" if isinstance(error, EXPECTED_ERRORS) else f"\n{traceback.format_exc()}"
            response.message = f"kept {old.model_id}: {str(error) or type(error).__name__}"
            self.get_logger().error(response.message + detail)
            return response
        finally:
            self._reloading = False
        if self._estimator is not old:
            response.message = "not used: the node was cleaned up meanwhile"
            return response
        self._estimator = new
        response.success = True
        response.message = f"{new.model_id} has replaced {old.model_id}"
        self.get_logger().info(response.message)
        return response

    def _load_in_thread(self) -> Future:
        """Return a future of a new, warm model; the executor stays free meanwhile."""
        future = Future(executor=self.executor)
        # A future without a callback would not wake the executor.
        future.add_done_callback(lambda _: None)

        def load() -> None:
            try:
                estimator = make_estimator(self.config.estimator, self.config.runtime, self.rig)
                estimator.warm_up()
            except Exception as error:  # noqa: BLE001 -- raised where the future is awaited
                future.set_exception(error)
            else:
                future.set_result(estimator)

        Thread(target=load, name="pose_load", daemon=True).start()
        return future

    # What users see

    def health(self) -> Iterable[Health]:
        """Report the estimates, and how long each stage takes."""
        if not self.active or self._estimator is None:
            return
        tally = self._tally
        yield Health("estimates", *self._judge(tally, self._estimator), self._counts(tally, self._estimator))
        yield Health("latency", Level.OK, tally.stages.summary(), tally.stages.values())
        self._reported = (tally.published, tally.failed)

    def _counts(self, tally: _Tally, estimator: Estimator) -> dict[str, object]:
        return {
            "model": estimator.model_id,
            "trained": estimator.trained,
            "rate_hz": tally.rate.rate_hz(self.now_ns()),
            "sets received": tally.received,
            "poses published": tally.published,
            "sets skipped": tally.skipped,
            "sets failed": tally.failed,
        }

    def _judge(self, tally: _Tally, estimator: Estimator) -> tuple[Level, str]:
        published, failed = self._reported
        silent_s = time.monotonic() - tally.last_received_s
        if not self.enabled:
            return Level.OK, "disabled"
        if tally.failed > failed and tally.published == published:
            return Level.ERROR, f"no poses: {tally.last_problem}"
        if silent_s > SILENT_S:
            topic = self.resolve_topic_name("frame_set")
            return Level.ERROR, f"no frame set on {topic} for {silent_s:.0f} s: see the node sync and the cameras"
        if estimator.notice:
            return Level.WARN, estimator.notice
        if not estimator.trained:
            return Level.WARN, "the model has random weights, its poses mean nothing: set estimator.checkpoint"
        if tally.failed > failed:
            return Level.WARN, f"some sets gave no pose: {tally.last_problem}"
        return Level.OK, f"{tally.rate.rate_hz(self.now_ns()):.1f} Hz"


def main() -> None:
    """Run the node until Ctrl-C."""
    sys.exit(run_node(PoseNode))


if __name__ == "__main__":
    main()
