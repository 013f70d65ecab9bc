"""The records of an MCAP file, as far as recordings need them.

Source: the MCAP format specification, version 0.
"""

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

MAGIC = b"\x89MCAP0\r\n"

FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK = 0x02, 0x03, 0x04, 0x05, 0x06
METADATA, METADATA_INDEX, DATA_END = 0x0C, 0x0D, 0x0F
LAST_KNOWN = 0x0F
FIRST_PRIVATE = 0x80

_PREFIX = struct.Struct("<BQ")
_MESSAGE = struct.Struct("<HIQQ")
_CHUNK = struct.Struct("<QQQI")
PREFIX_SIZE = _PREFIX.size
MESSAGE_SIZE = _MESSAGE.size
CHUNK_HEAD_SIZE = 256
"""Enough for a chunk's fields before its records."""

Read = Callable[[int, int], bytes]
"""(offset, size) to bytes; fewer than asked for at the end."""


class Record(NamedTuple):
    """One record; `head` holds its first bytes, as many as were asked for."""

    op: int
    offset: int
    body: int
    length: int
    head: bytes

    @property
    def end(self) -> int:
        """Offset of the next record."""
        return self.body + self.length


class ChunkHead(NamedTuple):
    """The fields of a chunk before its records."""

    start_ns: int
    end_ns: int
    size: int
    crc: int
    compression: str
    records: int
    """Length of the fields: the records begin here, counted from the chunk's body."""


class Broken(Exception):
    """The records cannot be followed further; says where and why."""


def walk(read: Read, begin: int, end: int, head: int) -> Iterator[Record]:
    """Yield the records between two offsets; the last one may reach beyond the end.

    Args:
        read: gives bytes of the file or of a chunk.
        begin: offset of the first record.
        end: no record begins here or later.
        head: how many bytes of each body to have in `Record.head`.

    Raises:
        Broken: there is something else than a record.
    """
    offset = begin
    while offset < end:
        data = read(offset, PREFIX_SIZE + head)
        if len(data) < PREFIX_SIZE:
            raise Broken(f"ends in the middle of a record at byte {offset}")
        op, length = _PREFIX.unpack_from(data)
        if op == 0 or LAST_KNOWN < op < FIRST_PRIVATE:
            raise Broken(f"is damaged at byte {offset} (there is no record of type {op:#04x})")
        record = Record(op, offset, offset + PREFIX_SIZE, length, data[PREFIX_SIZE : PREFIX_SIZE + length])
        yield record
        offset = record.end


def parse_message(head: bytes) -> tuple[int, int, bytes]:
    """Return (channel, log time in ns, beginning of the data) of a message record.

    Raises:
        Broken: it is too short to be one.
    """
    if len(head) < MESSAGE_SIZE:
        raise Broken("has a message record that is too short")
    channel, _, log_ns, _ = _MESSAGE.unpack_from(head)
    return channel, log_ns, head[MESSAGE_SIZE:]


def parse_chunk(head: bytes) -> ChunkHead:
    """Return the fields of a chunk before its records.

    Raises:
        Broken: they are cut off.
    """
    try:
        start_ns, end_ns, size, crc = _CHUNK.unpack_from(head)
        compression, offset = _text(head, _CHUNK.size)
        if offset + 8 > len(head):
            raise ValueError
    except (struct.error, ValueError):
        raise Broken("has a chunk whose head is damaged") from None
    return ChunkHead(start_ns, end_ns, size, crc, compression, offset + 8)


def parse_schema(body: bytes) -> tuple[int, str]:
    """Return (number, name of the message type) of a schema record.

    Raises:
        Broken: it is damaged.
    """
    try:
        (number,) = struct.unpack_from("<H", body)
        return number, _text(body, 2)[0]
    except (struct.error, ValueError):
        raise Broken("has a damaged schema record") from None


def parse_channel(body: bytes) -> tuple[int, int, str]:
    """Return (number, number of the schema, topic) of a channel record.

    Raises:
        Broken: it is damaged.
    """
    try:
        number, schema = struct.unpack_from("<HH", body)
        return number, schema, _text(body, 4)[0]
    except (struct.error, ValueError):
        raise Broken("has a damaged channel record") from None


def parse_metadata(body: bytes) -> tuple[str, dict[str, str]]:
    """Return (name, entries) of a metadata record.

    Raises:
        Broken: it is damaged.
    """
    try:
        name, offset = _text(body, 0)
        (size,) = struct.unpack_from("<I", body, offset)
        offset, end = offset + 4, offset + 4 + size
        entries = {}
        while offset < end:
            key, offset = _text(body, offset)
            entries[key], offset = _text(body, offset)
    except (struct.error, ValueError):
        raise Broken("has a damaged metadata record") from None
    return name, entries


def _text(data: bytes, offset: int) -> tuple[str, int]:
    """Return a string and the offset behind it; ValueError if it is cut off or not UTF-8."""
    (size,) = struct.unpack_from("<I", data, offset)
    begin, end = offset + 4, offset + 4 + size
    if end > len(data):
        raise ValueError("cut off")
    return data[begin:end].decode(), end
