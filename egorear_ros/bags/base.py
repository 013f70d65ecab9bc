"""What a recording consists of."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Protocol


class BagError(RuntimeError):
    """A recording cannot be read or written: names the file, what is wrong with it and what to do."""


@dataclass(frozen=True)
class Topic:
    """A name and the message type behind it, for example sensor_msgs/msg/CompressedImage."""

    name: str
    type: str


@dataclass(slots=True, eq=False)
class RawMessage:
    """One message as it was recorded.

    Attributes:
        topic: where it was published.
        log_ns: when the recorder received it, ns.
        data: serialized (CDR); only the beginning where no more was asked for.
        size: bytes of the whole message.
    """

    topic: Topic
    log_ns: int
    data: bytes
    size: int


class Storage(Protocol):
    """One file of a recording, whole or broken.

    Reading goes on up to a break and never raises because of one; what is wrong is in `problems`
    as soon as it has been met.

    Attributes:
        problems: what is wrong with the file, one sentence each.
        metadata: rosbag2's metadata (YAML), where the file carries a copy; empty otherwise.
    """

    problems: list[str]
    metadata: str

    def topics(self) -> list[Topic]:
        """Return the topics of the file."""

    def scan(self, head: int, whole: Collection[str] = ()) -> Iterator[RawMessage]:
        """Yield all messages in the order of the file, only the first `head` bytes of each but those in `whole`."""

    def messages(self, topics: Collection[str] | None, sparse: bool = False) -> Iterator[RawMessage]:
        """Yield whole messages in the order of `log_ns`.

        Args:
            topics: names to choose; None: all.
            sparse: they are few, so that the others are better skipped than read and checked for damage.
        """

    def close(self) -> None:
        """Release the file."""
