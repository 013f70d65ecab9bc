"""What all data sets share: frames by number, damaged ones replaced and counted, an order for every epoch.

A sample is a dict of tensors, the same whatever it was read from:

    images           (V, 3, S, S) uint8, RGB, not normalised
    joints_cm        (16, 3) float32, device frame, cm
    pixels           (V, 15, 2) float32, joints with heatmaps as (u, v), px of the calibrated image
    visible          (V, 15) bool; all true where the data set does not say (`has_visibility`)
    T_camera_device  (V, 4, 4) float32, translation in m
    substitute       () bool: this frame stands in for a damaged one; leave it out of scores
    meta             its name, <root>/<sequence>/<stem>
"""

import logging
from abc import ABC, abstractmethod
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from egorear_train.datasets.errors import DamagedFrame, DatasetError

Sample: TypeAlias = dict[str, Any]

DAMAGED_SHARE = 0.001
DAMAGED_GRACE = 10
"""Up to this many damaged frames are accepted in a data set of any size."""

_LISTED = 5
_log = logging.getLogger(__name__)


def damage_limit(frames: int) -> int:
    """Return how many of some frames may be damaged: 0.1 %, and `DAMAGED_GRACE` in any case."""
    return max(DAMAGED_GRACE, int(frames * DAMAGED_SHARE))


def too_many_damaged(what: str, reasons: list[str], count: int, frames: int) -> DatasetError:
    """Return the error that ends a run over damaged frames; lists the first few."""
    listed = "".join(f"\n  {reason}" for reason in reasons[:_LISTED])
    more = f"\n  and {count - len(reasons[:_LISTED])} more" if count > len(reasons[:_LISTED]) else ""
    return DatasetError(
        f"{what}: {count} damaged frames; at most {damage_limit(frames)} of {frames} are accepted:{listed}{more}\n"
        "Repair or download them again, or take their sequences out of the split's file. "
        "`egorear data check` lists them all."
    )


def clip_of(meta: str) -> str:
    """Return the sequence that a sample's `meta` names: what bootstrap samples are drawn from."""
    return meta.rpartition("/")[0]


class FrameDataset(Dataset[Sample], ABC):
    """Frame sets of a split by number.

    A damaged frame is replaced by the next readable one, so that every epoch has the same number of
    batches in every process; `substitute` marks it. Which frames are damaged is kept in shared
    memory: all workers of one loader count together, and a frame counts once.

    Attributes:
        has_visibility: whether the data set says which joints a view sees.
    """

    has_visibility: bool

    def __init__(self, what: str, frames: int) -> None:
        """Take a name for errors, and the number of frames."""
        self.what = what
        self._damaged = torch.zeros(frames, dtype=torch.uint8).share_memory_()

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._damaged)

    @abstractmethod
    def read(self, index: int) -> Sample:
        """Read one frame; raises DamagedFrame if it cannot be used."""

    @abstractmethod
    def name(self, index: int) -> str:
        """Return what a frame is called, without reading its images."""

    def __getitem__(self, index: int) -> Sample:
        """Return a frame, or the next one that can be read.

        Raises:
            IndexError: there is no such frame.
            DatasetError: more frames are damaged than `damage_limit` accepts, or all.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"{self.what} has {len(self)} frames; there is no frame {index}.")
        for step in range(len(self)):
            place = (index + step) % len(self)
            try:
                sample = self.read(place)
            except DamagedFrame as error:
                self._note(place, str(error))
                continue
            return {**sample, "substitute": torch.tensor(step > 0)}
        raise DatasetError(f"{self.what}: none of its {len(self)} frames can be read.")

    def damaged(self) -> list[str]:
        """Return the names of the damaged frames that were met so far, by all workers."""
        return [self.name(int(place)) for place in self._damaged.nonzero().flatten()]

    def epoch_order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """Return all frames in an order that depends on seed and epoch alone."""
        return np.random.default_rng((seed, epoch)).permutation(len(self)).astype(np.int64)

    def _note(self, place: int, reason: str) -> None:
        if not self._damaged[place]:
            self._damaged[place] = 1
            _log.warning("skipped a damaged frame: %s", reason)
        count = int(self._damaged.sum())
        if count > damage_limit(len(self)):
            others = [self.name(int(other)) for other in self._damaged.nonzero().flatten()[:_LISTED] if other != place]
            raise too_many_damaged(self.what, [reason, *others], count, len(self))
