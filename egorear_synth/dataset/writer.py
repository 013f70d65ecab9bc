"""Write a sequence so that it exists whole or not at all, whatever happens meanwhile."""

import errno
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from egorear_ros.sources.sequence import ANNOTATIONS, IMAGES
from egorear_synth.dataset.errors import SynthError

PARTS = ".parts"
"""Folder of unfinished sequences, out of the way of loaders that take every folder for a character."""

SEQUENCE_FILE = "sequence.json"


class SequenceWriter:
    """Write one sequence into a temporary folder, and move it into place when it is finished.

    Args:
        root: the data set.
        folder: where the finished sequence goes, below `root`.
        views: of the rig.

    Raises:
        SynthError: the folder cannot be made.
    """

    def __init__(self, root: Path, folder: Path, views: tuple[str, ...]) -> None:
        self._root, self._folder = root, folder
        self._part = root / PARTS / folder.name
        self._files: list[Path] = []
        shutil.rmtree(self._part, ignore_errors=True)
        self._annotations = self._part / ANNOTATIONS[0]
        self._images = {view: self._part / IMAGES / f"camera_{view}" for view in views}
        with naming_disk_errors(root):
            for made in (self._annotations, *self._images.values()):
                made.mkdir(parents=True)

    def add_frame(self, stem: str, images: Mapping[str, bytes], annotation: Mapping[str, Any]) -> None:
        """Write one frame.

        Args:
            stem: name of its files.
            images: JPEG files by view, of every view.
            annotation: JSON values.

        Raises:
            SynthError: the disk is full or not writable.
            ValueError: a number is not finite.
        """
        with naming_disk_errors(self._root):
            for view, folder in self._images.items():
                self._write(folder / f"{stem}.jpg", images[view])
            self._write(self._annotations / f"{stem}.json", dump_json(annotation).encode())

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Write what is known of the sequence and move it into place; only now it counts as done.

        Raises:
            SynthError: the disk is full or not writable.
        """
        with naming_disk_errors(self._root):
            self._write(self._part / SEQUENCE_FILE, dump_json(facts, indent=1).encode())
            for path in self._files:
                sync(path)
            for folder in (self._annotations, *self._images.values(), self._part / IMAGES, self._part):
                sync(folder)
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            self._part.rename(self._folder)
            sync(self._folder.parent)
            sync(self._root)

    def abandon(self) -> None:
        """Remove what was written so far."""
        shutil.rmtree(self._part, ignore_errors=True)

    def _write(self, path: Path, data: bytes) -> None:
        path.write_bytes(data)
        self._files.append(path)


class naming_disk_errors:  # noqa: N801 (reads as a statement)
    """Turn errors of the disk within a `with` block into ones that say what to do."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, OSError):
            return
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SynthError(
                f"the disk of {self._root} is full ({error.strerror}). The sequences finished so far are kept: free "
                "space and run the same command again; it goes on where it stopped."
            ) from error
        raise SynthError(f"{self._root} cannot be written: {error}.") from error


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all, replacing an older one.

    Args:
        path: the file.
        data: its content.

    Raises:
        SynthError: the disk is full or not writable.
    """
    part = path.with_name(f".{path.name}.{os.uname().nodename}.{os.getpid()}.part")
    with naming_disk_errors(path.parent):
        try:
            part.write_bytes(data)
            sync(part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def remove_stale(folder: Path) -> None:
    """Remove what killed processes of this machine left of the files that they were writing into a folder."""
    for part in folder.glob(f".*.{os.uname().nodename}.*.part"):
        process = part.name.rsplit(".", 2)[1]
        if process.isdigit() and not Path(f"/proc/{process}").exists():
            part.unlink(missing_ok=True)


def dump_json(content: Mapping[str, Any], indent: int | None = None) -> str:
    """Return JSON; a number that is not finite is an error, because readers would choke on it."""
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(content, allow_nan=False, indent=indent, separators=separators) + "\n"


def sync(path: Path) -> None:
    """Have a file or folder on the disk before going on."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
