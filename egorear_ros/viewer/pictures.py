"""Images and heatmaps in the size and form in which they travel to a browser."""

import cv2
import numpy as np
from numpy.typing import NDArray

from egorear_ros.drawing.overlay import decode_bgr
from egorear_ros.structures import Frame

JPEG_QUALITY = 80
HEAT_BGR = (40, 140, 255)
"""Orange: skin, clothes and floors hardly have it, and truth is blue."""

HEAT_LEVELS = 16
"""Steps of opacity: smooth to the eye, and a third of the bytes of 256."""

HEAT_OPACITY = 150
"""Of a certain joint, of 255: the image stays readable below."""


def small_jpeg(frame: Frame, width: int) -> tuple[bytes, int, int]:
    """Return an image as JPEG, shrunk to a width where it is wider.

    Returns:
        JPEG file; width and height, px.

    Raises:
        ValueError: the image is damaged.
    """
    image = decode_bgr(frame, width)
    height, full = image.shape[:2]
    if full > width:
        height, full = max(1, round(height * width / full)), width
        image = cv2.resize(image, (full, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return bytes(encoded.tobytes()), full, height


def heat_png(heatmaps: NDArray[np.float32], width: int, height: int) -> bytes:
    """Return the highest value over all joints as a transparent picture to lay over an image.

    Args:
        heatmaps: (J, h, w), 0: the joint is not here, 1: it is.
        width: of the image, px.
        height: likewise.
    """
    highest = np.clip(heatmaps.max(axis=0), 0.0, 1.0).astype(np.float32)
    large = cv2.resize(highest, (width, height), interpolation=cv2.INTER_LINEAR)
    picture = np.empty((height, width, 4), np.uint8)
    picture[..., :3] = HEAT_BGR
    picture[..., 3] = np.rint(large * (HEAT_LEVELS - 1)) * (HEAT_OPACITY // (HEAT_LEVELS - 1))
    _, encoded = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return bytes(encoded.tobytes())
