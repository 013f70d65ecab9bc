"""Recorded messages as our structures."""

from collections.abc import Callable
from typing import Any

from egorear_ros.bags.base import BagError, RawMessage
from egorear_ros.bags.typestore import COMPRESSED_IMAGE, IMAGE, typestore
from egorear_ros.ros_messages import body_pose_from_msg, frame_from_compressed, frame_from_image
from egorear_ros.structures import BodyPose, Frame

_FRAMES: dict[str, Callable[[str, Any], Frame]] = {COMPRESSED_IMAGE: frame_from_compressed, IMAGE: frame_from_image}


def decode(message: RawMessage) -> Any:
    """Return a whole message as an object with its fields.

    Raises:
        BagError: its type is not known here, or its bytes are not of that type.
    """
    if message.topic.type not in typestore().types:
        raise BagError(f"{message.topic.name}: messages of type {message.topic.type} are not known here.")
    try:
        return typestore().deserialize_cdr(message.data, message.topic.type)
    except Exception as error:  # noqa: BLE001 -- the deserializer raises whatever damaged bytes lead to
        raise BagError(
            f"{message.topic.name}: a message at {message.log_ns} ns is no {message.topic.type}: {error!r}."
        ) from None


def decode_frame(message: RawMessage, view: str) -> Frame:
    """Return an image of a view; it stays compressed.

    Raises:
        BagError: not of an image type, or damaged.
        ImageError: of a format or encoding that is not read here.
    """
    if message.topic.type not in _FRAMES:
        raise BagError(
            f"{message.topic.name} has messages of type {message.topic.type}; expected {' or '.join(_FRAMES)}."
        )
    return _FRAMES[message.topic.type](view, decode(message))


def decode_body_pose(message: RawMessage) -> BodyPose:
    """Return a pose.

    Raises:
        BagError: not a pose, or damaged.
        ValueError: of other joints.
    """
    return body_pose_from_msg(decode(message))
