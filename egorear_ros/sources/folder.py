"""Folders of image files, played by the clock: what sequences and image folders share."""

import errno
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path

from egorear_ros.config import SourceConfig
from egorear_ros.sources.base import Picture, SourceError, SourceLost
from egorear_ros.sources.image_bytes import ImageHeader, read_header
from egorear_ros.sources.image_size import SizeCheck
from egorear_ros.sources.pacing import Pacing
from egorear_ros.structures import Rig

SUFFIXES = (".jpg", ".jpeg", ".png")
"""Files of a folder that are taken, the first one where a stem has several."""


class FolderSource(ABC):
    """Play one view's image files, one per tick, undecoded.

    Subclasses say which files in `find`.

    Args:
        config: `path`, `rate_hz`, `loop`, `start_s`, `width` and `height` are used.
        rig: the calibrated rig.
        view: one of its views.
    """

    paced = True

    def __init__(self, config: SourceConfig, rig: Rig, view: str) -> None:
        self._config = config
        self._rig = rig
        self._view = view
        self._size = SizeCheck(config, rig, view)
        self._pacing = Pacing(config)
        self._folder = Path()
        self._files: list[tuple[str, Path | None]] = []

    @abstractmethod
    def find(self) -> tuple[Path, list[tuple[str, Path | None]]]:
        """Return the view's folder, and (stem, file or None) per moment; moments are those of all views.

        Raises:
            SourceError: there are none.
        """

    def open(self) -> None:
        """List the files and check the size of the first readable image.

        Raises:
            SourceError: no files, none readable, or of the wrong size.
        """
        self._folder, files = self.find()
        problem: SourceError | None = None
        for path in (path for _, path in files if path is not None):
            try:
                header = self._load(path)[1]
            except SourceError as error:
                problem = problem or error
                continue
            self._size.check(header.width, header.height, str(path))
            self._files = files
            return
        raise SourceError(f"{self._view}: no image in {self._folder} is readable. The first problem: {problem}")

    def read(self, tick: int) -> Picture:
        """Return the image of a tick.

        Raises:
            SourceError: this view has no image of that moment, or a damaged one.
            SourceLost: the folder vanished.
            EndOfSource: all images were played and `loop` is off.
        """
        if not self._files:
            raise SourceLost(f"{self._view}: the source is not open. Call open() first.")
        stem, path = self._files[self._pacing.frame(tick, len(self._files))]
        if path is None:
            raise SourceError(f"{self._view}: no image {stem} in {self._folder}; other views have that moment.")
        data, header = self._load(path)
        self._size.check(header.width, header.height, str(path))
        return Picture(header.encoding, data)

    def close(self) -> None:
        """Forget the files."""
        self._files = []

    def _load(self, path: Path) -> tuple[bytes, ImageHeader]:
        try:
            data = path.read_bytes()
        except OSError as error:
            if not self._folder.is_dir() or error.errno in (errno.EIO, errno.ENODEV, errno.ESTALE):
                raise SourceLost(f"{self._view}: {self._folder} is gone ({error.strerror}). Mount it again.") from error
            raise SourceError(f"{self._view}: cannot read {path}: {error.strerror}.") from error
        return data, read_header(data, f"{self._view}: {path}")


def list_images(folder: Path) -> dict[str, Path]:
    """Return the image files of a folder by stem."""
    ranked = sorted(
        (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")),
        key=lambda path: SUFFIXES.index(path.suffix.lower()),
        reverse=True,
    )
    return {path.stem: path for path in ranked}


def natural_order(stems: Iterable[str]) -> list[str]:
    """Sort names so that numbers in them count as numbers: 2 before 10."""

    def key(stem: str) -> tuple[list[tuple[int, int | str]], str]:
        parts = re.findall(r"\d+|\D+", stem)
        return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts], stem

    return sorted(stems, key=key)


def view_folder(parent: Path, view: str) -> Path | None:
    """Return the sub-folder of a view: `camera_<view>`, as in Ego4View, or `<view>`; None if neither exists."""
    for name in (f"camera_{view}", view):
        if (parent / name).is_dir():
            return parent / name
    return None


def name_some(names: Iterable[str], most: int = 8) -> str:
    """Return the first few of some names, for an error message."""
    listed = list(names)
    return (", ".join(listed[:most]) + (", ..." if len(listed) > most else "")) or "nothing"
