"""A recording, open for reading."""

import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from egorear_ros.bags.base import BagError, RawMessage, Storage, Topic
from egorear_ros.bags.compression import ZSTD_MAGIC, decompress, decompress_file
from egorear_ros.bags.layout import Layout, custom_data, find_layout, parse_information, storage_kind
from egorear_ros.bags.mcap_file import McapFile
from egorear_ros.bags.sqlite_file import SqliteFile


class Bag:
    """A rosbag2 recording. Use `open_bag`; it is a context manager.

    Broken recordings are read up to the break. What is wrong with them is in `problems`, as far as it has
    been met: for all of it, read to the end.

    Attributes:
        path: as it was given.
        topics: what it holds, under the names of the remapping.
        declared: number of messages that its metadata promises; None: unknown.
        custom: what its writer added.
    """

    def __init__(self, layout: Layout, storages: list[Storage], remap: Mapping[str, str], stack: ExitStack) -> None:
        self.path = layout.path
        self.declared = layout.declared
        self._layout = layout
        self._storages = storages
        self._stack = stack
        found = list(dict.fromkeys(topic for storage in storages for topic in storage.topics()))
        self._renamed = _rename(found, remap, layout.path)
        self.topics = tuple(sorted(set(self._renamed.values()), key=lambda topic: (topic.name, topic.type)))
        self.custom = layout.custom or self._embedded_custom()

    @property
    def problems(self) -> list[str]:
        """What is wrong with the files, as far as they were read."""
        return self._layout.problems + [problem for storage in self._storages for problem in storage.problems]

    def scan(self, head: int, whole: Collection[str] = ()) -> Iterator[RawMessage]:
        """Yield all messages as they lie in the files, only the first bytes of each: the fast way to look.

        Args:
            head: how many bytes.
            whole: topics whose messages are yielded whole.
        """
        recorded = self._recorded(whole)
        for storage in self._storages:
            # A compressed message must be had whole to see its beginning.
            everything = None if not self._layout.by_message else {topic.name for topic in self._renamed}
            messages = storage.scan(head, recorded if everything is None else everything)
            for message in self._translated(messages):
                if everything is not None and message.topic.name not in whole:
                    message.data = message.data[:head]
                yield message

    def messages(self, topics: Collection[str] | None = None, sparse: bool = False) -> Iterator[RawMessage]:
        """Yield whole messages in the order in which the recorder received them, file after file.

        Args:
            topics: names to choose; None: all.
            sparse: they are few: the rest of the file is skipped, and not checked for damage.
        """
        wanted = None if topics is None else self._recorded(topics)
        for storage in self._storages:
            yield from self._translated(storage.messages(wanted, sparse))

    def start_ns(self, topics: Collection[str] | None = None) -> int | None:
        """Return when the first message of some topics was received, ns; None: there is none."""
        first = next(self.messages(topics, sparse=True), None)
        return None if first is None else first.log_ns

    def close(self) -> None:
        """Release the files."""
        self._stack.close()

    def __enter__(self) -> "Bag":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _recorded(self, topics: Collection[str]) -> set[str]:
        """Return the names in the files of topics that may be renamed."""
        return {old.name for old, new in self._renamed.items() if new.name in topics}

    def _translated(self, messages: Iterator[RawMessage]) -> Iterator[RawMessage]:
        for message in messages:
            if self._layout.by_message:
                try:
                    message.data = decompress(message.data, "zstd")
                    message.size = len(message.data)
                except ValueError as error:
                    self._layout.problems.append(f"A message of {message.topic.name} cannot be read: {error}.")
                    continue
            message.topic = self._renamed.get(message.topic, message.topic)
            yield message

    def _embedded_custom(self) -> dict[str, str]:
        """Return the writer's additions from inside the files, for those that have lost their metadata.yaml."""
        for storage in self._storages:
            if custom := custom_data(parse_information(storage.metadata)):
                return custom
        return {}


def open_bag(path: str | Path, remap: Mapping[str, str] | None = None) -> Bag:
    """Open a recording.

    Args:
        path: rosbag2 folder, or an .mcap or .db3 file, also compressed.
        remap: other names for topics of the recording: {recorded: wanted}.

    Raises:
        BagError: it is not there or no recording, or a topic to rename is not in it.
    """
    layout = find_layout(Path(path).expanduser())
    with ExitStack() as stack:
        storages = [_open_file(file, layout, stack) for file in layout.files]
        layout.by_message = layout.by_message or _has_packed_messages(storages)
        return Bag(layout, storages, remap or {}, stack.pop_all())


def _open_file(path: Path, layout: Layout, stack: ExitStack) -> Storage:
    kinds: dict[str, Callable[[Path], Storage]] = {"mcap": McapFile, "sqlite3": SqliteFile}
    try:
        kind = storage_kind(path)
        if kind == "zstd":
            path = _unpack(path, layout, stack)
            kind = storage_kind(path)
        storage = kinds[kind](path)
    except OSError as error:
        raise BagError(f"{path} cannot be read: {error.strerror or error}.") from None
    except KeyError:
        raise BagError(f"{path} is compressed twice; unpack it once with `zstd -d`.") from None
    stack.callback(storage.close)
    return storage


def _unpack(path: Path, layout: Layout, stack: ExitStack) -> Path:
    """Decompress a whole file into a temporary folder."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="egorear_bag_")))
    target = folder / path.stem
    try:
        problem = decompress_file(path, target)
    except OSError as error:
        raise BagError(
            f"{path} cannot be unpacked into {folder.parent}: {error.strerror}. Set TMPDIR to a folder with more space."
        ) from None
    if problem:
        layout.problems.append(problem)
    return target


def _has_packed_messages(storages: list[Storage]) -> bool:
    """Return whether messages are compressed one by one, also where no metadata.yaml says so: CDR begins with 0."""
    first = next((message for storage in storages for message in storage.scan(len(ZSTD_MAGIC))), None)
    return first is not None and first.data == ZSTD_MAGIC


def _rename(found: list[Topic], remap: Mapping[str, str], path: Path) -> dict[Topic, Topic]:
    names = {topic.name for topic in found}
    rules = {absolute(old): absolute(new) for old, new in remap.items()}
    for old in rules:
        if old not in names:
            raise BagError(f"{path} has no topic {old} to rename; it has: {', '.join(sorted(names)) or 'none'}.")
    return {topic: Topic(rules.get(topic.name, topic.name), topic.type) for topic in found}


def absolute(name: str) -> str:
    """Return a topic with its leading slash."""
    return f"/{name.lstrip('/')}"
