"""From data sets to batches: what training, validation and test read."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from egorear_train.batch import collate
from egorear_train.datasets.make import make_dataset
from egorear_train.loader import EpochBatches, EpochLoader
from egorear_train.probe import probe
from egorear_train.stages.base import Stage


class FrameSets(Protocol):
    """A data set: samples by number, see `datasets.base` for their entries."""

    def __len__(self) -> int:
        """Return the number of frame sets of an epoch."""

    def __getitem__(self, index: int) -> Mapping[str, Any]:
        """Return one of them."""

    def epoch_order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """Return the frame sets of an epoch in a shuffled order."""


class SingleViews(Dataset[dict[str, Any]]):
    """Every image of a data set as a sample of its own, with V = 1 and the number of its view."""

    def __init__(self, framesets: FrameSets, views: int) -> None:
        """Wrap frame sets of `views` views."""
        self.framesets, self.views = framesets, views

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.framesets) * self.views

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return image `index % views` of frame set `index // views`."""
        frame, view = divmod(index, self.views)
        sample = dict(self.framesets[frame])
        for key in ("images", "pixels", "visible", "T_camera_device"):
            if key in sample:
                sample[key] = sample[key][view : view + 1]
        return {**sample, "view": torch.tensor(view), "meta": f"{sample.get('meta', frame)} view {view}"}

    def epoch_order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """Return the images of an epoch; those of one frame set come far from each other.

        Views take turns, each going through the frame sets from another place on: that keeps the order
        in which a data set likes to be read.
        """
        frames = self.framesets.epoch_order(seed, epoch)
        columns = [np.roll(frames, -view * len(frames) // self.views) * self.views + view for view in range(self.views)]
        return np.stack(columns, axis=1).ravel()


class TrainingData(LightningDataModule):
    """Loaders over data sets; a subclass says what they read."""

    def __init__(self, batch_size: int, workers: int, seed: int) -> None:
        """Take what all data have.

        Args:
            batch_size: samples of a step, in each process: frame sets, in stage 1 images.
            workers: processes that read.
            seed: of the order of the samples.

        Raises:
            ValueError: there are to be no samples in a batch, or fewer workers than none.
        """
        super().__init__()
        if batch_size < 1:
            raise ValueError(f"data.batch_size is {batch_size}; expected 1 or more.")
        if workers < 0:
            raise ValueError(f"data.workers is {workers}; expected 0, which reads in the training process, or more.")
        self.batch_size, self.workers, self.seed = batch_size, workers, seed

    @abstractmethod
    def framesets(self, split: str, stage: Stage) -> FrameSets:
        """Return the frame sets of "train", "validation" or "test", with the stage's views and image size."""

    def train_dataloader(self) -> EpochLoader:
        """Return shuffled batches; the frames that do not fill the last one are left out, as published."""
        return self._loader("train", shuffle=True, drop_last=True)

    def val_dataloader(self) -> EpochLoader:
        """Return the validation split, whole; the published training leaves out an incomplete last batch."""
        return self._loader("validation")

    def test_dataloader(self) -> EpochLoader:
        """Return the test split, whole."""
        return self._loader("test")

    def predict_dataloader(self) -> "DataLoader[Any]":
        """Return the test split, whole, as a plain loader: Lightning replaces the sampler of this one."""
        source = cast("Dataset[Any]", self._source("test"))
        return DataLoader(source, batch_size=self.batch_size, num_workers=self.workers, collate_fn=collate)

    def _source(self, split: str) -> FrameSets:
        trainer = self.trainer
        assert trainer is not None
        stage = cast(Stage, trainer.lightning_module)
        framesets = self.framesets(split, stage)
        return SingleViews(framesets, len(stage.rig.views)) if stage.single_views else framesets

    def _loader(self, split: str, *, shuffle: bool = False, drop_last: bool = False) -> EpochLoader:
        trainer = self.trainer
        assert trainer is not None
        source = self._source(split)
        samples = len(source)

        def order(epoch: int) -> NDArray[np.int64]:
            return source.epoch_order(self.seed, epoch) if shuffle else np.arange(samples, dtype=np.int64)

        try:
            batches = EpochBatches(
                order,
                samples,
                self.batch_size,
                drop_last=drop_last,
                rank=trainer.global_rank,
                world=trainer.world_size,
            )
        except ValueError as error:
            raise ValueError(f"split {split}: {error}") from None
        limit = trainer.limit_train_batches if split == "train" else None
        if isinstance(limit, float):
            limit = int(limit * len(batches))
        # Lightning restores the loader of an epoch that was interrupted; a run that was stopped between two epochs
        # begins with a new one, and `current_epoch` is set only later.
        epoch = trainer.fit_loop.epoch_progress.current.processed  # type: ignore[attr-defined]
        return EpochLoader(cast("Dataset[Any]", source), batches, self.workers, limit, epoch)


class FrameSetData(TrainingData):
    """Ego4View's own files, packs of them, or several data sets mixed."""

    def __init__(
        self,
        roots: str | list[str] | dict[str, float] = "",
        batch_size: int = 32,
        workers: int = 4,
        seed: int = 42,
        quirks: Sequence[str] = (),
        epoch_frames: int | None = None,
        cache: str = "",
        cache_gb: float | None = None,
    ) -> None:
        """Say where the data are.

        Args:
            roots: folder or URL of a data set or of a pack of it; several, or several with weights.
            batch_size: samples of a step, in each process: frame sets, in stage 1 images.
            workers: processes that read.
            seed: of the order of the samples.
            quirks: faults of the published readers to repeat, see `datasets.frames.QUIRKS`.
            epoch_frames: draws of an epoch of a mixture; by default as many as there are frames.
            cache: folder for shards fetched from URLs.
            cache_gb: size above which the oldest of them are removed again.
        """
        super().__init__(batch_size, workers, seed)
        self.roots, self.quirks, self.epoch_frames = roots, tuple(quirks), epoch_frames
        self.cache, self.cache_gb = Path(cache) if cache else None, cache_gb

    def framesets(self, split: str, stage: Stage) -> FrameSets:
        """Open the data sets, and look at a frame of each."""
        if not self.roots:
            raise ValueError("data.roots is empty; expected the folder of a data set: --data.roots FOLDER.")
        dataset = make_dataset(
            self.roots,
            split,
            stage.real_rig,
            stage.size.image_size,
            virtual_cameras=stage.virtual_cameras,
            quirks=self.quirks,
            seed=self.seed,
            length=self.epoch_frames,
            cache=self.cache,
            cache_gb=self.cache_gb,
        )
        probe(dataset, stage.rig)
        return dataset
