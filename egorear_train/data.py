"""From data sets to batches: what training, validation and test read."""

from collections.abc import Mapping
from typing import Any, Protocol, cast

import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import Dataset

from egorear_train.loader import EpochBatches, EpochLoader
from egorear_train.stages.base import Stage


class FrameSets(Protocol):
    """A data set: samples by number, see `batch.Batch` for their entries."""

    def __len__(self) -> int:
        """Return the number of frame sets."""

    def __getitem__(self, index: int) -> Mapping[str, Any]:
        """Return one of them."""


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


class TrainingData(LightningDataModule):
    """Loaders over data sets; a subclass says what they read.

    A subclass defines `framesets(split, stage)` for the splits "train", "validation" and "test".
    """

    def __init__(self, batch_size: int = 32, workers: int = 4, seed: int = 42) -> None:
        """Take what all data sets have.

        Args:
            batch_size: samples of a step, in each process: frame sets, in stage 1 images.
            workers: processes that read.
            seed: of the order of the samples.
        """
        super().__init__()
        self.batch_size, self.workers, self.seed = batch_size, workers, seed

    def framesets(self, split: str, stage: Stage) -> FrameSets:
        """Return the frame sets of a split, with the stage's views and image size."""
        raise NotImplementedError

    def train_dataloader(self) -> EpochLoader:
        """Return shuffled batches; the frames that do not fill the last one are left out, as published."""
        return self._loader("train", shuffle=True, drop_last=True)

    def val_dataloader(self) -> EpochLoader:
        """Return the validation split, whole; the published training leaves out an incomplete last batch."""
        return self._loader("validation")

    def test_dataloader(self) -> EpochLoader:
        """Return the test split, whole."""
        return self._loader("test")

    def predict_dataloader(self) -> EpochLoader:
        """Return the test split, whole."""
        return self._loader("test")

    def _loader(self, split: str, *, shuffle: bool = False, drop_last: bool = False) -> EpochLoader:
        trainer = self.trainer
        assert trainer is not None
        stage = cast(Stage, trainer.lightning_module)
        framesets = self.framesets(split, stage)
        dataset = cast("Dataset[Any]", framesets)
        if stage.single_views:
            dataset = SingleViews(framesets, len(stage.rig.views))
        try:
            batches = EpochBatches(
                len(dataset),  # type: ignore[arg-type]
                self.batch_size,
                seed=self.seed,
                shuffle=shuffle,
                drop_last=drop_last,
                rank=trainer.global_rank,
                world=trainer.world_size,
            )
        except ValueError as error:
            raise ValueError(f"split {split}: {error}") from None
        limit = trainer.limit_train_batches if split == "train" else None
        if isinstance(limit, float):
            limit = int(limit * len(batches))
        return EpochLoader(dataset, batches, self.workers, limit)
