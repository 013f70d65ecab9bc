"""The `visual` node: skeletons as markers, and drawn over the camera images."""

import sys
import time
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import cv2
from rclpy.clock import Clock, ClockType
from rclpy.publisher import Publisher
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage
from visualization_msgs.msg import MarkerArray

from egorear_ros.bridge.diagnostics import Health, Level
from egorear_ros.bridge.handover import Handover
from egorear_ros.bridge.markers import ESTIMATE, TRUTH, delete_markers, skeleton_markers
from egorear_ros.bridge.messages import body_pose_from_msg, frame_set_from_msg
from egorear_ros.bridge.node import EgorearNode
from egorear_ros.bridge.process import run_node
from egorear_ros.bridge.qos import camera_qos, latched_qos, overridable, results_qos
from egorear_ros.bridge.stamps import time_from_ns
from egorear_ros.bridge.trail import TRAIL, Trail, camera_markers
from egorear_ros.config import VisualConfig
from egorear_ros.drawing.overlay import decode_bgr, draw_overlay
from egorear_ros.latest import LatestWorker
from egorear_ros.msg import BodyPose as BodyPoseMsg
from egorear_ros.msg import FrameSet as FrameSetMsg
from egorear_ros.names import CAMERA_MARKERS_TOPIC, RIG_FRAME, TRUTH_TOPIC, optical_frame
from egorear_ros.stamp_buffer import StampBuffer
from egorear_ros.structures import BodyPose, Estimate, Frame, FrameSet, TrackingState

JPEG_QUALITY = 85
# Poses of a slow model are seconds older than the images and truths they belong to: 5 s at 30 Hz.
KEPT_SETS = 150
KEPT_TRUTHS = 1000
PARTNER_WAIT_S = 0.1
"""How long a pose waits for the images and the truth of its moment, which take other ways."""

SLOW_MODEL_PATIENCE = 3.0
"""Markers live for at least this many latencies of the newest pose, so that a slow model's do not blink."""

LONGEST_PATIENCE_S = 30.0


@dataclass(frozen=True)
class _Moment:
    """A pose to show; its images where they came with it."""

    pose: BodyPose
    frames: FrameSet | None


@dataclass(frozen=True)
class _Partners:
    """What else is known of a pose's moment: the truth, and the images to draw it on."""

    truth: BodyPose | None
    frames: FrameSet | None


