"""Files that appear whole or not at all, and what to say when the disk is full."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from egorear_train.datasets.errors import DatasetError


class PackError(DatasetError):
    """A data set cannot be packed: says why and what to do next."""


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn errors of writing below `folder` into ones that say what to do.

    Raises:
        PackError: the disk is full or not writable.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise PackError(
                f"the disk of {folder} is full ({error.strerror}). The shards finished so far are kept: free space "
                "and run the same command again; it goes on where it stopped."
            ) from error
        raise PackError(f"{folder} cannot be written: {error}.") from error


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all, replacing an older one."""
    part = part_of(path)
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        finish(part, path)
    finally:
        part.unlink(missing_ok=True)


def part_of(path: Path) -> Path:
    """Return the name that a file has until it is whole."""
    return path.with_name(f".{path.name}.part")


def finish(part: Path, path: Path) -> None:
    """Give a whole file its name, and have that on the disk before going on."""
    part.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
