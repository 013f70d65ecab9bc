"""Moments of a running graph for `egorear view live`: subscribed to only while somebody looks."""

import contextlib
import os
import threading
import time
from array import array
from collections.abc import Callable
from types import TracebackType
from typing import Any

import rclpy
from rcl_interfaces.srv import GetParameters
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.serialization import deserialize_message
from rclpy.signals import SignalHandlerOptions
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage

from egorear_ros.bridge.messages import body_pose_from_msg
from egorear_ros.bridge.qos import camera_qos, overridable, results_qos
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.msg import BodyPose as BodyPoseMsg
from egorear_ros.names import POSE_TOPIC, TRUTH_TOPIC, image_topic
from egorear_ros.ros_messages import ImageError, frame_from_compressed
from egorear_ros.stamp_buffer import StampBuffer
from egorear_ros.structures import BodyPose, FrameSet, Rig
from egorear_ros.viewer.frame import Moment, Thinner
from egorear_ros.viewer.library import ViewError

KEPT_IMAGES = 150
"""Per view: 5 s at 30 Hz, for poses of a slow model."""

KEPT_TRUTHS = 1000
IMAGES_S = 5.0
"""After that a pose is shown without the images that do not come."""

ASK_S = 10.0
STAMP_BYTES = slice(4, 12)
"""Of a serialized message with a header: after the encapsulation, seconds and nanoseconds."""


