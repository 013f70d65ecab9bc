"""Read a data set's frames once and say what is in it and what is damaged."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_train.datasets.base import FrameDataset, Sample
from egorear_train.datasets.errors import DamagedFrame


@dataclass
class SplitCheck:
    """What was found in a split.

    Attributes:
        frames: of the split.
        read: how many of them were read.
        damaged: what is wrong, of each damaged frame.
        joints_min_cm: (3,) of all joints in the device frame.
        joints_max_cm: (3,).
        pixels_min: (2,) of all joints in all views, px.
        pixels_max: (2,).
        visible_share: of joints in views; NaN where the data set does not say.
    """

    frames: int
    read: int = 0
    damaged: list[str] = field(default_factory=list)
    joints_min_cm: FloatArray = field(default_factory=lambda: np.full(3, np.inf))
    joints_max_cm: FloatArray = field(default_factory=lambda: np.full(3, -np.inf))
    pixels_min: FloatArray = field(default_factory=lambda: np.full(2, np.inf))
    pixels_max: FloatArray = field(default_factory=lambda: np.full(2, -np.inf))
    visible_share: float = float("nan")

    def add(self, sample: Sample) -> None:
        """Take a sample into the ranges."""
        joints, pixels = sample["joints_cm"].double().numpy(), sample["pixels"].double().numpy()
        self.joints_min_cm = np.minimum(self.joints_min_cm, joints.min(axis=0))
        self.joints_max_cm = np.maximum(self.joints_max_cm, joints.max(axis=0))
        self.pixels_min = np.minimum(self.pixels_min, pixels.min(axis=(0, 1)))
        self.pixels_max = np.maximum(self.pixels_max, pixels.max(axis=(0, 1)))


def check_split(
    dataset: FrameDataset, every: int = 1, progress: Callable[[int, int], None] | None = None
) -> SplitCheck:
    """Read every n-th frame, decoding its images, and return what was found.

    Args:
        dataset: a split, of original files or packed.
        every: n.
        progress: called with the numbers of frames that are read and that will be.
    """
    found = SplitCheck(len(dataset))
    numbers = range(0, len(dataset), max(1, every))
    visible = []
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        for done, result in enumerate(threads.map(lambda number: _read(dataset, number), numbers), start=1):
            if isinstance(result, str):
                found.damaged.append(result)
            else:
                found.read += 1
                found.add(result)
                visible.append(float(result["visible"].float().mean()))
            if progress:
                progress(done, len(numbers))
    if dataset.has_visibility and visible:
        found.visible_share = float(np.mean(visible))
    return found


def _read(dataset: FrameDataset, number: int) -> Sample | str:
    try:
        # Without the images, which would pile up when they are read faster than looked at.
        return {key: value for key, value in dataset.read(number).items() if key != "images"}
    except DamagedFrame as error:
        return str(error)
