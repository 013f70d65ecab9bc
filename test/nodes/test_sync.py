"""The sync node in a real graph."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.ros
pytest.importorskip("rclpy")
pytest.importorskip("egorear_ros.msg")

import cv2  # noqa: E402
from egorear_ros.msg import FrameSet as FrameSetMsg  # noqa: E402
from egorear_ros.msg import SyncStatus as SyncStatusMsg  # noqa: E402
from rcl_interfaces.srv import SetParameters  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402
from std_srvs.srv import SetBool, Trigger  # noqa: E402

from egorear_ros.bridge.handover import Handover  # noqa: E402
from egorear_ros.bridge.images import compressed_from_frame  # noqa: E402
from egorear_ros.bridge.messages import frame_set_from_msg  # noqa: E402
from egorear_ros.bridge.qos import camera_qos, results_qos  # noqa: E402
from egorear_ros.bridge.stamps import time_from_ns  # noqa: E402
from egorear_ros.nodes.sync import SyncNode  # noqa: E402
from egorear_ros.structures import Frame  # noqa: E402

VIEWS = ("front_left", "front_right", "back_left", "back_right")
JPEG = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
PERIOD_NS = 33_333_333
WAIT_MS = 10_000.0
"""Long enough that a busy machine brings all images of a moment; complete sets do not wait."""


class Rig:
    """Four cameras that the test works by hand."""

    def __init__(self, graph: Any, qos: Any = None) -> None:
        self.publishers = {
            view: graph.tester.create_publisher(CompressedImage, f"{view}/image_raw/compressed", qos or camera_qos())
            for view in VIEWS
        }
        self._graph = graph

    def connect(self) -> None:
        ready = [one.get_subscription_count for one in self.publishers.values()]
        self._graph.until(lambda: all(count() >= 1 for count in ready), "cameras and sync see each other")

    def expose(self, stamp_ns: int, views: Iterable[str] = VIEWS, data: bytes = JPEG) -> None:
        for view in views:
            frame = Frame(view, stamp_ns, "jpeg", data)
            self.publishers[view].publish(compressed_from_frame(frame, f"{view}_optical", 90))


def make(graph: Any, handover: Handover | None = None, **values: Any) -> SyncNode:
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    node = graph.add(SyncNode(handover, parameter_overrides=overrides, **graph.kwargs))
    graph.until(lambda: node.active, "active")
    return node


def now_ns(graph: Any) -> int:
    return int(graph.tester.get_clock().now().nanoseconds)


def test_images_become_frame_sets(graph: Any) -> None:
    heard = graph.listen(FrameSetMsg, "frame_set", results_qos())
    rig = Rig(graph)
    node = make(graph, max_wait_ms=WAIT_MS)
    rig.connect()
    graph.until(lambda: graph.tester.count_subscribers(f"{graph.namespace}/frame_set"), "listener")
    stamps = [now_ns(graph) + index * PERIOD_NS for index in range(5)]
    for stamp_ns in stamps:
        rig.expose(stamp_ns)
        time.sleep(0.02)
    graph.until(lambda: len(heard) == 5, "five sets")
    sets = [frame_set_from_msg(message) for message in heard]
    assert [one.stamp_ns for one in sets] == stamps
    assert all(one.views == VIEWS and one.mask == (True,) * 4 for one in sets)
    assert sets[0].frames["back_left"].data == JPEG
    assert node.health()


def test_a_missing_view_is_waited_for_and_then_left_out(graph: Any) -> None:
    heard = graph.listen(FrameSetMsg, "frame_set", results_qos())
    rig = Rig(graph)
    make(graph, max_wait_ms=1000.0)
    rig.connect()
    stamp_ns = now_ns(graph)
    rig.expose(stamp_ns, VIEWS[:3])
    message = graph.until(lambda: heard and heard[0], "a set without the view")
    assert list(message.rig_views) == list(VIEWS) and list(message.views) == list(VIEWS[:3])
    assert now_ns(graph) - stamp_ns >= 1_000_000_000


def test_status_counts_sets_and_frames(graph: Any) -> None:
    statuses = graph.listen(SyncStatusMsg, "sync_status", results_qos())
    rig = Rig(graph)
    make(graph, max_wait_ms=1000.0)
    rig.connect()
    stamp_ns = now_ns(graph)
    rig.expose(stamp_ns)
    rig.expose(stamp_ns + PERIOD_NS, VIEWS[:2])
    rig.expose(stamp_ns + 2 * PERIOD_NS, VIEWS[:1])

    def counted() -> bool:
        newest = statuses[-1] if statuses else None
        return newest is not None and (newest.complete_sets, newest.partial_sets, newest.dropped_sets) == (1, 1, 1)

    graph.until(counted, "one of each")
    cameras = {camera.view: camera for camera in statuses[-1].cameras}
    assert list(cameras) == list(VIEWS)
    assert [cameras[view].received for view in VIEWS] == [3, 2, 1, 1]
    assert cameras["front_left"].used == 2 and cameras["front_left"].unmatched == 1


def test_frames_and_sets_are_handed_over_as_objects(graph: Any) -> None:
    handover, got = Handover(), []
    topics = {view: f"{graph.namespace}/{view}/image_raw/compressed" for view in VIEWS}
    for view in VIEWS[:3]:
        handover.offer(topics[view])
    make(graph, handover, max_wait_ms=WAIT_MS)
    handover.subscribe(f"{graph.namespace}/frame_set", got.append)
    # Three cameras are in this process, the fourth in another: only that one is subscribed to.
    assert [graph.tester.count_subscribers(topics[view]) for view in VIEWS] == [0, 0, 0, 1]
    rig = Rig(graph)
    graph.until(rig.publishers[VIEWS[3]].get_subscription_count, "connection")
    stamp_ns = now_ns(graph)
    frames = [Frame(view, stamp_ns, "rgb8", np.zeros((4, 4, 3), np.uint8)) for view in VIEWS[:3]]
    for frame in frames:
        handover.publish(topics[frame.view], frame)
    rig.expose(stamp_ns, VIEWS[3:])
    frame_set = graph.until(lambda: got and got[0], "a set")
    assert all(frame_set.frames[frame.view] is frame for frame in frames)
    assert frame_set.frames[VIEWS[3]].data == JPEG


def test_raw_images(graph: Any) -> None:
    heard = graph.listen(FrameSetMsg, "frame_set", results_qos())
    publishers = {view: graph.tester.create_publisher(Image, f"{view}/image_raw", camera_qos()) for view in VIEWS}
    make(graph, transport="raw", max_wait_ms=WAIT_MS)
    graph.until(lambda: all(one.get_subscription_count() for one in publishers.values()), "connection")
    message = Image(width=8, height=4, encoding="bgr8", step=24, data=np.full(96, 200, np.uint8).tobytes())
    message.header.stamp = time_from_ns(now_ns(graph))
    for publisher in publishers.values():
        publisher.publish(message)
    frames = frame_set_from_msg(graph.until(lambda: heard and heard[0], "a set"))
    decoded = cv2.imdecode(np.frombuffer(frames.frames["front_left"].data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (4, 8, 3) and abs(int(decoded.mean()) - 200) <= 2


def test_an_unreadable_image_costs_only_itself(graph: Any) -> None:
    heard = graph.listen(FrameSetMsg, "frame_set", results_qos())
    rig = Rig(graph)
    node = make(graph, max_wait_ms=1000.0)
    rig.connect()
    stamp_ns = now_ns(graph)
    rig.expose(stamp_ns, VIEWS[1:])
    rig.publishers["front_left"].publish(CompressedImage(format="h264", data=b"\0\0\0\1"))
    message = graph.until(lambda: heard and heard[0], "a set without it")
    assert list(message.views) == list(VIEWS[1:])
    graph.until(lambda: node.warn.total, "a warning")
    assert node.warn.total == 1


def camera_health(node: SyncNode, view: str) -> Any:
    return next(one for one in node.health() if one.part == f"camera {view}")


def test_a_silent_camera_is_named_with_the_reason(graph: Any) -> None:
    node = make(graph, stall_timeout_s=0.5)
    graph.until(lambda: camera_health(node, "back_left").level == 2, "an error")
    text = camera_health(node, "back_left").message
    for words in (
        "back_left",
        f"{graph.namespace}/back_left/image_raw/compressed",
        "nobody publishes",
        "camera_back_left",
    ):
        assert words in text
    rig = Rig(graph)
    rig.connect()

    def heard_again() -> bool:
        rig.expose(now_ns(graph))
        return bool(camera_health(node, "back_left").level == 0)

    graph.until(heard_again, "no error")


def test_a_camera_that_stops_is_named(graph: Any) -> None:
    rig = Rig(graph)
    node = make(graph, stall_timeout_s=1.5)
    rig.connect()

    def three_of_four() -> bool:
        rig.expose(now_ns(graph), VIEWS[:3])
        time.sleep(0.02)
        levels = [camera_health(node, view).level for view in VIEWS]
        return levels == [0, 0, 0, 2]

    rig.expose(now_ns(graph))
    graph.until(three_of_four, "an error of this camera only")
    assert "publisher, but nothing comes" in camera_health(node, "back_right").message


def test_incompatible_qos_is_the_reason_given(graph: Any) -> None:
    rig = Rig(graph)  # best effort
    override = f"qos_overrides.{graph.namespace}/front_left/image_raw/compressed.subscription.reliability"
    node = make(graph, stall_timeout_s=0.5, **{override: "reliable"})

    def explained() -> bool:
        rig.expose(now_ns(graph))
        time.sleep(0.02)
        return "best effort publisher and reliable subscription" in camera_health(node, "front_left").message

    graph.until(explained, "the reason")
    assert f"{graph.namespace}/tester" in camera_health(node, "front_left").message


def test_stamps_that_never_fit_are_explained(graph: Any) -> None:
    rig = Rig(graph)
    node = make(graph, max_wait_ms=20.0)
    rig.connect()

    def explained() -> bool:
        for _ in range(5):  # health compares with the last time that anybody asked, the node's diagnostics included
            stamp_ns = now_ns(graph)
            rig.expose(stamp_ns, VIEWS[:3])
            rig.expose(stamp_ns - 15_000_000, VIEWS[3:])
            time.sleep(0.05)
        part = camera_health(node, "back_right")
        return part.level == 1 and "tolerance_ms" in part.message

    graph.until(explained, "the reason")


def test_backward_time_jump_clears_what_waits(graph: Any) -> None:
    heard = graph.listen(FrameSetMsg, "frame_set", results_qos())
    statuses = graph.listen(SyncStatusMsg, "sync_status", results_qos())
    clock = graph.tester.create_publisher(Clock, "/clock", results_qos())
    rig = Rig(graph)
    node = make(graph, use_sim_time=True, max_wait_ms=10_000.0)
    rig.connect()

    def at(second: int) -> None:
        def sent() -> bool:
            clock.publish(Clock(clock=time_from_ns(second * 10**9)))
            return bool(node.now_ns() == second * 10**9)

        graph.until(sent, f"time {second}")

    at(100)
    rig.expose(100 * 10**9, VIEWS[:3])
    graph.until(lambda: statuses and [one.received for one in statuses[-1].cameras] == [1, 1, 1, 0], "frames wait")
    at(50)
    for index in range(5):
        rig.expose(50 * 10**9 + index * PERIOD_NS)
    graph.until(lambda: len(heard) >= 5, "sets after the jump")
    assert all(message.header.stamp.sec == 50 and len(message.views) == 4 for message in heard)
    graph.until(lambda: statuses[-1].resets >= 1, "a reset is counted")


def set_parameter(graph: Any, name: str, value: Any) -> Any:
    request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
    return graph.call(SetParameters, f"{graph.namespace}/sync/set_parameters", request).results[0]


def test_limits_change_while_it_runs(graph: Any) -> None:
    heard = graph.listen(FrameSetMsg, "frame_set", results_qos())
    rig = Rig(graph)
    make(graph, max_wait_ms=10_000.0)
    rig.connect()
    too_many = set_parameter(graph, "min_views", 5)
    assert not too_many.successful and "4 views" in too_many.reason
    rig.expose(now_ns(graph), VIEWS[:3])
    time.sleep(0.2)
    assert not heard
    assert set_parameter(graph, "max_wait_ms", 10.0).successful
    graph.until(lambda: heard, "the set that waited")


def test_disabled_it_takes_nothing_and_reset_forgets(graph: Any) -> None:
    heard = graph.listen(FrameSetMsg, "frame_set", results_qos())
    rig = Rig(graph)
    node = make(graph, max_wait_ms=WAIT_MS)
    rig.connect()
    rig.expose(now_ns(graph), VIEWS[:3])
    graph.until(
        lambda: [camera_health(node, view).values["received"] for view in VIEWS[:3]] == [1, 1, 1], "frames wait"
    )
    assert not heard
    graph.call(Trigger, f"{graph.namespace}/sync/reset", Trigger.Request())
    assert set_parameter(graph, "max_wait_ms", 10.0).successful  # what still waited would go out now
    graph.call(SetBool, f"{graph.namespace}/sync/enable", SetBool.Request(data=False))
    rig.expose(now_ns(graph))
    time.sleep(0.5)
    assert not heard and not node.running
    assert set_parameter(graph, "max_wait_ms", WAIT_MS).successful
    graph.call(SetBool, f"{graph.namespace}/sync/enable", SetBool.Request(data=True))
    stamp_ns = now_ns(graph)
    rig.expose(stamp_ns)
    graph.until(lambda: heard, "a set again")
    assert [frame_set_from_msg(message).stamp_ns for message in heard] == [stamp_ns]


def test_two_views_are_enough(graph: Any, tmp_path: Path) -> None:
    from egorear_ros.geometry.rig_file import load_rig, save_rig

    path = tmp_path / "front.yaml"
    save_rig(load_rig("ego4view_syn").select(("front_left", "front_right")), path)
    heard = graph.listen(FrameSetMsg, "frame_set", results_qos())
    rig = Rig(graph)
    make(graph, calib=str(path), max_wait_ms=WAIT_MS)
    graph.until(rig.publishers["front_right"].get_subscription_count, "connection")
    rig.expose(now_ns(graph))
    assert list(graph.until(lambda: heard and heard[0], "a set").rig_views) == ["front_left", "front_right"]
