"""Batches in an order that depends on seed and epoch alone, from any batch of an epoch on."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from egorear_train.batch import Batch, collate

Order: TypeAlias = Callable[[int], NDArray[np.int64]]
"""From the number of an epoch to its samples, in their order."""


class Position(NamedTuple):
    """Where a loader is: `batch` batches of epoch `epoch` have been handed out."""

    epoch: int
    batch: int


class EpochBatches(Sampler[list[int]]):
    """Draws the samples of every batch of one process; all processes together see each sample once an epoch.

    Attributes:
        start: from where the next iteration draws.
    """

    def __init__(
        self, order: Order, samples: int, batch_size: int, *, drop_last: bool, rank: int = 0, world: int = 1
    ) -> None:
        """Remember order and sizes.

        Args:
            order: returns the samples of an epoch in their order.
            samples: of an epoch.
            batch_size: of one process.
            drop_last: whether to leave out the samples that do not fill a batch in every process.
                Otherwise the last batches are smaller, and samples from the start even them out
                between processes.
            rank: number of this process.
            world: number of processes.

        Raises:
            ValueError: there are too few samples for a batch.
        """
        self.order, self.samples, self.batch_size = order, samples, batch_size
        self.drop_last, self.rank, self.world = drop_last, rank, world
        self.start = Position(0, 0)
        if len(self) == 0:
            raise ValueError(
                f"the data set has {samples} samples, fewer than the {batch_size * world} of a batch. "
                "Set data.batch_size lower."
            )

    def __len__(self) -> int:
        """Return the number of batches of a whole epoch."""
        together = self.batch_size * self.world
        return self.samples // together if self.drop_last else -(-self.samples // together)

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the samples of each batch from `start` on."""
        order = self.order(self.start.epoch)
        together = self.batch_size * self.world
        for batch in range(self.start.batch, len(self)):
            part = order[batch * together : (batch + 1) * together]
            part = np.concatenate((part, np.resize(order, -len(part) % self.world)))  # every process needs as many
            yield part[self.rank :: self.world].tolist()


class EpochLoader(DataLoader[Any]):
    """A loader that can go on in the middle of an epoch, and knows how long it has been waited for.

    Attributes:
        waited_s: time spent waiting for batches since the loader was made, s.
        position: what has been handed out.
    """

    def __init__(
        self, dataset: Dataset[Any], batches: EpochBatches, workers: int, limit: int | None = None, epoch: int = 0
    ) -> None:
        """Wrap a data set.

        Args:
            dataset: samples, see `Batch`.
            batches: which frames come when.
            workers: processes that read; 0 reads in this one.
            limit: batches of an epoch, if not all are used.
            epoch: which comes first.
        """
        super().__init__(
            dataset,
            batch_sampler=batches,
            num_workers=workers,
            collate_fn=collate,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=workers > 0,
            generator=torch.Generator(),  # of its own: reading must not disturb other random numbers
        )
        self.batches = batches
        self.limit = min(len(batches), limit or len(batches))
        self.waited_s = 0.0
        self.position = Position(epoch, 0)
        self._next: Position | None = self.position

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        """Yield the batches of the next epoch, or of the rest of one after `load_state_dict`.

        An epoch of which nothing was handed out comes again: a run whose length is given in steps and that goes on
        after an epoch first asks for the rest of that one, of which there is none.
        """
        self.position = self._next or Position(self.position.epoch + 1, 0)
        self.batches.start = self._next = self.position
        iterator = super().__iter__()
        return self._timed(iterator)

    def _timed(self, iterator: Iterator[Batch]) -> Iterator[Batch]:
        while True:
            started = time.perf_counter()
            try:
                batch = next(iterator)
            except StopIteration:
                return
            finally:
                self.waited_s += time.perf_counter() - started
            self.position = Position(self.position.epoch, self.position.batch + 1)
            self._next = None
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Return what a checkpoint needs to go on from here."""
        return self.position._asdict()

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on from where a checkpoint was written; after the last batch, with the next epoch."""
        position = Position(int(state["epoch"]), int(state["batch"]))
        self._next = Position(position.epoch + 1, 0) if position.batch >= self.limit else position
