"""A sqlite3 file of rosbag2, whole or broken."""

import sqlite3
from collections import deque
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from egorear_ros.bags.base import RawMessage, Topic

BATCH = 4096


class SqliteFile:
    """See `base.Storage`.

    Args:
        path: the .db3 file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[str] = []
        self.metadata = ""
        self._connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?{_mode(path)}", uri=True, check_same_thread=False
        )
        self._is_cut = _is_cut(path)
        # Lets a file that was cut off be opened: its header promises more pages than there are.
        list(self._rows("PRAGMA writable_schema=ON"))
        self._topics = self._read_topics()
        self._read_metadata()

    def topics(self) -> list[Topic]:
        """Return the topics of the file; see `Storage`."""
        return list(dict.fromkeys(self._topics.values()))

    def scan(self, head: int, whole: Collection[str] = ()) -> Iterator[RawMessage]:
        """Yield the beginnings of all messages in the order of the file; see `Storage`."""
        size = f"CASE WHEN {self._chosen(whole)} THEN length(data) ELSE {int(head)} END"
        query = f"SELECT topic_id, timestamp, substr(data, 1, {size}), length(data) FROM messages ORDER BY id"  # noqa: S608
        for topic_id, log_ns, data, size in self._messages(query):
            topic = self._topic(topic_id)
            if topic is not None:
                yield RawMessage(topic, log_ns, data, size)

    def messages(self, topics: Collection[str] | None, sparse: bool = False) -> Iterator[RawMessage]:
        """Yield whole messages in the order of time; see `Storage`."""
        # Not by the index over time: it is scattered over the file, so that a cut would hide sound messages.
        query = f"SELECT timestamp, id FROM messages WHERE {self._chosen(topics)} ORDER BY id"  # noqa: S608
        order = sorted(self._messages(query))
        for _, number in order:
            query = f"SELECT topic_id, timestamp, data FROM messages WHERE id = {number}"  # noqa: S608
            for topic_id, log_ns, data in self._messages(query, held=0):
                yield RawMessage(self._topics[topic_id], log_ns, data, len(data))

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def _chosen(self, topics: Collection[str] | None) -> str:
        """Return the condition for messages of some topics."""
        numbers = [number for number, topic in self._topics.items() if topics is None or topic.name in topics]
        return f"topic_id IN ({','.join(map(str, numbers))})"

    def _note(self, problem: str) -> None:
        text = f"{self.path.name} {problem}."
        if text not in self.problems:
            self.problems.append(text)

    def _messages(self, query: str, held: int = 1) -> Iterator[Any]:
        """Yield rows of messages; the last `held` ones before a cut are not whole."""
        waiting: deque[Any] = deque()
        for row in self._rows(query):
            if None in row:
                self._note("has a damaged message, which is left out")
                continue
            waiting.append(row)
            if not self._is_cut or len(waiting) > held:
                yield waiting.popleft()
        if self._is_cut:
            self._note("is cut off; what comes before was read")

    def _rows(self, query: str) -> Iterator[Any]:
        """Yield the rows of a query up to the first one that cannot be read."""
        try:
            yield from self._connection.execute(query)
        except sqlite3.Error as error:
            self._note(f"is damaged or cut off ({error}); what comes before was read")

    def _read_topics(self) -> dict[int, Topic]:
        topics = {}
        for number, name, kind in self._rows("SELECT id, name, type FROM topics ORDER BY id"):
            topics[int(number)] = Topic(name, kind)
        return topics

    def _read_metadata(self) -> None:
        """Take in rosbag2's metadata, which newer versions keep in the file as well."""
        if next(self._rows("SELECT 1 FROM sqlite_master WHERE name = 'metadata'"), None):
            for (text,) in self._rows("SELECT metadata FROM metadata ORDER BY id DESC LIMIT 1"):
                self.metadata = text

    def _topic(self, number: int) -> Topic | None:
        topic = self._topics.get(number)
        if topic is None:
            self._note(f"has messages of topic {number}, which it does not describe")
        return topic


def _is_cut(path: Path) -> bool:
    """Return whether a database has fewer pages than it says: sqlite would fill the last one up with zeros.

    Source: https://www.sqlite.org/fileformat.html, section 1.3.
    """
    with path.open("rb") as file:
        head = file.read(32)
    if len(head) < 32:
        return True
    page = int.from_bytes(head[16:18], "big")
    size = path.stat().st_size
    pages = int.from_bytes(head[28:32], "big")
    return size < pages * (65536 if page == 1 else page)


def _mode(path: Path) -> str:
    """Return how to open a database: one that a recorder left with a journal needs that journal."""
    journals = [path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-journal")]
    return "mode=ro" if any(journal.exists() for journal in journals) else "immutable=1"
