"""From ROS messages to our structures, whoever made the messages.

`rclpy` and the readers of recordings have classes of their own with the same fields: they are read here
by their fields alone, without ROS.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from egorear_ros.geometry.transforms import T_RIG_DEVICE, invert_transform, transform_points
from egorear_ros.skeleton import EGO4VIEW, Skeleton
from egorear_ros.structures import BodyPose, Frame, TrackingState

NS_PER_S = 1_000_000_000

T_DEVICE_RIG = invert_transform(T_RIG_DEVICE)

_CHANNELS = {"rgb8": 3, "bgr8": 3, "8UC3": 3, "rgba8": 4, "bgra8": 4, "8UC4": 4, "mono8": 1, "8UC1": 1}
_DIRECT = {"rgb8": "rgb8", "rgba8": "rgb8", "mono8": "mono8", "8UC1": "mono8"}  # others here are bgr8

# OpenCV names a Bayer pattern by its second row, ROS by its first.
_BAYER = {
    "bayer_rggb8": cv2.COLOR_BayerBG2BGR,
    "bayer_bggr8": cv2.COLOR_BayerRG2BGR,
    "bayer_gbrg8": cv2.COLOR_BayerGR2BGR,
    "bayer_grbg8": cv2.COLOR_BayerGB2BGR,
}
_YUV422 = {
    "yuv422": cv2.COLOR_YUV2BGR_UYVY,
    "uyvy": cv2.COLOR_YUV2BGR_UYVY,
    "yuv422_yuy2": cv2.COLOR_YUV2BGR_YUY2,
    "yuyv": cv2.COLOR_YUV2BGR_YUY2,
}


class ImageError(ValueError):
    """An image message cannot be read; says which encoding or size was found and what would work."""


def ns_from_time(stamp: Any) -> int:
    """Return a stamp in ns."""
    return int(stamp.sec) * NS_PER_S + int(stamp.nanosec)


def compressed_encoding(text: str, start: bytes) -> str:
    """Return "jpeg", "png" or "" (another one) for a CompressedImage.

    Args:
        text: its format, which drivers write in many ways.
        start: the first four bytes of its data.
    """
    lower = text.lower()
    if "jpeg" in lower or "jpg" in lower or start.startswith(b"\xff\xd8"):
        return "jpeg"
    return "png" if "png" in lower or start.startswith(b"\x89PNG") else ""


def frame_from_compressed(view: str, message: Any) -> Frame:
    """Return a compressed image as a frame; its bytes are not decoded here.

    Raises:
        ImageError: it is neither JPEG nor PNG.
    """
    data = bytes(message.data)
    encoding = compressed_encoding(message.format, data[:4])
    if not encoding:
        raise ImageError(f"{view}: compressed image of format {message.format!r}; expected JPEG or PNG.")
    return Frame(view, ns_from_time(message.header.stamp), encoding, data)


def frame_from_image(view: str, message: Any, fallback: Callable[[str, Any], NDArray[np.uint8]] | None = None) -> Frame:
    """Return a raw image as a frame of encoding rgb8, bgr8 or mono8.

    Args:
        view: whose image it is.
        message: `sensor_msgs/Image`.
        fallback: converts the encodings that are not known here to bgr8.

    Raises:
        ImageError: the message has fewer bytes than its size says, or nothing here reads its encoding.
    """
    stamp_ns, encoding = ns_from_time(message.header.stamp), message.encoding
    if encoding in _CHANNELS:
        pixels = _pixels(view, message, _CHANNELS[encoding])
        if pixels.shape[2] == 1:
            return Frame(view, stamp_ns, "mono8", pixels[:, :, 0])
        return Frame(view, stamp_ns, _DIRECT.get(encoding, "bgr8"), np.ascontiguousarray(pixels[:, :, :3]))
    if encoding in _BAYER:
        mosaic = np.ascontiguousarray(_pixels(view, message, 1)[:, :, 0])
        return Frame(view, stamp_ns, "bgr8", _uint8(cv2.cvtColor(mosaic, _BAYER[encoding])))
    if encoding in _YUV422:
        pairs = np.ascontiguousarray(_pixels(view, message, 2))
        return Frame(view, stamp_ns, "bgr8", _uint8(cv2.cvtColor(pairs, _YUV422[encoding])))
    if fallback is None:
        raise unknown_encoding(view, encoding)
    return Frame(view, stamp_ns, "bgr8", fallback(view, message))


def unknown_encoding(view: str, encoding: str) -> ImageError:
    """Return the error for raw images that nothing here reads."""
    known = ", ".join([*_CHANNELS, *_BAYER, *_YUV422])
    return ImageError(
        f"{view}: raw images of encoding {encoding!r}; read without cv_bridge are: {known}. "
        "Install cv_bridge, change the camera's encoding, or publish compressed images."
    )


def body_pose_from_msg(message: Any, skeleton: Skeleton = EGO4VIEW) -> BodyPose:
    """Return a pose, its joints in the device frame; a LOST pose has NaN joints.

    Raises:
        ValueError: the message's joints are not those of the skeleton, or its lists are not equally long.
    """
    count = skeleton.joint_count
    if len(message.camera_names) != len(message.camera_stamps):
        raise ValueError(
            f"pose with {len(message.camera_names)} camera_names and {len(message.camera_stamps)} camera_stamps; "
            "expected one stamp per camera."
        )
    if not message.positions and message.tracking_state == TrackingState.LOST:
        joints_device = np.full((count, 3), np.nan)
        confidences = np.full(count, np.nan)
    else:
        if tuple(message.joint_names) != skeleton.joint_names or len(message.positions) != count:
            raise ValueError(
                f"pose with {len(message.positions)} positions and the joints {list(message.joint_names)}; "
                f"expected those of skeleton {skeleton.name}: {list(skeleton.joint_names)}."
            )
        if len(message.confidences) != count:
            raise ValueError(
                f"pose with {len(message.confidences)} confidences; expected {count}, one per joint, NaN where there "
                "is none."
            )
        joints_rig = np.array([(point.x, point.y, point.z) for point in message.positions])
        joints_device = transform_points(T_DEVICE_RIG, joints_rig)
        confidences = np.array(message.confidences, dtype=np.float64)
    stamps = (ns_from_time(stamp) for stamp in message.camera_stamps)
    return BodyPose(
        stamp_ns=ns_from_time(message.header.stamp),
        joints_device=joints_device,
        confidences=confidences,
        view_stamps_ns=dict(zip(message.camera_names, stamps, strict=True)),
        state=TrackingState(message.tracking_state),
        model_id=message.model_id,
        skeleton=skeleton,
    )


def _pixels(view: str, message: Any, channels: int) -> NDArray[np.uint8]:
    """Return (height, width, channels), without the padding at the end of each row."""
    height, width = message.height, message.width
    step = message.step or width * channels
    data = np.frombuffer(message.data, dtype=np.uint8)
    if step < width * channels or data.size < height * step:
        raise ImageError(
            f"{view}: image of {width}x{height} px, encoding {message.encoding}, step {step}, needs "
            f"{height * max(step, width * channels)} bytes; the message has {data.size}."
        )
    rows = data[: height * step].reshape(height, step)[:, : width * channels]
    return rows.reshape(height, width, channels)


def _uint8(image: Any) -> NDArray[np.uint8]:
    return np.asarray(image, dtype=np.uint8)
