"""Several data sets as one: mixed with weights for training, one after the other for measuring."""

import bisect
import math
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from egorear_train.datasets.base import FrameDataset, Sample
from egorear_train.datasets.errors import DatasetError


class MixedDataset(Dataset[Sample]):
    """Draws from several data sets in given proportions.

    An epoch has a fixed number of draws from each; within a data set every frame comes once before any
    comes again, over the bounds of epochs. Draws are numbered on through all epochs: epoch e has the
    draws from e * len(self) on, already shuffled. A loader that knows no epochs gets the draws of the
    first one, which have the right proportions as well.

    Attributes:
        has_visibility: whether all parts say which joints a view sees.
    """

    def __init__(self, parts: Sequence[tuple[FrameDataset, float]], seed: int = 42, length: int | None = None) -> None:
        """Take the data sets.

        Args:
            parts: data sets with their weights; only the proportions of weights matter.
            seed: of the order of the draws.
            length: draws of an epoch; by default as many as there are frames.

        Raises:
            DatasetError: no parts, or a weight that is not a positive number.
        """
        if not parts:
            raise DatasetError("there is no data set to mix; expected one or more.")
        for part, weight in parts:
            if not (math.isfinite(weight) and weight > 0):
                raise DatasetError(f"{part.what} has weight {weight}; expected a positive number.")
        self.parts = [part for part, _ in parts]
        self.has_visibility = all(part.has_visibility for part in self.parts)
        self._seed = seed
        self._shares = divide(length or sum(len(part) for part in self.parts), [weight for _, weight in parts])
        self._epoch: tuple[int, NDArray[np.int64]] = (-1, np.empty((0, 2), dtype=np.int64))

    def __len__(self) -> int:
        """Return the number of draws of an epoch."""
        return sum(self._shares)

    def __getitem__(self, index: int) -> Sample:
        """Return a draw; see `FrameDataset.__getitem__`."""
        if index < 0:
            raise IndexError(f"draws are numbered from 0; there is no draw {index}.")
        epoch, draw = divmod(index, len(self))
        part, frame = self._draws(epoch)[draw].tolist()
        return self.parts[part][frame]

    def epoch_order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """Return the draws of an epoch; `seed` has no part in it, because the draws have their own."""
        return np.arange(epoch * len(self), (epoch + 1) * len(self), dtype=np.int64)

    def damaged(self) -> list[str]:
        """Return the names of the damaged frames that were met so far."""
        return [name for part in self.parts for name in part.damaged()]

    def _draws(self, epoch: int) -> NDArray[np.int64]:
        """Return part and frame of each draw of an epoch, (len(self), 2)."""
        if self._epoch[0] != epoch:
            of_part = np.repeat(np.arange(len(self.parts)), self._shares)
            np.random.default_rng((self._seed, epoch)).shuffle(of_part)
            draws = np.empty((len(self), 2), dtype=np.int64)
            draws[:, 0] = of_part
            for number, share in enumerate(self._shares):
                draws[of_part == number, 1] = self._frames(number, epoch * share, share)
            self._epoch = (epoch, draws)
        return self._epoch[1]

    def _frames(self, number: int, start: int, count: int) -> NDArray[np.int64]:
        """Return `count` frames of a part from the `start`-th of its endless order on."""
        part = self.parts[number]
        first, last = start // len(part), (start + count - 1) // len(part)
        passes = [part.epoch_order(self._seed * len(self.parts) + number, epoch) for epoch in range(first, last + 1)]
        order = np.concatenate(passes) if passes else np.empty(0, dtype=np.int64)
        offset = start - first * len(part)
        return order[offset : offset + count]


class JoinedDataset(Dataset[Sample]):
    """Data sets one after the other, each frame once.

    Attributes:
        has_visibility: whether all parts say which joints a view sees.
    """

    def __init__(self, parts: Sequence[FrameDataset]) -> None:
        """Take the data sets, one or more."""
        self.parts = list(parts)
        self.has_visibility = all(part.has_visibility for part in parts)
        self._ends = list(accumulate(len(part) for part in parts))

    def __len__(self) -> int:
        """Return the number of frames."""
        return self._ends[-1]

    def __getitem__(self, index: int) -> Sample:
        """Return a frame; see `FrameDataset.__getitem__`."""
        if not 0 <= index < len(self):
            raise IndexError(f"there are {len(self)} frames and no frame {index}.")
        number = bisect.bisect_right(self._ends, index)
        return self.parts[number][index - (self._ends[number] - len(self.parts[number]))]

    def epoch_order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """Return all frames in an order that depends on seed and epoch alone."""
        return np.random.default_rng((seed, epoch)).permutation(len(self)).astype(np.int64)

    def damaged(self) -> list[str]:
        """Return the names of the damaged frames that were met so far."""
        return [name for part in self.parts for name in part.damaged()]


def divide(total: int, weights: Sequence[float]) -> list[int]:
    """Divide a number into whole parts in proportion to weights, each at most 1 off (largest remainders)."""
    exact = np.array(weights, dtype=np.float64) / math.fsum(weights) * total
    shares = np.floor(exact).astype(int)
    for place in np.argsort(shares - exact, kind="stable")[: total - int(shares.sum())]:
        shares[place] += 1
    return [int(share) for share in shares]
