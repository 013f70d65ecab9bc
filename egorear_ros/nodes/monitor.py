"""Watches a graph from outside: subscribes to its results and keeps what `LiveStatus` needs."""

import contextlib
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import cv2
import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from numpy.typing import NDArray
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CompressedImage

from egorear_ros.bridge.messages import body_pose_from_msg
from egorear_ros.bridge.qos import camera_qos, overridable, results_qos
from egorear_ros.bridge.stamps import ns_from_time
from egorear_ros.live_status import ERROR, LiveStatus, Report, Snapshot
from egorear_ros.msg import BodyPose as BodyPoseMsg
from egorear_ros.msg import SyncStatus as SyncStatusMsg
from egorear_ros.stamp_buffer import StampBuffer
from egorear_ros.structures import BodyPose
from egorear_ros.sync_status import CameraCounters, SyncStatus

KEPT_POSES = 200
KEPT_TRUTHS = 1000


class Monitor:
    """A node of its own, in its own context and thread; use it in a `with` statement.

    Args:
        namespace: of the graph to watch.
    """

    def __init__(self, namespace: str = "") -> None:
        self._namespace = namespace.strip("/")
        self._live = LiveStatus(time.monotonic())
        self._lock = threading.Lock()
        self._poses: StampBuffer[BodyPose] = StampBuffer(KEPT_POSES)
        self._truths: StampBuffer[BodyPose] = StampBuffer(KEPT_TRUTHS)
        self._overlays: dict[str, StampBuffer[bytes]] = {}
        self._pose_stamps_ns: list[int] = []

    def __enter__(self) -> "Monitor":
        """Begin to listen."""
        self._context = Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self._node = rclpy.create_node("egorear_monitor", context=self._context, namespace=self._namespace or None)
        for kind, topic, receive in (
            (BodyPoseMsg, "body_pose", self._on_pose),
            (BodyPoseMsg, "ground_truth/body_pose", self._on_truth),
            (SyncStatusMsg, "sync_status", self._on_sync),
            (DiagnosticArray, "/diagnostics", self._on_diagnostics),
        ):
            self._node.create_subscription(kind, topic, receive, results_qos(), qos_overriding_options=overridable())
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name="monitor", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop listening."""
        self._executor.shutdown()
        self._thread.join()
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)

    def snapshot(self) -> Snapshot:
        """Return the graph as it is known now."""
        with self._lock:
            return self._live.snapshot(time.monotonic())

    def watch_overlays(self, views: tuple[str, ...]) -> None:
        """Have overlays drawn from now on, and keep the newest ones."""
        for view in views:
            buffer: StampBuffer[bytes] = StampBuffer(KEPT_POSES)
            self._overlays[view] = buffer

            def keep(message: CompressedImage, buffer: StampBuffer[bytes] = buffer) -> None:
                buffer.add(ns_from_time(message.header.stamp), bytes(message.data))

            self._node.create_subscription(
                CompressedImage, f"{view}/overlay/compressed", keep, camera_qos(), qos_overriding_options=overridable()
            )

    def newest_moment(self) -> tuple[BodyPose, BodyPose | None, Mapping[str, NDArray[np.uint8]]] | None:
        """Return the newest pose with the overlays of its own images, and the truth of its moment if known.

        A moment with all overlays is preferred to a newer one without. None before the first pose.
        """
        with self._lock:
            stamps_ns = self._pose_stamps_ns[::-1]
        best: tuple[BodyPose, Mapping[str, bytes]] | None = None
        for stamp_ns in stamps_ns:
            pose = self._poses.get(stamp_ns)
            if pose is None:
                break
            overlays = self._overlays_of(pose)
            if best is None or len(overlays) > len(best[1]):
                best = (pose, overlays)
            if len(overlays) == len(self._overlays):
                break
        if best is None:
            return None
        pose, encoded = best
        images = {view: _decoded(data) for view, data in encoded.items()}
        return pose, self._truths.get(pose.stamp_ns), images

    def _overlays_of(self, pose: BodyPose) -> dict[str, bytes]:
        """Return the overlays by view whose stamp is that of the image the pose was estimated from."""
        found = {}
        for view, buffer in self._overlays.items():
            data = buffer.get(pose.view_stamps_ns.get(view, pose.stamp_ns))
            if data is not None:
                found[view] = data
        return found

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()

    def _pose_of(self, message: BodyPoseMsg, topic: str) -> BodyPose | None:
        """Return a pose, or None for one with other joints, which becomes a report."""
        try:
            return body_pose_from_msg(message)
        except ValueError as error:
            report = Report("egorear_monitor", topic, ERROR, str(error), {}, time.monotonic())
            with self._lock:
                self._live.on_report(report)
            return None

    def _on_pose(self, message: BodyPoseMsg) -> None:
        pose = self._pose_of(message, "body_pose")
        if pose is None:
            return
        self._poses.add(pose.stamp_ns, pose)
        with self._lock:
            self._pose_stamps_ns = [*self._pose_stamps_ns[1 - KEPT_POSES :], pose.stamp_ns]
            self._live.on_pose(pose, float(message.latency_s), time.monotonic())

    def _on_truth(self, message: BodyPoseMsg) -> None:
        truth = self._pose_of(message, "ground_truth/body_pose")
        if truth is None:
            return
        self._truths.add(truth.stamp_ns, truth)
        with self._lock:
            self._live.on_truth(truth)

    def _on_sync(self, message: SyncStatusMsg) -> None:
        with self._lock:
            self._live.on_sync(_sync_status(message))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            node, _, part = status.name.partition(": ")
            if part and node.rpartition("/")[0] == self._namespace:
                values = {value.key: value.value for value in status.values}
                report = Report(node, part, status.level[0], status.message, values, time.monotonic())
                with self._lock:
                    self._live.on_report(report)


def _sync_status(message: SyncStatusMsg) -> SyncStatus:
    """Return the counters of a message; its fields have the same names."""
    cameras = tuple(
        CameraCounters(**{name: getattr(camera, name) for name in CameraCounters.__dataclass_fields__})
        for camera in message.cameras
    )
    own: dict[str, Any] = {
        name: getattr(message, name) for name in SyncStatus.__dataclass_fields__ if name != "cameras"
    }
    return SyncStatus(cameras=cameras, **own)


def _decoded(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), dtype=np.uint8)
