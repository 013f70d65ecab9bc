"""What can be read from the first bytes of a serialized message: `std_msgs/Header`."""

import struct
from typing import NamedTuple

HEAD_BYTES = 512
"""Enough for the header of an image and for a whole CameraInfo of a fisheye lens."""

_ORDERS = {0x00: ">", 0x01: "<"}


class Header(NamedTuple):
    """Stamp (ns) and frame of a message, and the offset of what follows."""

    stamp_ns: int
    frame_id: str
    end: int


def read_header(data: bytes) -> Header | None:
    """Return the header with which a message begins; None if it is damaged.

    Source: OMG DDSI-RTPS, the plain CDR encapsulation that ROS 2 uses.
    """
    order = _ORDERS.get(data[1]) if len(data) > 1 and data[0] == 0 else None
    if order is None:
        return None
    try:
        sec, nanosec, size = struct.unpack_from(f"{order}iII", data, 4)
    except struct.error:
        return None
    frame = data[16 : 16 + size]
    if len(frame) != size or nanosec >= 1_000_000_000:
        return None
    return Header(sec * 1_000_000_000 + nanosec, frame.rstrip(b"\0").decode(errors="replace"), 16 + size)


class ImageHead(NamedTuple):
    """What a CompressedImage has before its data.

    Attributes:
        format: as it says.
        size: bytes of its data.
        start: the first of them.
        begin: where they begin in the message.
    """

    format: str
    size: int
    start: bytes
    begin: int


def read_image_head(data: bytes, header: Header) -> ImageHead | None:
    """Return what a CompressedImage has before its data; None if it is damaged."""
    order = _ORDERS[data[1]]
    offset = _aligned(header.end)
    try:
        (size,) = struct.unpack_from(f"{order}I", data, offset)
        text = data[offset + 4 : offset + 4 + size].rstrip(b"\0").decode(errors="replace")
        offset = _aligned(offset + 4 + size)
        (count,) = struct.unpack_from(f"{order}I", data, offset)
    except struct.error:
        return None
    return ImageHead(text, count, data[offset + 4 : offset + 8], offset + 4)


def _aligned(offset: int) -> int:
    """Return the next offset that is a multiple of 4, counted from the end of the encapsulation."""
    return 4 + -(-(offset - 4) // 4) * 4
