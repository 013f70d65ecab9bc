"""An MCAP file: chunked or not, compressed or not, with or without its index, whole or broken.

The index at the end is not needed: a recorder that was killed has not written it. Where chunks are not
compressed, a scan touches the first bytes of each message and skips the rest.
"""

import heapq
import os
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from zlib import crc32

from egorear_ros.bags.base import RawMessage, Topic
from egorear_ros.bags.compression import decompress
from egorear_ros.bags.mcap_records import (
    CHANNEL,
    CHUNK,
    CHUNK_HEAD_SIZE,
    DATA_END,
    FOOTER,
    MAGIC,
    MESSAGE,
    MESSAGE_SIZE,
    METADATA,
    METADATA_INDEX,
    SCHEMA,
    Broken,
    ChunkHead,
    Read,
    Record,
    parse_channel,
    parse_chunk,
    parse_message,
    parse_metadata,
    parse_schema,
    walk,
)

LOOSE_BLOCK_BYTES = 4 << 20
"""Messages outside chunks are put in order in pieces of this size."""

FOOTER_SIZE = 37
"""Of the footer record and the magic bytes behind it."""

LARGEST_CHUNK = 1 << 31
"""Writers make chunks of some MB; a size beyond this is damage."""

LARGEST_BODY = 64 << 20
"""Schemas and metadata are never larger; a length beyond is damage."""


@dataclass(frozen=True)
class _Block:
    """A chunk, or some messages outside chunks that follow one another.

    Attributes:
        start_ns, end_ns: of the log times in it, ns.
        begin, end: offsets in the file; `end` may be beyond the file's.
        chunk: fields of the chunk; None for messages outside chunks.
    """

    start_ns: int
    end_ns: int
    begin: int
    end: int
    chunk: ChunkHead | None


