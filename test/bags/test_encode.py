"""Messages made without ROS: byte by byte what the nodes publish."""

import bag_data
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
def test_bytes_are_those_of_the_nodes() -> None:
    from rclpy.serialization import serialize_message

    from egorear_ros.bridge.camera_info import camera_info
    from egorear_ros.bridge.images import compressed_from_frame
    from egorear_ros.bridge.messages import msg_from_body_pose
    from egorear_ros.bridge.stamps import time_from_ns
    from egorear_ros.bridge.tf import static_tree
    from egorear_ros.structures import Frame

    rig, image = bag_data.rig(), rig_data.jpeg()
    frame = Frame("front_left", STAMP_NS, "jpeg", image)
    message = compressed_from_frame(frame, "me/front_left_optical", 90)
    assert encode_image(STAMP_NS, "me/front_left_optical", "jpeg", image) == serialize_message(message)

    for camera in rig.cameras:
        info, _ = camera_info(camera.lens, f"{camera.view}_optical")
        info.header.stamp = time_from_ns(STAMP_NS)
        assert encode_camera_info(STAMP_NS, f"{camera.view}_optical", camera.lens) == serialize_message(info)

    tree = static_tree(rig, "me/", time_from_ns(STAMP_NS))
    assert encode_static_tf(STAMP_NS, rig, "me/") == serialize_message(tree)

    pose = rig_data.body_pose(STAMP_NS)
    published = msg_from_body_pose(pose, "me/", "wearer", STAMP_NS + 5_000_000)
    assert encode_body_pose(pose, "me/", "wearer", 0.005) == serialize_message(published)


@pytest.mark.ros
def test_types_have_the_hashes_of_the_built_messages() -> None:
    """Another hash, and `ros2 bag` would refuse to play."""
    from egorear_ros.msg import BodyPose

    hash_value = BodyPose._TYPE_HASH if hasattr(BodyPose, "_TYPE_HASH") else None
    if hash_value is None:
        pytest.skip("this ROS does not tell type hashes to Python")
    assert typestore().hash_rihs01(BODY_POSE) == str(hash_value)


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
            assert image is not None and tuple(image) == (encoding, 1004, b"\xff\xd8\xff\xe0")


@pytest.mark.parametrize("size", range(0, 60, 7))
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
