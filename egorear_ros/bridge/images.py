"""Images between ROS messages and `Frame`."""

from array import array
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image

from egorear_ros.bridge.stamps import ns_from_time, time_from_ns
from egorear_ros.structures import Frame

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


def frame_from_compressed(view: str, message: CompressedImage) -> Frame:
    """Return a compressed image as a frame; its bytes are not decoded here.

    Raises:
        ImageError: it is neither JPEG nor PNG.
    """
    data = bytes(message.data)
    text = message.format.lower()
    if "jpeg" in text or "jpg" in text or data.startswith(b"\xff\xd8"):
        encoding = "jpeg"
    elif "png" in text or data.startswith(b"\x89PNG"):
        encoding = "png"
    else:
        raise ImageError(f"{view}: compressed image of format {message.format!r}; expected JPEG or PNG.")
    return Frame(view, ns_from_time(message.header.stamp), encoding, data)


def compressed_from_frame(frame: Frame, frame_id: str, jpeg_quality: int) -> CompressedImage:
    """Return a frame as a compressed image; JPEG and PNG bytes pass through.

    Args:
        frame: the image.
        frame_id: its optical TF frame, prefix included.
        jpeg_quality: for images that are not compressed yet.
    """
    message = CompressedImage()
    message.header.stamp = time_from_ns(frame.stamp_ns)
    message.header.frame_id = frame_id
    if isinstance(frame.data, bytes):
        message.format, data = frame.encoding, frame.data
    else:
        message.format, data = "jpeg", encode_jpeg(frame, jpeg_quality)
    # An array is taken as it is; bytes would be checked one by one on older distributions.
    message.data = array("B", data)
    return message


def encode_jpeg(frame: Frame, quality: int) -> bytes:
    """Return an uncompressed frame as JPEG bytes.

    Raises:
        ImageError: OpenCV cannot encode it.
    """
    image = cv2.cvtColor(frame.data, cv2.COLOR_RGB2BGR) if frame.encoding == "rgb8" else frame.data
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ImageError(f"{frame.view}: OpenCV cannot encode an image of shape {np.shape(frame.data)} as JPEG.")
    return bytes(data.tobytes())


def frame_from_image(view: str, message: Image) -> Frame:
    """Return a raw image as a frame of encoding rgb8, bgr8 or mono8.

    Common encodings are converted here; `cv_bridge` serves the others where it is installed.

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
    return Frame(view, stamp_ns, "bgr8", _with_cv_bridge(view, message))


def _pixels(view: str, message: Image, channels: int) -> NDArray[np.uint8]:
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


def _with_cv_bridge(view: str, message: Image) -> NDArray[np.uint8]:
    try:
        import cv_bridge
    except ImportError:
        known = ", ".join([*_CHANNELS, *_BAYER, *_YUV422])
        raise ImageError(
            f"{view}: raw images of encoding {message.encoding!r}; read without cv_bridge are: {known}. "
            "Install cv_bridge, change the camera's encoding, or publish compressed images."
        ) from None
    try:
        return _uint8(cv_bridge.CvBridge().imgmsg_to_cv2(message, "bgr8"))
    except cv_bridge.CvBridgeError as error:
        raise ImageError(f"{view}: cv_bridge cannot read images of encoding {message.encoding!r}: {error}") from None


def _uint8(image: Any) -> NDArray[np.uint8]:
    return np.asarray(image, dtype=np.uint8)
