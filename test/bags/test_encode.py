"""Messages made without ROS: what the nodes publish."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import bag_data
import numpy as np
import pytest
import rig_data

from egorear_ros.bags.base import RawMessage, Topic
from egorear_ros.bags.cdr import read_header, read_image_head
from egorear_ros.bags.decode import decode, decode_body_pose, decode_frame
from egorear_ros.bags.encode import encode_body_pose, encode_camera_info, encode_image, encode_static_tf
from egorear_ros.bags.profiles import CAMERA, LATCHED, RESULTS, qos
from egorear_ros.bags.typestore import BODY_POSE, CAMERA_INFO, COMPRESSED_IMAGE, IMAGE, TF_MESSAGE, typestore

STAMP_NS = 1_700_000_000_123_456_789


@pytest.mark.ros
def test_messages_are_those_of_the_nodes() -> None:
    from rclpy.serialization import deserialize_message, serialize_message

    from egorear_ros.bridge.camera_info import camera_info
    from egorear_ros.bridge.images import compressed_from_frame
    from egorear_ros.bridge.messages import msg_from_body_pose
    from egorear_ros.bridge.stamps import time_from_ns
    from egorear_ros.bridge.tf import static_tree
    from egorear_ros.structures import Frame

    def is_same(data: bytes, message: Any) -> bool:
        """The bytes may differ in what fills up words: fastcdr leaves there what was in memory."""
        return len(data) == len(serialize_message(message)) and deserialize_message(data, type(message)) == message

    rig, image = bag_data.rig(), rig_data.jpeg()
    frame = Frame("front_left", STAMP_NS, "jpeg", image)
    message = compressed_from_frame(frame, "me/front_left_optical", 90)
    assert is_same(encode_image(STAMP_NS, "me/front_left_optical", "jpeg", image), message)

    for camera in rig.cameras:
        info, _ = camera_info(camera.lens, f"{camera.view}_optical")
        info.header.stamp = time_from_ns(STAMP_NS)
        assert is_same(encode_camera_info(STAMP_NS, f"{camera.view}_optical", camera.lens), info)

    tree = static_tree(rig, "me/", time_from_ns(STAMP_NS))
    assert is_same(encode_static_tf(STAMP_NS, rig, "me/"), tree)

    pose = replace(rig_data.body_pose(STAMP_NS), confidences=np.linspace(0, 1, 16))  # NaN is not equal to itself
    published = msg_from_body_pose(pose, "me/", "wearer", STAMP_NS + 7_812_500)
    assert is_same(encode_body_pose(pose, "me/", "wearer", 0.0078125), published)


def test_types_have_the_hashes_of_the_built_messages() -> None:
    """Another hash, and `ros2 bag play` would refuse to publish. The generator writes it into a JSON file."""
    built = Path(sys.prefix) / "share" / "egorear_ros" / "msg" / "BodyPose.json"
    if not built.is_file():
        pytest.skip("the messages are not built with type hashes here")
    hashes = {one["type_name"]: one["hash_string"] for one in json.loads(built.read_text())["type_hashes"]}
    assert typestore().hash_rihs01(BODY_POSE) == hashes[BODY_POSE]


@pytest.mark.ros
def test_quality_of_service_is_that_of_the_nodes() -> None:
    from egorear_ros.bridge.qos import camera_qos, latched_qos, results_qos

    for profile, made in ((CAMERA, camera_qos()), (RESULTS, results_qos()), (LATCHED, latched_qos())):
        written = qos(profile)
        assert written.depth == made.depth
        assert written.reliability.value == made.reliability.value
        assert written.durability.value == made.durability.value
        assert written.history.value == made.history.value


def raw(kind: str, data: bytes) -> RawMessage:
    return RawMessage(Topic("/topic", kind), 7, data, len(data))


def test_a_pose_comes_back() -> None:
    pose = rig_data.body_pose(STAMP_NS)
    back = decode_body_pose(raw(BODY_POSE, encode_body_pose(pose, "", "wearer", 0.0)))
    assert back.stamp_ns == STAMP_NS and abs(back.joints_device - pose.joints_device).max() < 1e-12
    assert dict(back.view_stamps_ns) == dict(pose.view_stamps_ns)


def test_the_beginning_of_a_message_says_what_the_whole_does() -> None:
    for frame_id in ("", "a", "abc", "abcd", "front_left_optical"):
        for encoding in ("jpeg", "png", "x"):
            data = encode_image(STAMP_NS, frame_id, encoding, b"\xff\xd8\xff\xe0" + bytes(1000))
            header = read_header(data[:100])
            assert header is not None and header[:2] == (STAMP_NS, frame_id)
            image = read_image_head(data[:100], header)
            assert image is not None and image[:3] == (encoding, 1004, b"\xff\xd8\xff\xe0")
            assert image.begin + image.size == len(data)


@pytest.mark.parametrize("size", range(0, 51, 5))
def test_a_cut_off_beginning_is_no_header(size: int) -> None:
    data = encode_image(STAMP_NS, "front_left_optical", "jpeg", b"x")[:size]
    header = read_header(data)
    assert header is None or read_image_head(data, header) is None


def test_damaged_messages_are_named() -> None:
    from egorear_ros.bags.base import BagError

    with pytest.raises(BagError, match="/topic: a message at 7 ns is no sensor_msgs/msg/CameraInfo"):
        decode(raw(CAMERA_INFO, b"\0\1\0\0abc"))
    with pytest.raises(BagError, match="type my_msgs/msg/Thing are not known"):
        decode(raw("my_msgs/msg/Thing", b""))
    with pytest.raises(BagError, match=f"expected {COMPRESSED_IMAGE} or {IMAGE}"):
        decode_frame(raw(TF_MESSAGE, b""), "front_left")
