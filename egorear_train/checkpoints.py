"""Checkpoints of a run: written whole or not at all, and never thrown away before a newer one is there."""

import os
import shutil
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from egorear_ros.models.checkpoint import CheckpointError
from egorear_ros.models.official import load_without_executing

LAST = "last.ckpt"
BEST = "best.ckpt"
ROOM = 4_000_000
"""Bytes that a disk has left, at most, when a write has failed for lack of room."""


class CheckpointWriteError(RuntimeError):
    """A checkpoint could not be written; the one before it is untouched."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the old file, and puts the new one in its place when it is complete and on the disk."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write a checkpoint.

        Raises:
            CheckpointWriteError: the disk is full or the folder cannot be written.
        """
        path = Path(path)
        # One name for all runs: what a kill leaves of a file is replaced by the next, not kept beside it for ever.
        partial = path.with_name(f".{path.name}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(checkpoint, partial)
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.replace(path)
        except (OSError, RuntimeError) as error:
            left = "The checkpoint of this name from before is untouched" if path.exists() else "None was there before"
            raise CheckpointWriteError(
                f"{path}: could not be written ({_cause(error, path.parent)}). {left}. "
                "Free some space and go on with --ckpt_path last."
            ) from error
        finally:
            partial.unlink(missing_ok=True)

    def load_checkpoint(self, path: str | Path, *args: Any, **options: Any) -> dict[str, Any]:
        """Read a checkpoint without executing anything from it.

        Raises:
            CheckpointError: the file is missing, damaged, or asks to run code.
        """
        path = Path(path)
        if not path.is_file():
            raise CheckpointError(f"ckpt_path is {path}, which does not exist.")
        content = load_without_executing(path)
        if not isinstance(content, dict) or "state_dict" not in content:
            raise CheckpointError(f"ckpt_path is {path}, which is not a checkpoint of a training run.")
        return content


def _cause(error: Exception, folder: Path) -> str:
    """Return why a file could not be written; torch hides what the system said behind where it was in the file."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return str(error).splitlines()[0]
    return f"its disk is full, {free / 1e6:.1f} MB are left" if free < ROOM else str(error).splitlines()[0]


class RunCheckpoints(Checkpoint):
    """Keeps `last.ckpt`, to go on from, and `best.ckpt`, of the epoch with the lowest validation error."""

    def __init__(self, folder: Path, every_steps: int) -> None:
        """Keep checkpoints in a folder.

        Args:
            folder: of the run.
            every_steps: optimiser steps between two `last.ckpt`; it is also written after every epoch.

        Raises:
            ValueError: `every_steps` is less than 1.
        """
        if every_steps < 1:
            raise ValueError(f"checkpoint_every is {every_steps}; expected 1 step or more.")
        self.folder, self.every_steps = folder, every_steps
        self.best: float | None = None
        self._step = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember which step the run begins or goes on with."""
        self._step = trainer.global_step

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save every so many steps, but not before an epoch's validation: a run that goes on would miss it.

        Nor between the batches of one step: their gradients are in no checkpoint.
        """
        before, self._step = self._step, trainer.global_step
        if self._step != before and self._step % self.every_steps == 0 and not trainer.is_last_batch:
            trainer.save_checkpoint(self.folder / LAST, weights_only=False)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save after every epoch and its validation."""
        value = trainer.callback_metrics.get(str(pl_module.monitor))
        if value is not None and (self.best is None or float(value) < self.best):
            self.best = float(value)
            trainer.save_checkpoint(self.folder / BEST, weights_only=False)
        trainer.save_checkpoint(self.folder / LAST, weights_only=False)

    def state_dict(self) -> dict[str, Any]:
        """Return the lowest error so far."""
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the lowest error so far."""
        self.best = state_dict["best"]
