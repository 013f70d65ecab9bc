"""Images between ROS messages and `Frame`."""

from array import array

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image

from egorear_ros import ros_messages
from egorear_ros.bridge.stamps import time_from_ns
from egorear_ros.ros_messages import ImageError, frame_from_compressed, unknown_encoding
from egorear_ros.structures import Frame

__all__ = ["ImageError", "compressed_from_frame", "encode_jpeg", "frame_from_compressed", "frame_from_image"]


def frame_from_image(view: str, message: Image) -> Frame:
    """Return a raw image as a frame of encoding rgb8, bgr8 or mono8.

    Common encodings are converted without `cv_bridge`, which serves the others where it is installed.

    Raises:
        ImageError: the message has fewer bytes than its size says, or nothing here reads its encoding.
    """
    return ros_messages.frame_from_image(view, message, _with_cv_bridge)


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


def _with_cv_bridge(view: str, message: Image) -> NDArray[np.uint8]:
    try:
        import cv_bridge
    except ImportError:
        raise unknown_encoding(view, message.encoding) from None
    try:
        return np.asarray(cv_bridge.CvBridge().imgmsg_to_cv2(message, "bgr8"), dtype=np.uint8)
    except cv_bridge.CvBridgeError as error:
        raise ImageError(f"{view}: cv_bridge cannot read images of encoding {message.encoding!r}: {error}") from None