class McapFile:
    """See `base.Storage`.

    Args:
        path: the file.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[str] = []
        self.metadata = ""
        self._schemas: dict[int, str] = {}
        self._channels: dict[int, Topic] = {}
        self._fd = os.open(path, os.O_RDONLY)
        self._size = os.fstat(self._fd).st_size
        self._is_mcap = self._read(0, len(MAGIC)) == MAGIC
        if not self._is_mcap:
            self._note("is empty" if self._size == 0 else "does not begin as an MCAP file does")

    def topics(self) -> list[Topic]:
        """Return the topics of the file; see `Storage`."""
        if not self._learn_from_summary():
            for _ in self.scan(0):
                pass
        return list(dict.fromkeys(self._channels.values()))

    def scan(self, head: int, whole: Collection[str] = ()) -> Iterator[RawMessage]:
        """Yield the beginnings of all messages in the order of the file; see `Storage`."""
        for block in self._blocks():
            yield from self._messages(block, None, True, head, whole)

    def messages(self, topics: Collection[str] | None, sparse: bool = False) -> Iterator[RawMessage]:
        """Yield whole messages in the order of time; see `Storage`."""
        pending = deque(sorted(self._blocks(), key=attrgetter("start_ns", "begin")))
        waiting: list[tuple[int, int, int, RawMessage, Iterator[tuple[int, RawMessage]]]] = []
        while pending or waiting:
            # A block is read when its time comes; usually one or two are open at a time.
            while pending and (not waiting or pending[0].start_ns <= waiting[0][0]):
                block = pending.popleft()
                ordered = sorted(self._messages(block, topics, sparse), key=attrgetter("log_ns"))
                _advance(waiting, block.begin, iter(enumerate(ordered)))
            if waiting:
                _, begin, _, message, rest = heapq.heappop(waiting)
                yield message
                _advance(waiting, begin, rest)

    def close(self) -> None:
        """Release the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    # The file

    def _read(self, offset: int, size: int) -> bytes:
        return os.pread(self._fd, size, offset)

    def _note(self, problem: str) -> None:
        text = f"{self.path.name} {problem}."
        if text not in self.problems:
            self.problems.append(text)

    def _blocks(self) -> Iterator[_Block]:
        """Yield what holds messages, in the order of the file, and learn all else on the way."""
        loose: list[tuple[int, Record]] = []
        try:
            for record in self._outermost():
                if record.op == MESSAGE:
                    loose.append((parse_message(record.head)[1], record))
                if loose and (record.op == CHUNK or record.end - loose[0][1].offset > LOOSE_BLOCK_BYTES):
                    yield _loose_block(loose)
                    loose = []
                if record.op == CHUNK:
                    chunk = parse_chunk(record.head)
                    yield _Block(chunk.start_ns, chunk.end_ns, record.body, record.end, chunk)
                self._learn(self._read, record)
        except Broken as error:
            self._note(f"{error}; what comes before was read")
        if loose:
            yield _loose_block(loose)

    def _outermost(self) -> Iterator[Record]:
        """Yield the records that are in no chunk, up to the index or the break; only a chunk may be cut off."""
        if not self._is_mcap:
            return
        for record in walk(self._read, len(MAGIC), self._size, CHUNK_HEAD_SIZE):
            if record.op in (DATA_END, FOOTER):
                if self._read(self._size - len(MAGIC), len(MAGIC)) != MAGIC:
                    self._note("has no index at its end: the recording was not finished")
                return
            if record.op == CHUNK or record.end <= self._size:
                yield record
        self._note(f"is cut off after {self._size} bytes (was the recorder killed, or is the copy incomplete?)")

    def _learn(self, read: Read, record: Record) -> None:
        """Take in a schema, a channel or metadata."""
        if record.op not in (SCHEMA, CHANNEL, METADATA):
            return
        body = record.head
        if len(body) < record.length:
            body = read(record.body, record.length) if record.length <= LARGEST_BODY else b""
        if record.op == SCHEMA:
            number, name = parse_schema(body)
            self._schemas[number] = name
        elif record.op == CHANNEL:
            number, schema, topic = parse_channel(body)
            self._channels[number] = Topic(topic, self._schemas.get(schema, "?"))
        else:
            name, entries = parse_metadata(body)
            if name == "rosbag2":
                self.metadata = entries.get("serialized_metadata", self.metadata)

    def _learn_from_summary(self) -> bool:
        """Take in schemas, channels and metadata from the end of a whole file; return whether there were any."""
        footer = self._read(max(0, self._size - FOOTER_SIZE), FOOTER_SIZE)
        if not self._is_mcap or footer[:9] != b"\x02\x14" + bytes(7) or footer[29:] != MAGIC:
            return False
        begin = int.from_bytes(footer[9:17], "little")
        try:
            for record in walk(self._read, begin or self._size, self._size - FOOTER_SIZE, CHUNK_HEAD_SIZE):
                self._learn(self._read, record)
                if record.op == METADATA_INDEX:
                    offset = int.from_bytes(record.head[:8], "little")
                    for metadata in walk(self._read, offset, offset + 1, 0):
                        self._learn(self._read, metadata)
        except Broken:
            return False
        return bool(self._channels)

    # One block

    def _messages(
        self,
        block: _Block,
        topics: Collection[str] | None,
        sparse: bool,
        head: int | None = None,
        whole: Collection[str] = (),
    ) -> Iterator[RawMessage]:
        """Yield the messages of a block in the order of the file."""
        try:
            read, begin, end = self._region(block, sparse)
            for record in walk(read, begin, end, CHUNK_HEAD_SIZE if head is None else MESSAGE_SIZE + head):
                if record.end > end:
                    raise Broken(f"has a damaged chunk at byte {block.begin}")
                if record.op != MESSAGE:
                    self._learn(read, record)
                    continue
                channel, log_ns, data = parse_message(record.head)
                topic = self._channels.get(channel)
                if topic is None:
                    self._note(f"has messages of channel {channel}, which it does not describe")
                elif topics is None or topic.name in topics:
                    size = record.length - MESSAGE_SIZE
                    if len(data) < size and (head is None or topic.name in whole):
                        data = read(record.body + MESSAGE_SIZE, size)
                    yield RawMessage(topic, log_ns, data, size)
        except Broken as error:
            if block.end <= self._size:  # else the file is cut off here, which is noted where its end is met
                self._note(f"{error}; what comes before was read")

    def _region(self, block: _Block, sparse: bool) -> tuple[Read, int, int]:
        """Return how to read the records of a block, and where they begin and end."""
        chunk = block.chunk
        end = min(block.end, self._size)
        if chunk is None:
            return self._read, block.begin, end
        begin = block.begin + chunk.records
        if sparse and not chunk.compression:
            return self._read, begin, end
        if chunk.size > LARGEST_CHUNK:
            raise Broken(f"has a chunk at byte {block.begin} that claims to have {chunk.size} bytes")
        packed = self._read(begin, end - begin)
        try:
            data = decompress(packed, chunk.compression, chunk.size)
        except ValueError as error:
            raise Broken(f"has a chunk at byte {block.begin} that cannot be read ({error})") from None
        is_whole = block.end <= self._size
        if is_whole and (len(data) != chunk.size or (chunk.crc and crc32(data) != chunk.crc)):
            raise Broken(f"has a damaged chunk at byte {block.begin} (its checksum is wrong), which is left out")
        return (lambda offset, size: data[offset : offset + size]), 0, len(data)


def _advance(waiting: list, begin: int, rest: Iterator[tuple[int, RawMessage]]) -> None:
    """Put the next message of a block among those that wait."""
    following = next(rest, None)
    if following is not None:
        number, message = following
        heapq.heappush(waiting, (message.log_ns, begin, number, message, rest))


def _loose_block(loose: list[tuple[int, Record]]) -> _Block:
    times = [log_ns for log_ns, _ in loose]
    return _Block(min(times), max(times), loose[0][1].offset, loose[-1][1].end, None)
