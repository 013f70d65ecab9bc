"""Shards: tar files in WebDataset's format, and the index that finds a sample in them.

A frame's files share a stem, its number in the split: 000000012.json, 000000012.front_left.zst.
"""

import hashlib
import os
import tarfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from egorear_train.datasets.base import FrameDataset
from egorear_train.datasets.errors import DamagedFrame
from egorear_train.datasets.packed.codec import TARGETS, encode_sample, image_file
from egorear_train.datasets.packed.disk import finish, part_of


@dataclass(frozen=True)
class Shard:
    """A finished shard.

    Attributes:
        file: its name inside the pack.
        bytes: its size.
        sha256: of its content.
        rows: per frame, offset and size of its targets and of each view's image, bytes.
        skipped: frames that were left out, as {"frame": name, "reason": text}.
    """

    file: str
    bytes: int
    sha256: str
    rows: list[list[int]]
    skipped: list[dict[str, str]]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON values that the constructor takes."""
        return asdict(self)


class _Hashing:
    """A file that is hashed while it is written."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("wb")
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        return self.file.write(data)

    def close(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()


def write_shard(dataset: FrameDataset, frames: range, views: Sequence[str], root: Path, file: str) -> Shard:
    """Write some frames of a data set as a shard; it appears whole or not at all.

    Args:
        dataset: where they are read.
        frames: their numbers.
        views: names of the samples' views.
        root: the pack.
        file: name of the shard inside it.

    Raises:
        OSError: the disk is full or not writable.
    """
    from webdataset import TarWriter

    path = root / file
    part = part_of(path)
    output = _Hashing(part)
    skipped = []
    try:
        try:
            with TarWriter(output, user="", group="", mtime=0, encoder=False) as writer:
                for number in frames:
                    try:
                        files = encode_sample(dataset.read(number), views)
                    except DamagedFrame as error:
                        skipped.append({"frame": dataset.name(number), "reason": str(error)})
                    else:
                        writer.write({"__key__": f"{number:09d}", **files})
        finally:
            output.close()
        shard = Shard(file, part.stat().st_size, output.sha256.hexdigest(), _rows(part, views), skipped)
        finish(part, path)
    finally:
        part.unlink(missing_ok=True)
    return shard


def _rows(path: Path, views: Sequence[str]) -> list[list[int]]:
    endings = [TARGETS, *(image_file(view) for view in views)]
    places: dict[str, dict[str, list[int]]] = {}
    with tarfile.open(path, "r:") as archive:
        for member in archive:
            key, _, ending = member.name.partition(".")
            places.setdefault(key, {})[ending] = [member.offset_data, member.size]
    return [[value for ending in endings for value in files[ending]] for files in places.values()]
