"""Recording a real graph."""

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import rig_data
from harness import Graph

from egorear_ros.bags.bag import open_bag
from egorear_ros.bags.base import BagError, Topic
from egorear_ros.bags.profiles import CAMERA
from egorear_ros.bags.recording import Recording
from egorear_ros.bags.typestore import BODY_POSE, COMPRESSED_IMAGE

IMAGES = Topic("/front_left/image_raw/compressed", COMPRESSED_IMAGE)


def image_publisher(graph: Graph, topic: str) -> Any:
    from sensor_msgs.msg import CompressedImage

    from egorear_ros.bridge.qos import camera_qos

    return graph.tester.create_publisher(CompressedImage, topic, camera_qos())


@pytest.mark.ros
def test_every_message_of_the_graph_is_in_the_recording_as_it_was_sent(graph: Graph, tmp_path: Path) -> None:
    from egorear_ros.msg import BodyPose
    from rclpy.serialization import deserialize_message
    from sensor_msgs.msg import CompressedImage

    from egorear_ros.bridge.messages import msg_from_body_pose
    from egorear_ros.bridge.qos import latched_qos
    from egorear_ros.bridge.stamps import time_from_ns
    from egorear_ros.nodes.recorder import Recorder

    images = image_publisher(graph, "front_left/image_raw/compressed")
    overlays = image_publisher(graph, "front_left/overlay/compressed")
    elsewhere = image_publisher(graph, "/somebody_else/front_left/image_raw/compressed")
    # A latched topic that was published before the recording began is part of it.
    latched = graph.tester.create_publisher(BodyPose, "ground_truth/body_pose", latched_qos())
    latched.publish(msg_from_body_pose(rig_data.body_pose(5, model_id="net"), "", "wearer", 50))
    sent = []
    with Recorder(tmp_path / "bag", graph.namespace) as recorder:
        graph.until(images.get_subscription_count, "the recorder listens to images")
        for index in range(20):
            message = CompressedImage(format="jpeg", data=rig_data.jpeg(grey=10 * index))
            message.header.stamp = time_from_ns(1000 + index)
            sent.append(message)
            images.publish(message)
        graph.until(lambda: sum(recorder.counts().values()) == 21, "all messages are written")
        assert not overlays.get_subscription_count()
        assert not elsewhere.get_subscription_count()
    with open_bag(tmp_path / "bag") as bag:
        assert not bag.problems
        assert bag.declared == 21
        messages = list(bag.messages())
    names = {message.topic.name for message in messages}
    assert names == {f"{graph.namespace}/front_left/image_raw/compressed", f"{graph.namespace}/ground_truth/body_pose"}
    images_back = [message.data for message in messages if message.topic.type == COMPRESSED_IMAGE]
    assert [deserialize_message(data, CompressedImage) for data in images_back] == sent
    assert sum(message.topic.type == BODY_POSE for message in messages) == 1


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_recording_ends_before_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Recording(tmp_path / "bag") as recording:
        for index in range(100):
            recording.write(IMAGES, CAMERA, index, bytes(64))
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100, 99, 1))
        with pytest.raises(BagError, match=r"bag: less than 50 MB are free.*complete up to here"):
            recording.write(IMAGES, CAMERA, 100, bytes(64))
    with open_bag(tmp_path / "bag") as bag:
        assert len(list(bag.messages())) == 100
        assert not bag.problems


def test_a_recording_replaces_nothing(tmp_path: Path) -> None:
    (tmp_path / "bag").mkdir()
    with pytest.raises(BagError, match=r"bag exists\. Choose another name"):
        Recording(tmp_path / "bag")
    (tmp_path / "file").write_text("")
    with pytest.raises(BagError, match=r"file/bag: the folder .*file cannot be made: "):
        Recording(tmp_path / "file" / "bag")


def test_folders_above_a_recording_are_made(tmp_path: Path) -> None:
    with Recording(tmp_path / "out" / "today" / "bag") as recording:
        recording.write(IMAGES, CAMERA, 1, bytes(64))
    with open_bag(tmp_path / "out" / "today" / "bag") as bag:
        assert len(list(bag.messages())) == 1


def test_what_was_recorded_before_a_crash_can_be_read(tmp_path: Path) -> None:
    """The files as they are in the middle of a recording, without an index."""
    with Recording(tmp_path / "bag") as recording:
        for index in range(3000):
            recording.write(IMAGES, CAMERA, index, bytes([index % 256]) * 2000)
        shutil.copytree(tmp_path / "bag", tmp_path / "crashed")
    with open_bag(tmp_path / "crashed") as bag:
        kept = list(bag.messages())
        assert bag.problems
    assert len(kept) > 1500
    assert [message.log_ns for message in kept] == list(range(len(kept)))