class VisualNode(EgorearNode[VisualConfig]):
    """Publish markers of `body_pose` and `ground_truth/body_pose`, and both drawn over the images.

    Estimate, truth and images of one moment are brought together by their exact stamp. Drawing happens
    in a thread of its own, on the newest pose.

    Args:
        handover: poses come through it, with their images, where the pose node is in this process.
        **kwargs: for `rclpy.node.Node`.
    """

    def __init__(self, handover: Handover | None = None, **kwargs: Any) -> None:
        super().__init__("visual", VisualConfig(), handover=handover, **kwargs)
        self._worker = LatestWorker(self._gather, self._show, self._on_failure, name="visual_draw")
        self._frames: StampBuffer[FrameSet] = StampBuffer(KEPT_SETS)
        self._truths: StampBuffer[BodyPose] = StampBuffer(KEPT_TRUTHS)
        self._frames_subscription: Subscription | None = None
        self._trail = Trail()

    def configure(self) -> None:
        """Create the topics."""
        self._marker_arrays = self.make_publisher(MarkerArray, "body_markers", results_qos())
        self._camera_arrays = self.make_publisher(MarkerArray, CAMERA_MARKERS_TOPIC, latched_qos())
        self._overlays: dict[str, Publisher] = {
            view: self.make_publisher(CompressedImage, f"{view}/overlay/compressed", camera_qos())
            for view in self.rig.views
        }
        self._images_come_along = self.receive_here("body_pose", self._on_estimate)
        if not self._images_come_along:
            on_pose = self._converted("body_pose", lambda pose: self._on_moment(_Moment(pose, None)))
            self.make_subscription(BodyPoseMsg, "body_pose", on_pose, results_qos())
        if not self.receive_here(TRUTH_TOPIC, self._on_truth):
            on_truth = self._converted("ground_truth/body_pose", self._on_truth)
            self.make_subscription(BodyPoseMsg, TRUTH_TOPIC, on_truth, results_qos())

    def activate(self) -> None:
        """Begin to draw."""
        self._arrays_published = self._overlays_published = 0
        cameras = camera_markers(self.rig, self.now_ns(), self.frame_id(RIG_FRAME))
        self._camera_arrays.publish(MarkerArray(markers=cameras))
        self._shown = False
        self._patience_s = self.config.lost_timeout_s
        self._last_pose_s = self._next_overlay_s = time.monotonic()
        self._worker.start()
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._loss_timer = self.create_timer(0.1, self._look_for_loss, clock=steady)
        self._watch_timer = self.create_timer(0.5, self._follow_watchers, clock=steady)

    def deactivate(self) -> None:
        """Stop drawing; the markers disappear."""
        self.destroy_timer(self._loss_timer)
        self.destroy_timer(self._watch_timer)
        self._worker.stop()
        self._listen_to_frames(False)
        self._forget()

    def reset(self) -> None:
        """Remove the markers, forget images and truths."""
        if self.active:
            self._worker.clear()
            self._forget()

    def health(self) -> Iterable[Health]:
        """Report what was drawn."""
        if self.active:
            values = {
                "marker arrays": self._arrays_published,
                "overlay images": self._overlays_published,
                "overlays watched": ", ".join(self._watched()) or "none",
                "poses skipped": self._worker.skipped,
            }
            yield Health("drawing", Level.OK, "showing a pose" if self._shown else "no pose to show", values)

    # What comes in

    def _converted(self, topic: str, receive: Callable[[BodyPose], None]) -> Callable[[BodyPoseMsg], None]:
        """Return a callback for messages that hands poses to `receive`, and refuses those it cannot draw."""
        expected = self.frame_id(RIG_FRAME)

        def on_message(message: BodyPoseMsg) -> None:
            if message.header.frame_id != expected:
                self.warn(
                    f"{topic} frame",
                    f"{topic} not drawn: it is in the frame {message.header.frame_id!r}; expected {expected!r}. "
                    "Give the node that sends it the frame_prefix of this one.",
                )
                return
            try:
                pose = body_pose_from_msg(message)
            except ValueError as error:
                self.warn(f"{topic} content", f"{topic} not drawn: {error}")
                return
            receive(pose)

        return on_message

    def _on_estimate(self, estimate: Estimate) -> None:
        self._on_moment(_Moment(estimate.pose, estimate.frames))

    def _on_moment(self, moment: _Moment) -> None:
        if self.running:
            age_s = (self.now_ns() - moment.pose.stamp_ns) * 1e-9
            self._patience_s = max(self.config.lost_timeout_s, min(SLOW_MODEL_PATIENCE * age_s, LONGEST_PATIENCE_S))
            self._last_pose_s = time.monotonic()
            self._worker.put(moment)

    def _on_truth(self, truth: BodyPose) -> None:
        if self.running:
            self._truths.add(truth.stamp_ns, truth)

    def _on_frame_set(self, message: FrameSetMsg) -> None:
        try:
            frames = frame_set_from_msg(message)
        except ValueError as error:
            self.warn("frame set", f"not drawn: {error}")
            return
        self._frames.add(frames.stamp_ns, frames)

    # What goes out, from the drawing thread

    def _gather(self, moment: _Moment) -> _Partners:
        """Wait a little for what belongs to a pose; after a reset the worker discards what comes of it."""
        stamp_ns = moment.pose.stamp_ns
        truth = self._truths.get(stamp_ns, PARTNER_WAIT_S)
        if not self._watched() or time.monotonic() < self._next_overlay_s:
            return _Partners(truth, None)
        # None: the first poses after somebody began to watch.
        return _Partners(truth, moment.frames or self._frames.get(stamp_ns, PARTNER_WAIT_S))

    def _show(self, moment: _Moment, partners: _Partners) -> None:
        self._publish_markers(moment.pose, partners.truth)
        frames = partners.frames
        if frames is None:
            return
        period_s = 1.0 / self.config.overlay_rate_hz
        self._next_overlay_s = max(self._next_overlay_s + period_s, time.monotonic())
        for view in self._watched():
            if view in frames.frames:
                self._publish_overlay(frames.frames[view], moment.pose, partners.truth)
        self._frames.forget_before(frames.stamp_ns)

    def _publish_markers(self, pose: BodyPose, truth: BodyPose | None) -> None:
        frame_id, width_m, lifetime_s = self.frame_id(RIG_FRAME), self.config.line_width_m, self._patience_s
        message = MarkerArray()
        if pose.state != TrackingState.LOST:
            message.markers += skeleton_markers(pose, frame_id, ESTIMATE, width_m, lifetime_s)
            if self.config.trail_s > 0:
                message.markers += self._trail.step(pose, frame_id, 0.5 * width_m, self.config.trail_s)
        elif self._shown:
            message.markers.append(delete_markers(pose.stamp_ns, frame_id, ESTIMATE))
        if truth is not None:
            message.markers += skeleton_markers(truth, frame_id, TRUTH, width_m, lifetime_s)
        self._shown = pose.state != TrackingState.LOST or truth is not None
        if message.markers:
            self._marker_arrays.publish(message)
            self._arrays_published += 1

    def _publish_overlay(self, frame: Frame, pose: BodyPose, truth: BodyPose | None) -> None:
        width = self.config.overlay_width
        try:
            image = decode_bgr(frame, width)
            overlay = draw_overlay(image, self.rig[frame.view], pose, truth, width)
        except ValueError as error:
            self.warn(f"overlay {frame.view}", f"no overlay for {frame.view}: {error}")
            return
        message = CompressedImage(format="jpeg")
        message.header.stamp = time_from_ns(frame.stamp_ns)
        message.header.frame_id = self.frame_id(optical_frame(frame.view))
        _, encoded = cv2.imencode(".jpg", overlay, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        message.data = array("B", encoded.tobytes())
        self._overlays[frame.view].publish(message)
        self._overlays_published += 1

    def _on_failure(self, moment: _Moment, error: Exception) -> None:
        self.warn(type(error).__name__, f"could not draw the pose of {moment.pose.stamp_ns * 1e-9:.3f} s: {error!r}")

    # Who watches, and what is over

    def _watched(self) -> list[str]:
        return [view for view, publisher in self._overlays.items() if publisher.get_subscription_count() > 0]

    def _follow_watchers(self) -> None:
        """Receive images from another process only while somebody looks at overlays."""
        if not self._images_come_along:
            self._listen_to_frames(bool(self._watched()))

    def _listen_to_frames(self, wanted: bool) -> None:
        if wanted and self._frames_subscription is None:
            self._frames_subscription = self.create_subscription(
                FrameSetMsg, "frame_set", self._on_frame_set, results_qos(), qos_overriding_options=overridable()
            )
        elif not wanted and self._frames_subscription is not None:
            self.destroy_subscription(self._frames_subscription)
            self._frames_subscription = None
            self._frames.clear()

    def _look_for_loss(self) -> None:
        if self._shown and time.monotonic() - self._last_pose_s > self._patience_s:
            self._delete_markers()

    def _forget(self) -> None:
        self._frames.clear()
        self._truths.clear()
        self._trail.forget()
        self._delete_markers()

    def _delete_markers(self) -> None:
        if self._shown:
            frame_id, now_ns = self.frame_id(RIG_FRAME), self.now_ns()
            markers = [delete_markers(now_ns, frame_id, namespace) for namespace in (ESTIMATE, TRUTH, TRAIL)]
            self._marker_arrays.publish(MarkerArray(markers=markers))
            self._shown = False


def main() -> None:
    """Run the node until Ctrl-C."""
    sys.exit(run_node(VisualNode))


if __name__ == "__main__":
    main()
