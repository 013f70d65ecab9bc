"""Image messages to frames and back."""

from array import array
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.ros
pytest.importorskip("rclpy")
pytest.importorskip("egorear_ros.msg")

import cv2  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402

from egorear_ros.bridge.images import (  # noqa: E402
    ImageError,
    compressed_from_frame,
    frame_from_compressed,
    frame_from_image,
)
from egorear_ros.structures import Frame  # noqa: E402

STAMP_NS = 1_700_000_000_123_456_789
RGB = np.zeros((6, 8, 3), np.uint8)
RGB[:, :4] = (200, 30, 60)
RGB[:, 4:] = (10, 220, 90)


def image(encoding: str, pixels: np.ndarray, padding: int = 0) -> Image:
    rows = pixels.reshape(pixels.shape[0], -1)
    rows = np.hstack([rows, np.full((rows.shape[0], padding), 77, np.uint8)])
    message = Image(height=pixels.shape[0], width=pixels.shape[1], encoding=encoding, step=rows.shape[1])
    message.data = array("B", rows.tobytes())
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(STAMP_NS, 10**9)
    return message


@pytest.mark.parametrize("encoding", ["jpeg", "png"])
def test_compressed_bytes_pass_through(encoding: str) -> None:
    data = cv2.imencode(f".{encoding}", RGB)[1].tobytes()
    frame = Frame("front_left", STAMP_NS, encoding, data)
    message = compressed_from_frame(frame, "front_left_optical", 90)
    assert message.header.frame_id == "front_left_optical" and isinstance(message.data, array)
    back = frame_from_compressed("front_left", message)
    assert (back.view, back.stamp_ns, back.encoding, back.data) == (frame.view, STAMP_NS, encoding, data)


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "mono8"])
def test_uncompressed_frames_become_jpeg_of_the_same_colours(encoding: str) -> None:
    pixels = {"rgb8": RGB, "bgr8": RGB[:, :, ::-1].copy(), "mono8": RGB[:, :, 0].copy()}[encoding]
    message = compressed_from_frame(Frame("v", STAMP_NS, encoding, pixels), "v_optical", 100)
    assert message.format == "jpeg"
    decoded = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_UNCHANGED)
    expected = pixels if encoding != "rgb8" else pixels[:, :, ::-1]
    # Chroma is subsampled: compare away from the edge between the two colours.
    np.testing.assert_allclose(decoded[:, [0, 1, 6, 7]].astype(int), expected[:, [0, 1, 6, 7]].astype(int), atol=12)


@pytest.mark.parametrize("text", ["jpeg", "bgr8; jpeg compressed bgr8", "rgb8; jpeg compressed ", "JPG", ""])
def test_formats_as_drivers_write_them(text: str) -> None:
    message = CompressedImage(format=text, data=array("B", cv2.imencode(".jpg", RGB)[1].tobytes()))
    assert frame_from_compressed("v", message).encoding == "jpeg"


def test_another_compression_is_refused_by_name() -> None:
    with pytest.raises(ImageError, match="back_left.*'h264'.*JPEG or PNG"):
        frame_from_compressed("back_left", CompressedImage(format="h264", data=array("B", b"\0\0\0\1")))


ALPHA = np.full((6, 8, 1), 255, np.uint8)
GREY = RGB[:, :, :1]


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    ("encoding", "pixels", "expected_encoding", "expected"),
    [
        ("rgb8", RGB, "rgb8", RGB),
        ("bgr8", RGB[:, :, ::-1], "bgr8", RGB[:, :, ::-1]),
        ("rgba8", np.dstack([RGB, ALPHA]), "rgb8", RGB),
        ("bgra8", np.dstack([RGB[:, :, ::-1], ALPHA]), "bgr8", RGB[:, :, ::-1]),
        ("8UC3", RGB[:, :, ::-1], "bgr8", RGB[:, :, ::-1]),
        ("mono8", GREY, "mono8", GREY[:, :, 0]),
        ("8UC1", GREY, "mono8", GREY[:, :, 0]),
    ],
)
def test_raw_encodings(
    encoding: str, pixels: np.ndarray, expected_encoding: str, expected: np.ndarray, padding: int
) -> None:
    frame = frame_from_image("v", image(encoding, np.ascontiguousarray(pixels), padding))
    assert (frame.encoding, frame.stamp_ns) == (expected_encoding, STAMP_NS)
    np.testing.assert_array_equal(frame.data, expected)


@pytest.mark.parametrize(
    ("encoding", "pattern"), [("rggb8", "RGGB"), ("bggr8", "BGGR"), ("gbrg8", "GBRG"), ("grbg8", "GRBG")]
)
def test_bayer_patterns_give_the_right_colours(encoding: str, pattern: str) -> None:
    colour = {"R": 200, "G": 30, "B": 90}
    mosaic = np.tile(np.array([[colour[c] for c in pattern[:2]], [colour[c] for c in pattern[2:]]], np.uint8), (4, 4))
    frame = frame_from_image("v", image(f"bayer_{encoding}", mosaic[:, :, None]))
    assert frame.encoding == "bgr8"
    assert tuple(np.asarray(frame.data)[4, 4]) == (90, 30, 200)


@pytest.mark.parametrize(("encoding", "order"), [("yuv422_yuy2", "yuyv"), ("uyvy", "uyvy")])
def test_yuv_gives_the_right_colours(encoding: str, order: str) -> None:
    # Pure red in BT.601: Y 82, U 90, V 240.
    value = {"y": 82, "u": 90, "v": 240}
    pairs = np.tile(np.array([value[c] for c in order], np.uint8).reshape(1, 2, 2), (4, 2, 1))
    blue, green, red = np.asarray(frame_from_image("v", image(encoding, pairs)).data)[1, 1].astype(int)
    assert red > 245 and green < 10 and blue < 10


def test_too_few_bytes_are_refused() -> None:
    message = image("rgb8", RGB)
    message.data = message.data[:-10]
    with pytest.raises(ImageError, match="v: image of 8x6 px.*144 bytes.*134"):
        frame_from_image("v", message)


def test_rare_encodings_need_cv_bridge(monkeypatch: Any) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "cv_bridge", None)
    with pytest.raises(ImageError, match="'32FC1'.*Install cv_bridge"):
        frame_from_image("v", image("32FC1", np.zeros((2, 2, 4), np.uint8)))
