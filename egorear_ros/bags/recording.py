"""A recording that grows in its place while messages come, so that a crash keeps what was there before it."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from egorear_ros.bags.base import BagError, Topic
from egorear_ros.bags.profiles import Profile, qos
from egorear_ros.bags.typestore import typestore
from egorear_ros.bags.writer import FORMAT_VERSION, sync_to_disk

if TYPE_CHECKING:
    from rosbags.interfaces import Connection

ROOM_BYTES = 50_000_000
"""A recording ends by itself before the disk is full to the last byte: its index must be written too."""


class Recording:
    """A rosbag2 folder with MCAP storage, written message by message. A context manager.

    `BagWriter` makes a whole recording or none; this one is for what cannot be had a second time.

    Args:
        out: the folder to make.
        custom: what else to say about the recording, see `origin.pack`.

    Raises:
        BagError: `out` exists, or nothing can be written there.
    """

    def __init__(self, out: Path, custom: Mapping[str, str] | None = None) -> None:
        from rosbags.rosbag2 import StoragePlugin, Writer

        if out.exists():
            raise BagError(f"{out} exists. Choose another name, or move it away.")
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BagError(f"{out}: the folder {out.parent} cannot be made: {error.strerror}.") from None
        self.out = out
        self.counts: dict[Topic, int] = {}
        self._connections: dict[Topic, Connection] = {}
        self._writer = Writer(out, version=FORMAT_VERSION, storage_plugin=StoragePlugin.MCAP)
        for key, value in (custom or {}).items():
            self._writer.set_custom_data(key, value)

    def __enter__(self) -> "Recording":
        try:
            self._writer.open()
        except OSError as error:
            raise self._failure(error) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the index, also after an error: what came before it is good."""
        try:
            self._writer.close()
            for path in [*self.out.iterdir(), self.out]:
                sync_to_disk(path)
        except OSError as problem:
            raise self._failure(problem) from None

    def write(self, topic: Topic, profile: Profile, log_ns: int, data: bytes) -> None:
        """Append a message.

        Args:
            topic: absolute name and type.
            profile: quality of service that its publisher offers.
            log_ns: when it was received, ns.
            data: serialized (CDR).

        Raises:
            BagError: the disk is full or fails; the recording so far is good.
        """
        try:
            if topic not in self._connections:
                self._check_room()
                self._connections[topic] = self._writer.add_connection(
                    topic.name, topic.type, typestore=typestore(), offered_qos_profiles=[qos(profile)]
                )
                self.counts[topic] = 0
            elif sum(self.counts.values()) % 100 == 0:
                self._check_room()
            self._writer.write(self._connections[topic], log_ns, data)
        except OSError as error:
            raise self._failure(error) from None
        self.counts[topic] += 1

    def _check_room(self) -> None:
        if shutil.disk_usage(self.out.parent).free < ROOM_BYTES:
            raise BagError(
                f"{self.out}: less than {ROOM_BYTES / 1e6:.0f} MB are free there, so the recording was ended; what it "
                "holds is complete up to here. Make room or choose another disk."
            )

    def _failure(self, error: OSError) -> BagError:
        free_mb = shutil.disk_usage(self.out.parent).free / 1e6
        return BagError(
            f"{self.out} cannot be written: {error.strerror or error}; {free_mb:,.0f} MB are free there. What was "
            "recorded before can be read up to the break. Make room or choose another disk."
        )
