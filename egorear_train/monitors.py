"""What is watched while a stage trains: throughput and waiting for data, pictures, lines of progress."""

import sys
import time
from pathlib import Path
from typing import Any, cast

import cv2
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from egorear_train.csv_log import CsvLog
from egorear_train.loader import EpochLoader
from egorear_train.pictures import Snapshot, draw_heatmaps, save_skeletons
from egorear_train.stages.base import Stage

PICTURES = "pictures"


class Throughput(Callback):
    """Logs samples per second and the share of the time spent waiting for data.

    A sample is a frame set, in stage 1 an image. Only reading and steps count, neither validation nor
    checkpoints.
    """

    def __init__(self) -> None:
        """Start at zero."""
        self._samples, self._waited_s, self._worked_s = 0, 0.0, 0.0
        self._loader_waited_s = 0.0
        self._began = 0.0

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Count how long this batch was waited for."""
        total_s = cast(EpochLoader, trainer.train_dataloader).waited_s
        self._waited_s += total_s - self._loader_waited_s
        self._loader_waited_s = total_s
        self._began = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the step; log every `log_every_n_steps`."""
        log_now = _logs_now(trainer)
        if log_now and pl_module.device.type == "cuda":
            torch.cuda.synchronize()
        self._worked_s += time.perf_counter() - self._began
        self._samples += len(batch["meta"]) * trainer.world_size
        if log_now:
            total_s = self._waited_s + self._worked_s
            pl_module.log("train/samples_per_s", self._samples / total_s, prog_bar=True)
            pl_module.log("train/waiting_share", self._waited_s / total_s)
            self._samples, self._waited_s, self._worked_s = 0, 0.0, 0.0


class Pictures(Callback):
    """Draws the first frame set of the validation, into the run's folder and TensorBoard."""

    def __init__(self, folder: Path, every: int = 1) -> None:
        """Write below `folder`, after every so many epochs."""
        self.folder, self.every = folder / PICTURES, every
        self._snapshot: Snapshot | None = None

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep what the stage returned for the first batch."""
        if outputs:
            self._snapshot = outputs["snapshot"]

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw it."""
        snapshot, self._snapshot = self._snapshot, None
        due = (trainer.current_epoch + 1) % self.every == 0
        if snapshot is None or not due or trainer.sanity_checking or not trainer.is_global_zero:
            return
        stage = cast(Stage, pl_module)
        self.folder.mkdir(parents=True, exist_ok=True)
        stem = f"epoch_{trainer.current_epoch:03d}"
        drawn = {}
        if snapshot.maps:
            drawn["heatmaps"] = self.folder / f"{stem}_heatmaps.png"
            if not cv2.imwrite(str(drawn["heatmaps"]), draw_heatmaps(snapshot, stage.rig)):
                raise OSError(f"{drawn['heatmaps']} could not be written. Is the disk full?")
        if snapshot.joints_cm is not None:
            drawn["skeletons"] = self.folder / f"{stem}_skeletons.png"
            caption = f"{snapshot.name}, validation after epoch {trainer.current_epoch}, step {trainer.global_step}"
            save_skeletons(drawn["skeletons"], snapshot, stage.rig, caption)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                for name, path in drawn.items():
                    picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
                    logger.experiment.add_image(f"val/{name}", picture, trainer.global_step, dataformats="HWC")


class RunLogs(Callback):
    """Begins the CSV log at the step from which the run starts or goes on, and counts steps as `global_step` does."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Cut off what a killed run had logged after its last checkpoint."""
        for logger in trainer.loggers:
            if isinstance(logger, CsvLog):
                logger.begin(trainer.global_step)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Log under the number of the step: Lightning's own count for logs is one off in some runs that go on."""
        trainer.fit_loop.epoch_loop._batches_that_stepped = trainer.global_step  # noqa: SLF001 (there is no other way)


class Lines(Callback):
    """Progress as lines, where the output is a file and a bar would fill it with copies of itself."""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write a line every `log_every_n_steps`."""
        if _logs_now(trainer):
            metrics = trainer.callback_metrics
            rate = metrics.get("train/samples_per_s")
            speed = f", {float(rate):.1f} samples/s" if rate is not None else ""
            self._say(
                trainer,
                f"epoch {trainer.current_epoch}, batch {batch_idx + 1} of {trainer.num_training_batches}, "
                f"step {trainer.global_step}: loss {float(metrics['train/loss']):.4g}{speed}",
            )

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the validation's main number."""
        monitor = str(cast(Stage, pl_module).monitor)
        value = trainer.callback_metrics.get(monitor)
        if value is not None:
            self._say(trainer, f"epoch {trainer.current_epoch} done: {monitor} {float(value):.4g}")

    def _say(self, trainer: Trainer, text: str) -> None:
        if trainer.is_global_zero:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()


def _logs_now(trainer: Trainer) -> bool:
    every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
    return trainer.global_step % every == 0


class Predictions(Callback):
    """Writes `predictions.npz` with the names of all frames and their joints (N, 16, 3), device frame, m."""

    def __init__(self, folder: Path) -> None:
        """Write into `folder`."""
        self.path = folder / "predictions.npz"
        self._names: list[str] = []
        self._joints: list[torch.Tensor] = []

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Collect a batch, without frames that stand in for damaged ones."""
        names = outputs["meta"]
        stand_in = batch["substitute"].tolist() if "substitute" in batch else [False] * len(names)
        keep = [place for place, substitute in enumerate(stand_in) if not substitute]
        self._names += [names[place] for place in keep]
        self._joints.append(outputs["joints_device"][keep])

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the file."""
        import numpy as np

        self.path.parent.mkdir(parents=True, exist_ok=True)
        joints = torch.cat(self._joints).numpy()
        np.savez_compressed(self.path, names=np.array(self._names), joints_device=joints)
        sys.stdout.write(f"Written: {self.path}, {len(joints)} poses\n")
