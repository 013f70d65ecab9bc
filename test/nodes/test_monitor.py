"""The watcher of `egorear status` and `egorear demo`, on a real graph."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import rig_data
from harness import Graph

pytestmark = pytest.mark.ros


@pytest.fixture
def monitor(graph: Graph) -> Iterator[Any]:
    from egorear_ros.nodes.monitor import Monitor

    with Monitor(graph.namespace) as watching:
        yield watching


@pytest.fixture
def send(graph: Graph) -> Callable[..., None]:
    """Publish a pose once the monitor listens."""
    from egorear_ros.msg import BodyPose

    from egorear_ros.bridge.messages import msg_from_body_pose
    from egorear_ros.bridge.qos import results_qos

    publishers = {
        topic: graph.tester.create_publisher(BodyPose, topic, results_qos())
        for topic in ("body_pose", "ground_truth/body_pose")
    }

    def publish(topic: str, stamp_ns: int, change: Callable[[Any], None] = lambda message: None) -> None:
        graph.until(publishers[topic].get_subscription_count, f"the monitor listens to {topic}")
        message = msg_from_body_pose(rig_data.body_pose(stamp_ns, model_id="net"), "", "wearer", stamp_ns + 50_000_000)
        change(message)
        publishers[topic].publish(message)

    return publish


def overlay(graph: Graph, view: str) -> Callable[[int, int], None]:
    from sensor_msgs.msg import CompressedImage

    from egorear_ros.bridge.qos import camera_qos
    from egorear_ros.bridge.stamps import time_from_ns

    publisher = graph.tester.create_publisher(CompressedImage, f"{view}/overlay/compressed", camera_qos())

    def publish(stamp_ns: int, grey: int) -> None:
        graph.until(publisher.get_subscription_count, "the monitor watches overlays")
        message = CompressedImage(format="jpeg", data=rig_data.jpeg(grey=grey))
        message.header.stamp = time_from_ns(stamp_ns)
        publisher.publish(message)

    return publish


def test_poses_and_truths_of_its_namespace_are_compared(graph: Graph, monitor: Any, send: Callable[..., None]) -> None:
    send("ground_truth/body_pose", 7)
    send("body_pose", 7)
    graph.until(lambda: monitor.snapshot().errors, "an error")
    snapshot = monitor.snapshot()
    assert (snapshot.poses, snapshot.truths, snapshot.model_id) == (1, 1, "net")
    assert snapshot.errors.mpjpe_mm == pytest.approx(0.0, abs=1e-3)
    assert snapshot.latency_p50_s == pytest.approx(0.05)


def test_diagnostics_of_other_namespaces_are_left_out(graph: Graph, monitor: Any) -> None:
    from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

    publisher = graph.tester.create_publisher(DiagnosticArray, "/diagnostics", 10)
    graph.until(publisher.get_subscription_count, "the monitor listens")
    values = [KeyValue(key="rate", value="3")]
    names = ["other/pose: state", "pose: state", f"{graph.namespace[1:]}/pose: state"]
    status = [DiagnosticStatus(level=b"\x01", name=name, message="hm", values=values) for name in names]
    publisher.publish(DiagnosticArray(status=status))
    graph.until(lambda: monitor.snapshot().reports, "diagnostics")
    (report,) = monitor.snapshot().reports
    assert (report.node, report.part, report.level) == (f"{graph.namespace[1:]}/pose", "state", 1)
    assert report.values == {"rate": "3"}


def test_a_pose_with_other_joints_is_reported_and_does_no_harm(
    graph: Graph, monitor: Any, send: Callable[..., None]
) -> None:
    def rename(message: Any) -> None:
        message.joint_names = [f"other_{name}" for name in message.joint_names]

    send("body_pose", 1, rename)
    graph.until(lambda: monitor.snapshot().reports, "a report")
    assert "skeleton" in monitor.snapshot().reports[0].message
    send("body_pose", 2)
    graph.until(lambda: monitor.snapshot().poses == 1, "the next pose")


def test_the_newest_moment_has_the_overlays_of_its_own_images(
    graph: Graph, monitor: Any, send: Callable[..., None]
) -> None:
    assert monitor.newest_moment() is None
    views = rig_data.VIEWS[:2]
    monitor.watch_overlays(views)
    publish = {view: overlay(graph, view) for view in views}
    for stamp_ns in (10, 20, 30):
        send("ground_truth/body_pose", stamp_ns)
        send("body_pose", stamp_ns)

    def complete() -> Any:
        # Images are sent again, because nobody repeats one that came before the connection was there.
        for index, view in enumerate(views):
            publish[view](10, 100 + index)
            publish[view](20, 200 + index)
        publish[views[0]](30, 30)
        moment = monitor.newest_moment()
        return moment if moment and len(moment[2]) == 2 and monitor.snapshot().poses == 3 else None

    pose, truth, overlays = graph.until(complete, "a moment with both overlays")
    assert pose.stamp_ns == truth.stamp_ns == 20
    for index, view in enumerate(views):
        assert abs(int(np.median(overlays[view])) - (200 + index)) <= 1
        assert overlays[view].shape == (64, 64, 3)
