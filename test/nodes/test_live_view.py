"""The listening half of `egorear view live`, on a real graph."""

from collections.abc import Iterator
from threading import Event
from typing import Any

import numpy as np
import pytest
import rig_data
from harness import Graph

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.viewer.frame import Moment
from egorear_ros.viewer.library import ViewError

pytestmark = pytest.mark.ros
RIG = load_rig("ego4view_syn")
STEP_NS = 33_000_000


class Sender:
    """Publishes what a graph would."""

    def __init__(self, graph: Graph) -> None:
        from egorear_ros.msg import BodyPose
        from sensor_msgs.msg import CompressedImage

        from egorear_ros.bridge.qos import camera_qos, results_qos
        from egorear_ros.names import POSE_TOPIC, TRUTH_TOPIC, image_topic

        node = graph.tester
        self.pose = node.create_publisher(BodyPose, POSE_TOPIC, results_qos())
        self.truth = node.create_publisher(BodyPose, TRUTH_TOPIC, results_qos())
        self.images = {
            view: node.create_publisher(CompressedImage, image_topic(view), camera_qos()) for view in RIG.views
        }

    def all(self) -> list[Any]:
        return [self.pose, self.truth, *self.images.values()]

    def watched(self) -> bool:
        return all(publisher.get_subscription_count() for publisher in self.all())

    def send(self, stamp_ns: int, grey: int) -> None:
        from egorear_ros.bridge.images import compressed_from_frame
        from egorear_ros.bridge.messages import msg_from_body_pose
        from egorear_ros.structures import Frame

        for view, publisher in self.images.items():
            frame = Frame(view, stamp_ns, "jpeg", rig_data.jpeg(grey=grey))
            publisher.publish(compressed_from_frame(frame, view, 90))
        pose = rig_data.body_pose(stamp_ns)
        self.truth.publish(msg_from_body_pose(pose, "", "wearer", stamp_ns))
        self.pose.publish(msg_from_body_pose(pose, "", "wearer", stamp_ns + 40_000_000))


@pytest.fixture
def view(graph: Graph) -> Iterator[Any]:
    from egorear_ros.nodes.live_view import LiveView

    with LiveView(graph.namespace, 0.0) as listening:
        yield listening


def test_nothing_is_subscribed_to_while_nobody_looks(graph: Graph, view: Any) -> None:
    sender = Sender(graph)
    view.wait_for_poses(60.0, Event())
    assert not any(publisher.get_subscription_count() for publisher in sender.all())
    view.listen(RIG, lambda moment: None)
    graph.until(sender.watched, "the view listens to all topics")
    view.listen(RIG, None)
    graph.until(lambda: not any(one.get_subscription_count() for one in sender.all()), "the view stops listening")
    view.listen(RIG, lambda moment: None)
    graph.until(sender.watched, "the view listens again")


def test_a_pose_is_shown_with_the_images_of_its_moment(graph: Graph, view: Any) -> None:
    sender = Sender(graph)
    moments: list[Moment] = []
    view.listen(RIG, moments.append)
    graph.until(sender.watched, "the view listens")
    numbers = iter(range(1, 200))

    def whole() -> list[Moment]:
        number = next(numbers)
        sender.send(1_000_000_000 + number * STEP_NS, number)
        return [moment for moment in moments if len(moment.frames.frames) == 4 and moment.truth is not None]

    shown = graph.until(whole, "a moment with all images and the truth")[0]
    number = (shown.stamp_ns - 1_000_000_000) // STEP_NS
    for frame in shown.frames.frames.values():
        assert frame.stamp_ns == shown.stamp_ns
        assert frame.data == rig_data.jpeg(grey=number)
    np.testing.assert_allclose(shown.estimate.joints_device, rig_data.standing_device(), atol=1e-9)
    np.testing.assert_allclose(shown.truth, rig_data.standing_device(), atol=1e-9)
    assert shown.latency_ms["exposure to pose"] == pytest.approx(40.0, abs=0.01)


def test_a_graph_that_is_not_there_is_named(view: Any, graph: Graph) -> None:
    with pytest.raises(ViewError, match=rf"Nobody publishes {graph.namespace}/body_pose in ROS domain .*egorear run"):
        view.wait_for_poses(0.2, Event())


def test_the_synchronizer_is_asked_for_the_rig(graph: Graph, view: Any) -> None:
    import rclpy
    from rclpy.parameter import Parameter

    calib = Parameter("calib", Parameter.Type.STRING, "example_stereo_equidistant")
    sync = rclpy.create_node("sync", parameter_overrides=[calib], **graph.kwargs)
    sync.declare_parameter("calib", "")
    graph.add(sync)
    assert view.find_rig("").name == "example_stereo_equidistant"
    assert view.find_rig("ego4view_syn").views == RIG.views
