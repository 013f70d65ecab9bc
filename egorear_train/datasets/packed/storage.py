"""Where a pack is: a local folder, or object storage of which files are fetched when they are needed.

Object storage is anything that fsspec knows: s3:// needs the package s3fs, gs:// gcsfs, http:// aiohttp.
"""

import fcntl
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from egorear_train.datasets.errors import DatasetError
from egorear_train.datasets.packed.card import CARD

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "egorear_ros" / "packs"


class Storage(Protocol):
    """The files of a pack."""

    where: str

    def read_card(self) -> bytes:
        """Return the pack's card, before anything else is asked for.

        Raises:
            DatasetError: there is none.
        """

    def path(self, file: str, size: int | None = None) -> Path:
        """Return where a file lies on this machine.

        Args:
            file: its name inside the pack.
            size: expected, bytes.

        Raises:
            DatasetError: it is not there or has another size.
        """


class LocalStorage:
    """A pack in a folder."""

    def __init__(self, folder: Path) -> None:
        """Take the folder."""
        self.where = str(folder)
        self._folder = folder

    def read_card(self) -> bytes:
        """Return the pack's card; see `Storage`."""
        return self.path(CARD).read_bytes()

    def path(self, file: str, size: int | None = None) -> Path:
        """Return where a file lies; see `Storage`."""
        path = self._folder / file
        _check_size(path, size, "Copy or pack the data again.")
        return path


class RemoteStorage:
    """A pack in object storage, with the files that were used on this machine.

    Several processes may share a cache: each file is fetched once and appears whole. Every pack has
    a folder there that is named by its card, so that a pack that was uploaded anew is fetched anew.
    """

    def __init__(self, url: str, cache: Path | None = None, cache_gb: float | None = None) -> None:
        """Take the place.

        Args:
            url: of the pack's folder.
            cache: folder for fetched files; by default one of the user's cache.
            cache_gb: above this size the files that were not used for longest go; never, if None.

        Raises:
            DatasetError: no package for this kind of storage is installed.
        """
        self.where = url.rstrip("/")
        self._cache = cache or CACHE
        self._limit = None if cache_gb is None else int(cache_gb * 1e9)
        self._connection = self._connect()

    def _connect(self) -> tuple[int, Any, str]:
        """Return this process's number, file system and path: connections do not survive a fork."""
        from fsspec.core import url_to_fs

        try:
            return (os.getpid(), *url_to_fs(self.where, skip_instance_cache=True))
        except (ImportError, ValueError) as error:
            raise DatasetError(f"{self.where} cannot be opened: {error}.") from error

    def _remote(self, file: str) -> tuple[Any, str]:
        """Return the file system, opened in this process, and a file's path in it."""
        if self._connection[0] != os.getpid():
            self._connection = self._connect()
        _, files, root = self._connection
        return files, f"{root}/{file}"

    def __getstate__(self) -> dict[str, Any]:
        """Leave the connection behind: the next process makes its own."""
        return {**self.__dict__, "_connection": (0, None, "")}

    def read_card(self) -> bytes:
        """Return the pack's card, always fetched; see `Storage`."""
        try:
            files, path = self._remote(CARD)
            card: bytes = files.cat_file(path)
        except OSError as error:
            raise DatasetError(f"{self.where}/{CARD} cannot be fetched: {error}.") from error
        self._cache /= hashlib.sha256(self.where.encode() + card).hexdigest()[:16]
        return card

    def path(self, file: str, size: int | None = None) -> Path:
        """Return where a file lies, fetching it at first; see `Storage`."""
        path = self._cache / file
        try:
            os.utime(path)  # the oldest are removed first
        except FileNotFoundError:
            self._fetch(file, path)
        try:
            _check_size(path, size, "Upload the pack again.")
        except DatasetError:
            path.unlink(missing_ok=True)
            raise
        return path

    def _fetch(self, file: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(f".{path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if path.is_file():  # another process was faster
                return
            part = path.with_name(f".{path.name}.part")
            try:
                files, remote = self._remote(file)
                files.get_file(remote, str(part))
                part.replace(path)
            except OSError as error:
                raise DatasetError(f"{self.where}/{file} cannot be fetched: {error}.") from error
            finally:
                part.unlink(missing_ok=True)
        self._remove_oldest(path)

    def _remove_oldest(self, kept: Path) -> None:
        if self._limit is None:
            return
        shards = []
        for path in self._cache.glob("*/*.tar"):
            with suppress(FileNotFoundError):  # another process makes room as well
                shards.append((path.stat().st_mtime, path.stat().st_size, path))
        total = 0
        for _, size, path in sorted(shards, reverse=True):
            total += size
            if total > self._limit and path != kept:
                path.unlink(missing_ok=True)


def open_storage(where: str, cache: Path | None = None, cache_gb: float | None = None) -> Storage:
    """Return the storage of a folder or URL."""
    if "://" in where:
        return RemoteStorage(where, cache, cache_gb)
    return LocalStorage(Path(where))


def _check_size(path: Path, size: int | None, next_step: str) -> None:
    try:
        found = path.stat().st_size
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}. {next_step}") from error
    if size is not None and found != size:
        raise DatasetError(f"{path} has {found} bytes; expected {size}. {next_step}")
