"""Read a packed data set, by number, from a folder or from object storage."""

import io
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egorear_ros.structures import Rig
from egorear_train.datasets.base import FrameDataset, Sample
from egorear_train.datasets.errors import DamagedFrame, DatasetError
from egorear_train.datasets.packed.card import CARD, Card, check_rig, index_file, parse_card
from egorear_train.datasets.packed.codec import decode_sample
from egorear_train.datasets.packed.storage import RemoteStorage, Storage, open_storage

REMOTE_WINDOW = 16


class PackedDataset(FrameDataset):
    """Frame sets of a split, equal to those of the files they were packed from, bit by bit."""

    def __init__(
        self,
        where: Path | str,
        split: str,
        rig: Rig,
        image_size: int = 256,
        *,
        window: int | None = None,
        cache: Path | None = None,
        cache_gb: float | None = None,
    ) -> None:
        """Open a pack.

        Args:
            where: its folder, or a URL such as s3://bucket/pack.
            split: train, validation or test.
            rig: whose views are wanted, in this order; with the lenses that the data was packed with.
            image_size: height and width of the images, px.
            window: from so many shards at a time comes the order of an epoch, which then reads each of
                them in one go. By default any order for folders, and `REMOTE_WINDOW` for URLs.
            cache: folder for shards that were fetched from a URL.
            cache_gb: size above which the oldest of them are removed again.

        Raises:
            DatasetError: there is no such pack or split, it is incomplete, or for another rig or size.
        """
        self._storage = open_storage(str(where), cache, cache_gb)
        place = self._storage.where
        card = read_card(self._storage)
        if split not in card.splits:
            raise DatasetError(f"{place} has no split {split!r}; it has {', '.join(card.splits)}.")
        self._columns = check_rig(card, rig, image_size, place)
        self._size = image_size
        self._shards = card.splits[split].shards
        if not isinstance(self._storage, RemoteStorage):
            for file, size in self._shards:
                self._storage.path(file, size)
        elif window is None:
            window = REMOTE_WINDOW
        self._window = window
        self._index = self._read_index(index_file(split), card.splits[split].frames, len(card.lenses))
        self.has_visibility = card.splits[split].has_visibility
        super().__init__(f"{place}, split {split}", len(self._index))

    def name(self, index: int) -> str:
        """Return shard and number of a frame; its own name is in its sample."""
        return f"{self._storage.where}/{self._shards[self._index[index, 0]][0]}, frame {index} of the split"

    def read(self, index: int) -> Sample:
        """Read one sample.

        Raises:
            DamagedFrame: its part of the shard is damaged.
            DatasetError: the shard is gone.
        """
        shard, *places = self._index[index].tolist()
        members = list(zip(places[::2], places[1::2], strict=True))
        wanted = [members[0], *(members[1 + column] for column in self._columns)]
        file, size = self._shards[shard]
        targets, *images = self._read_parts(file, size, wanted)
        try:
            return decode_sample(targets, images, self._columns, self._size)
        except DamagedFrame as error:
            raise DamagedFrame(f"{self.name(index)}: {error}.") from error

    def epoch_order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """Return all frames in an order that depends on seed and epoch alone."""
        if self._window is None:
            return super().epoch_order(seed, epoch)
        return windowed_order(self._index[:, 0].astype(np.int64), self._window, np.random.default_rng((seed, epoch)))

    def _read_parts(self, file: str, size: int, parts: list[tuple[int, int]]) -> list[bytes]:
        while True:
            path = self._storage.path(file, size)
            try:
                handle = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                continue  # another process has just made room in the cache: fetch it again
            try:
                return [os.pread(handle, count, offset) for offset, count in parts]
            except OSError as error:
                raise DamagedFrame(f"{path} cannot be read: {error.strerror}.") from error
            finally:
                os.close(handle)

    def _read_index(self, file: str, frames: int, views: int) -> NDArray[np.uint32]:
        path = self._storage.path(file)
        try:
            index = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise DatasetError(f"{path} is damaged ({error}). Pack the data again.") from error
        shape = (frames, 1 + 2 * (1 + views))
        if index.dtype != np.uint32 or index.shape != shape or (frames and int(index[:, 0].max()) >= len(self._shards)):
            raise DatasetError(
                f"{path} does not belong to this pack's {CARD}: {index.dtype} {index.shape}, expected uint32 {shape}. "
                "Pack the data again."
            )
        return index


def read_card(storage: Storage) -> Card:
    """Read the card of a pack.

    Raises:
        DatasetError: there is none, because the pack is not finished; or it is damaged.
    """
    try:
        text = storage.read_card()
    except DatasetError as error:
        raise DatasetError(
            f"{storage.where} is no finished pack: {error} If `egorear data pack` was stopped, run it again."
        ) from error
    return parse_card(text, f"{storage.where}/{CARD}")


def windowed_order(shard_of_frame: NDArray[np.int64], window: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Return all frames in an order that goes through the shards, about `window` of them at a time.

    Every shard gets a random place, and each of its frames one that is up to `window` places later.

    Args:
        shard_of_frame: (N,) shard of each frame, from 0.
        window: how many shards to mix; 1 or more.
        random: source of the order.
    """
    shards = int(shard_of_frame.max()) + 1
    places = random.permutation(shards)[shard_of_frame] + window * random.random(len(shard_of_frame))
    return np.argsort(places, kind="stable").astype(np.int64)