class LiveView:
    """A node of its own, in its own context and thread; use it in a `with` statement.

    A pose is shown with the images it was estimated from, found by their exact stamps. Images stay
    serialized until one of them is shown.

    Args:
        namespace: of the graph.
        rate_hz: most moments per second; 0: all.
    """

    def __init__(self, namespace: str, rate_hz: float) -> None:
        self.namespace = namespace.strip("/")
        self._show: Callable[[Moment], object] | None = None
        self._shown = Thinner(rate_hz)
        self._truths: StampBuffer[BodyPose] = StampBuffer(KEPT_TRUTHS)
        self._images: dict[str, StampBuffer[bytes]] = {}
        self._subscriptions: list[Subscription] = []
        self.poses = 0
        self.failure: Exception | None = None
        self.remarks: dict[str, None] = {}

    def __enter__(self) -> "LiveView":
        """Join the graph, without listening yet."""
        self._context = Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self._node = rclpy.create_node("egorear_view", context=self._context, namespace=self.namespace or None)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name="live_view", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        self._thread.join()
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)

    @property
    def listening(self) -> bool:
        """Whether anything is subscribed to."""
        return bool(self._subscriptions)

    def find_rig(self, calib: str) -> Rig:
        """Return the rig; asked of the synchronizer's parameter `calib` if none is named.

        Raises:
            ViewError: nobody answers.
            CalibrationError: the rig file is wrong, or not on this machine.
        """
        return load_rig(calib or self._ask_calib())

    def has_truth(self) -> bool:
        """Return whether somebody publishes the truth."""
        return self._node.count_publishers(TRUTH_TOPIC) > 0

    def wait_for_poses(self, patience_s: float, stop: threading.Event) -> None:
        """Wait until somebody publishes poses.

        Raises:
            ViewError: nobody does.
        """
        end_s = time.monotonic() + patience_s
        while self._node.count_publishers(POSE_TOPIC) == 0 and not stop.wait(0.1):
            if time.monotonic() > end_s:
                topic = self._node.resolve_topic_name(POSE_TOPIC)
                domain = os.environ.get("ROS_DOMAIN_ID", "0")
                raise ViewError(
                    f"Nobody publishes {topic} in ROS domain {domain} (waited {patience_s:g} s). "
                    "Is the graph running (`egorear run`), with the same ROS_DOMAIN_ID and namespace?"
                )

    def listen(self, rig: Rig, show: Callable[[Moment], object] | None) -> None:
        """Begin or stop to listen to poses, truths and images.

        Args:
            rig: the cameras.
            show: takes a moment, in the listening thread; None: nobody looks.
        """
        if show != self._show:
            self._show = show
            # In the thread that takes messages, which must not meet half a change.
            self._executor.create_task(self._begin if show is not None else self._end, rig)

    def _begin(self, rig: Rig) -> None:
        self._rig = rig
        self._since_s = time.monotonic()
        for view in rig.views:
            self._images[view] = StampBuffer(KEPT_IMAGES)
            self._subscribe(CompressedImage, image_topic(view), self._keep(self._images[view]), camera_qos(), raw=True)
        self._subscribe(BodyPoseMsg, TRUTH_TOPIC, self._on_truth, results_qos())
        self._subscribe(BodyPoseMsg, POSE_TOPIC, self._on_pose, results_qos())

    def _end(self, _rig: Rig) -> None:
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()
        self._images.clear()
        self._truths.clear()

    def _subscribe(self, kind: Any, topic: str, receive: Callable[[Any], None], qos: Any, raw: bool = False) -> None:
        options = overridable()
        subscription = self._node.create_subscription(
            kind, topic, receive, qos, raw=raw, qos_overriding_options=options
        )
        self._subscriptions.append(subscription)

    def _keep(self, buffer: StampBuffer[bytes]) -> Callable[[bytes], None]:
        def keep(data: bytes) -> None:
            seconds, nanoseconds = array("I", bytes(data[STAMP_BYTES]))
            buffer.add(seconds * 1_000_000_000 + nanoseconds, data)

        return keep

    def _on_truth(self, message: BodyPoseMsg) -> None:
        try:
            truth = body_pose_from_msg(message)
        except ValueError as error:
            self.remarks[f"{TRUTH_TOPIC} not shown: {error}"] = None
            return
        self._truths.add(truth.stamp_ns, truth)

    def _on_pose(self, message: BodyPoseMsg) -> None:
        self.poses += 1
        try:
            pose = body_pose_from_msg(message)
        except ValueError as error:
            self.remarks[f"{POSE_TOPIC} not shown: {error}"] = None
            return
        found = {
            view: self._images[view].get(stamp_ns)
            for view, stamp_ns in pose.view_stamps_ns.items()
            if view in self._images
        }
        images = {view: data for view, data in found.items() if data is not None}
        if len(images) < len(found) and time.monotonic() < self._since_s + IMAGES_S:
            return  # of the time before somebody looked
        show = self._show
        if show is None or not self._shown(pose.stamp_ns):
            return
        try:
            frames = {
                view: frame_from_compressed(view, deserialize_message(data, CompressedImage))
                for view, data in images.items()
            }
        except ImageError as error:
            self.remarks[str(error)] = None
            return
        truth = self._truths.get(pose.stamp_ns)
        times = {"exposure to pose": 1e3 * float(message.latency_s), "skew": 1e3 * float(message.sync_skew_s)}
        joints = None if truth is None else truth.joints_device
        show(Moment(pose.stamp_ns, FrameSet(pose.stamp_ns, self._rig.views, frames), pose, joints, {}, times))

    def _spin(self) -> None:
        try:
            with contextlib.suppress(ExternalShutdownException):
                self._executor.spin()
        except Exception as error:  # noqa: BLE001 -- handed to the thread that waits
            self.failure = error

    def _ask_calib(self) -> str:
        """Return the parameter `calib` of the synchronizer."""
        client = self._node.create_client(GetParameters, "sync/get_parameters")
        try:
            if not client.wait_for_service(timeout_sec=ASK_S):
                where = f"/{self.namespace}/sync" if self.namespace else "/sync"
                raise ViewError(
                    f"No node {where} within {ASK_S:g} s. Is the graph running (`egorear run`), with the same "
                    "ROS_DOMAIN_ID and namespace? With --calib the synchronizer is not asked."
                )
            future = client.call_async(GetParameters.Request(names=["calib"]))
            end_s = time.monotonic() + ASK_S
            while not future.done() and time.monotonic() < end_s:
                time.sleep(0.02)
            result = future.result() if future.done() else None
        finally:
            self._node.destroy_client(client)
        if result is None or not result.values or not result.values[0].string_value:
            raise ViewError("The synchronizer does not say which calibration it uses. Give --calib.")
        return str(result.values[0].string_value)
