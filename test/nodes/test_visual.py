"""The visual node in a real graph: markers of a moment, overlays for those who watch."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import rig_data
from harness import Graph

from egorear_ros.structures import BodyPose, Estimate, FrameSet, TrackingState

pytest.importorskip("rclpy")
pytestmark = pytest.mark.ros

S = 10**9


class VisualGraph:
    """A visual node with publishers of what it draws, and what it publishes."""

    def __init__(self, graph: Graph, parameters: Mapping[str, Any] | None = None, handover: Any = None) -> None:
        from egorear_ros.msg import BodyPose as BodyPoseMsg
        from egorear_ros.msg import FrameSet as FrameSetMsg
        from rclpy.parameter import Parameter
        from visualization_msgs.msg import MarkerArray

        from egorear_ros.bridge.qos import results_qos
        from egorear_ros.nodes.visual import VisualNode

        self.graph = graph
        self.arrays = graph.listen(MarkerArray, "body_markers", results_qos())
        # Markers of a pose stay while the test is busy, unless it is about their end.
        given = {"lost_timeout_s": 60.0, **(parameters or {})}
        overrides = [Parameter(name, value=value) for name, value in given.items()]
        self.node = graph.add(VisualNode(handover=handover, parameter_overrides=overrides, **graph.kwargs))
        tester = graph.tester
        self._poses = tester.create_publisher(BodyPoseMsg, "body_pose", results_qos())
        self._truths = tester.create_publisher(BodyPoseMsg, "ground_truth/body_pose", results_qos())
        self.sets = tester.create_publisher(FrameSetMsg, "frame_set", results_qos())
        publishers = [self._poses, self._truths] if handover is None else [self._truths]
        graph.until(
            lambda: self.node.active and all(one.get_subscription_count() for one in publishers), "visual is active"
        )

    def now_ns(self) -> int:
        return int(self.graph.tester.get_clock().now().nanoseconds)

    def send_pose(self, pose: BodyPose, change: Callable[[Any], None] = lambda message: None) -> None:
        message = self._message(pose)
        change(message)
        self._poses.publish(message)

    def send_truth(self, pose: BodyPose) -> None:
        """Publish the truth and wait until visual has it: a pose waits only a little for its truth."""
        self._truths.publish(self._message(pose))
        self.graph.until(lambda: self.node._truths.get(pose.stamp_ns) is not None, "the truth arrives")

    def send_set(self, frames: FrameSet) -> None:
        from egorear_ros.bridge.messages import msg_from_frame_set

        self.sets.publish(msg_from_frame_set(frames, ""))
        self.graph.until(lambda: self.node._frames.get(frames.stamp_ns) is not None, "the images arrive")

    def watch(self, view: str) -> list[Any]:
        """Subscribe to an overlay and wait until images can come."""
        from sensor_msgs.msg import CompressedImage

        from egorear_ros.bridge.qos import camera_qos

        overlays = self.graph.listen(CompressedImage, f"{view}/overlay/compressed", camera_qos())
        self.graph.until(lambda: view in self.node._watched(), f"{view} is watched")
        return overlays

    def markers(self) -> dict[tuple[str, int], Any]:
        """Return the newest marker by namespace and id."""
        return {(one.ns, one.id): one for array in self.arrays for one in array.markers}

    def _message(self, pose: BodyPose) -> Any:
        from egorear_ros.bridge.messages import msg_from_body_pose

        return msg_from_body_pose(pose, self.node.config.frame_prefix, "wearer", self.now_ns())


def test_estimate_and_truth_of_one_moment_come_as_four_list_markers(graph: Graph) -> None:
    visual = VisualGraph(graph, {"frame_prefix": "alice/"})
    stamp_ns = visual.now_ns()
    visual.send_truth(rig_data.body_pose(stamp_ns - S, model_id="ground_truth"))
    visual.send_truth(rig_data.body_pose(stamp_ns, model_id="ground_truth"))
    visual.send_pose(rig_data.body_pose(stamp_ns))
    array = graph.until(lambda: visual.arrays and visual.arrays[0], "markers")
    assert [(one.ns, one.id) for one in array.markers] == [
        ("estimate", 0),
        ("estimate", 1),
        ("ground_truth", 0),
        ("ground_truth", 1),
    ]
    assert {one.header.frame_id for one in array.markers} == {"alice/rig_link"}
    assert {one.header.stamp.sec * S + one.header.stamp.nanosec for one in array.markers} == {stamp_ns}


def test_poses_that_cannot_be_drawn_are_refused_and_said_once_per_cause(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    visual = VisualGraph(graph, {"frame_prefix": "alice/"})
    said: list[str] = []
    monkeypatch.setattr(visual.node.warn, "_log", said.append)
    monkeypatch.setattr(visual.node.warn, "_period_s", 3600.0)

    def other_frame(message: Any) -> None:
        message.header.frame_id = "map"

    def too_few(message: Any) -> None:
        message.confidences = list(message.confidences)[:3]

    stamp_ns = visual.now_ns()
    for change in (other_frame, other_frame, too_few, too_few):
        visual.send_pose(rig_data.body_pose(stamp_ns), change)
    graph.until(lambda: visual.node.warn.total == 4, "four warnings")
    assert len(said) == 2
    assert all(words in said[0] for words in ("body_pose", "'map'", "'alice/rig_link'", "frame_prefix"))
    assert "3 confidences; expected 16" in said[1]
    assert visual.arrays == []
    visual.send_pose(rig_data.body_pose(stamp_ns + S))
    header = graph.until(lambda: visual.arrays, "the markers of a good pose")[0].markers[0].header
    assert header.stamp.sec * S + header.stamp.nanosec == stamp_ns + S


def test_truth_of_another_moment_is_not_shown(graph: Graph) -> None:
    visual = VisualGraph(graph)
    stamp_ns = visual.now_ns()
    visual.send_truth(rig_data.body_pose(stamp_ns + 1, model_id="ground_truth"))
    visual.send_pose(rig_data.body_pose(stamp_ns))
    graph.until(lambda: visual.arrays, "markers")
    assert {one.ns for one in visual.arrays[0].markers} == {"estimate"}


def test_markers_are_deleted_once_when_poses_stop(graph: Graph) -> None:
    from visualization_msgs.msg import Marker

    visual = VisualGraph(graph, {"lost_timeout_s": 0.3})
    visual.send_pose(rig_data.body_pose(visual.now_ns()))
    graph.until(lambda: len(visual.arrays) == 2, "markers and their removal")
    time.sleep(0.5)
    assert [one.action for one in visual.arrays[0].markers] == [Marker.ADD] * 2
    assert [one.action for one in visual.arrays[1].markers] == [Marker.DELETEALL] * 3
    assert len(visual.arrays) == 2


def test_markers_of_a_slow_model_do_not_blink(graph: Graph) -> None:
    from visualization_msgs.msg import Marker

    visual = VisualGraph(graph, {"lost_timeout_s": 0.1})
    for _ in range(3):
        visual.send_pose(rig_data.body_pose(visual.now_ns() - 5 * S))
        time.sleep(0.5)
    assert {one.action for array in visual.arrays for one in array.markers} == {Marker.ADD}
    assert visual.arrays[0].markers[0].lifetime.sec >= 15


def test_a_lost_pose_removes_the_estimate_at_once_and_keeps_the_truth(graph: Graph) -> None:
    from visualization_msgs.msg import Marker

    visual = VisualGraph(graph)
    stamp_ns = visual.now_ns()
    for moment_ns in (stamp_ns, stamp_ns + 1):
        visual.send_truth(rig_data.body_pose(moment_ns, model_id="ground_truth"))
    visual.send_pose(rig_data.body_pose(stamp_ns))
    graph.until(lambda: len(visual.arrays) == 1, "markers")
    visual.send_pose(rig_data.body_pose(stamp_ns + 1, TrackingState.LOST))
    graph.until(lambda: len(visual.arrays) == 2, "removal")
    assert [(one.ns, one.action) for one in visual.arrays[1].markers] == [
        ("estimate", Marker.DELETEALL),
        ("ground_truth", Marker.ADD),
        ("ground_truth", Marker.ADD),
    ]


def test_a_reset_removes_markers_and_forgets_truths(graph: Graph) -> None:
    from std_srvs.srv import Trigger
    from visualization_msgs.msg import Marker

    visual = VisualGraph(graph)
    stamp_ns = visual.now_ns()
    visual.send_truth(rig_data.body_pose(stamp_ns, model_id="ground_truth"))
    visual.send_pose(rig_data.body_pose(stamp_ns))
    graph.until(lambda: visual.arrays, "markers")
    assert graph.call(Trigger, "visual/reset", Trigger.Request()).success
    graph.until(lambda: len(visual.arrays) == 2, "removal")
    assert visual.arrays[1].markers[0].action == Marker.DELETEALL
    visual.send_pose(rig_data.body_pose(stamp_ns))
    graph.until(lambda: len(visual.arrays) == 3, "markers again")
    assert {one.ns for one in visual.arrays[2].markers} == {"estimate"}


def test_a_pose_that_waits_for_its_truth_is_forgotten_by_a_reset(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    from std_srvs.srv import Trigger

    monkeypatch.setattr("egorear_ros.nodes.visual.PARTNER_WAIT_S", 120.0)

    visual = VisualGraph(graph)
    stamp_ns = visual.now_ns()
    visual.send_truth(rig_data.body_pose(stamp_ns, model_id="ground_truth"))
    visual.send_pose(rig_data.body_pose(stamp_ns))
    graph.until(lambda: visual.arrays, "markers")
    visual.send_pose(rig_data.body_pose(stamp_ns + S))
    assert graph.call(Trigger, "visual/reset", Trigger.Request()).success
    graph.until(lambda: len(visual.arrays) == 2, "removal")
    visual.send_pose(rig_data.body_pose(stamp_ns + 2 * S))
    graph.until(lambda: len(visual.arrays) == 3, "the next pose")
    header = visual.arrays[2].markers[0].header
    assert header.stamp.sec * S + header.stamp.nanosec == stamp_ns + 2 * S


def test_overlays_are_drawn_for_watched_views_only_on_the_image_of_the_pose(graph: Graph) -> None:
    visual = VisualGraph(graph, {"overlay_width": 200})
    overlays = visual.watch("front_right")
    graph.until(lambda: visual.sets.get_subscription_count() > 0, "images are received")
    stamp_ns = visual.now_ns()
    visual.send_set(rig_data.frame_set(stamp_ns - S))
    visual.send_set(rig_data.frame_set(stamp_ns, skew_ns=5))
    visual.send_set(rig_data.frame_set(stamp_ns + S))
    visual.send_pose(rig_data.body_pose(stamp_ns))
    graph.until(lambda: overlays, "an overlay")
    header = overlays[0].header
    assert header.frame_id == "front_right_optical"
    assert header.stamp.sec * S + header.stamp.nanosec == stamp_ns + 5
    assert overlays[0].format == "jpeg"
    image = cv2.imdecode(np.frombuffer(bytes(overlays[0].data), np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (200, 200, 3)
    graph.until(lambda: visual.node._overlays_published == 1, "its count")


def test_images_are_received_only_while_somebody_watches(graph: Graph) -> None:
    from sensor_msgs.msg import CompressedImage

    from egorear_ros.bridge.qos import camera_qos

    visual = VisualGraph(graph)
    time.sleep(0.7)
    assert visual.sets.get_subscription_count() == 0
    for _ in range(2):
        watcher = graph.tester.create_subscription(CompressedImage, "back_left/overlay/compressed", print, camera_qos())
        graph.until(lambda: visual.sets.get_subscription_count() == 1, "images are received")
        graph.tester.destroy_subscription(watcher)
        graph.until(lambda: visual.sets.get_subscription_count() == 0, "images are not received any more")


def test_overlays_keep_to_their_rate(graph: Graph) -> None:
    from egorear_ros.bridge.handover import Handover

    handover = Handover()
    topic = f"{graph.namespace}/body_pose"
    handover.offer(topic)
    rate_hz = 2.0
    visual = VisualGraph(graph, {"overlay_rate_hz": rate_hz, "overlay_width": 64}, handover)
    overlays = visual.watch("back_right")
    start = time.monotonic()

    def four_come() -> bool:
        stamp_ns = visual.now_ns()
        handover.publish(topic, Estimate(rig_data.body_pose(stamp_ns), rig_data.frame_set(stamp_ns)))
        return len(overlays) >= 4

    graph.until(four_come, "overlays")
    count = len(overlays)
    elapsed_s = time.monotonic() - start
    assert count <= rate_hz * elapsed_s + 2
    assert len(visual.arrays) > 2 * count


def test_a_damaged_image_costs_its_own_overlay_only(graph: Graph) -> None:
    from egorear_ros.bridge.handover import Handover

    handover = Handover()
    topic = f"{graph.namespace}/body_pose"
    handover.offer(topic)
    visual = VisualGraph(graph, handover=handover)
    damaged, good = visual.watch("front_left"), visual.watch("back_right")
    frames = rig_data.frame_set(visual.now_ns())
    frame = frames.frames["front_left"]
    broken = {**frames.frames, "front_left": type(frame)("front_left", frame.stamp_ns, "jpeg", b"\xff\xd8nothing")}
    handover.publish(
        topic, Estimate(rig_data.body_pose(frames.stamp_ns), FrameSet(frames.stamp_ns, frames.views, broken))
    )
    graph.until(lambda: good, "the overlay of the good view")
    assert damaged == []
    assert visual.node.warn.total == 1


def test_wrists_and_ankles_leave_a_trail(graph: Graph) -> None:
    visual = VisualGraph(graph, {"trail_s": 1.5})
    stamp_ns = visual.now_ns()
    for number in range(2):
        pose = rig_data.body_pose(stamp_ns + number * S // 10)
        visual.send_pose(replace(pose, joints_device=pose.joints_device + 0.1 * number))
        graph.until(lambda number=number: len(visual.arrays) == number + 1, "markers")
    assert "trail" not in {one.ns for one in visual.arrays[0].markers}
    (trail,) = [one for one in visual.arrays[1].markers if one.ns == "trail"]
    assert len(trail.points) == 8
    assert trail.lifetime.sec == 1


def test_a_trail_can_be_switched_off(graph: Graph) -> None:
    visual = VisualGraph(graph, {"trail_s": 0.0})
    stamp_ns = visual.now_ns()
    for number in range(2):
        visual.send_pose(rig_data.body_pose(stamp_ns + number * S // 10))
        graph.until(lambda number=number: len(visual.arrays) == number + 1, "markers")
    assert {one.ns for array in visual.arrays for one in array.markers} == {"estimate"}


def test_cameras_are_there_for_those_who_come_late(graph: Graph) -> None:
    from visualization_msgs.msg import MarkerArray

    from egorear_ros.bridge.qos import latched_qos

    visual = VisualGraph(graph)
    heard = graph.listen(MarkerArray, "camera_markers", latched_qos())
    cameras = graph.until(lambda: heard and heard[0].markers, "the cameras")
    assert [(one.ns, one.id) for one in cameras] == [("cameras", number) for number in range(4)]
    assert {one.header.frame_id for one in cameras} == {visual.node.frame_id("rig_link")}
