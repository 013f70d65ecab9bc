"""What all stages of training share: optimiser, rate, checks, logging and the header of checkpoints.

A new stage is a subclass of `Stage` that names its architecture, builds its network and says what
`run`, `losses` and `metrics` are; importing it in `egorear_train.stages` makes it known to recipes
(`model: {class_path: NewStage, init_args: ...}`). What it may rely on:

* `self.network` is the plain network; its names, without a prefix, are those of exported files.
* `self.real_rig` has the cameras of the data, `self.rig` those that the network sees, see `virtual_cameras`.
* `self.rig` and `self.size` are the rig reduced to the views, and the sizes with its view count.
* `run(batch)` gets a `Batch` on the right device, images still uint8 (`normalise_images`).
* `losses` returns named scalars, which are added up and logged as `train/<name>` and `val/<name>`.
* `metrics` returns named numbers, logged as `val/<name>` or `test/<name>`, averaged over frames.
* Random numbers in a step come from `step_generator()`, so that a resumed run continues identically.
* What follows a step, such as averaged weights, is done in `after_step`: Lightning's own
  `on_train_batch_end` comes after checkpoints have been written.
* Parameters that a stage never trains are named in `untrained`, so that several GPUs do not wait for
  their gradients; they stay in the optimiser, which skips them.
"""

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from typing import Any, ClassVar

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from egorear_ros.models.checkpoint import CheckpointError
from egorear_ros.models.header import CheckpointHeader
from egorear_ros.models.official import HEADER_KEY
from egorear_ros.models.size import ModelSize
from egorear_train.batch import Batch, check_batch, without_substitutes
from egorear_train.pictures import Snapshot
from egorear_train.rigs import load_training_rig
from egorear_train.schedule import OptimizerConfig, learning_rate, make_optimizer
from egorear_train.weights import add_layers, begin_with, check_header, load_strictly


class TrainingDiverged(RuntimeError):
    """A loss or a gradient is no number: names the step and the frames; the weights are those before the step."""


class Stage(LightningModule):
    """One stage of training."""

    architecture: ClassVar[str]
    """A key of `ARCHITECTURES`: what its checkpoints are."""

    needs: ClassVar[tuple[str, ...]] = ("joints_cm", "pixels", "T_camera_device")
    """Entries of a batch that it trains with, besides images."""

    single_views: ClassVar[bool] = False
    """Whether a sample is one image instead of a frame set."""

    virtual_cameras: bool = False
    """Whether the network sees what virtual cameras show, see `geometry.virtual_camera`."""

    network: nn.Module

    def __init__(
        self, rig: str, views: Sequence[str], size: ModelSize, optimizer: OptimizerConfig, training_data: str
    ) -> None:
        """Take what every stage has.

        Args:
            rig: name in `calib/` or path of a rig file.
            views: V names of its views, in the model's order.
            size: sizes of the network; its view count is taken from `views`.
            optimizer: method and rate.
            training_data: what it is trained on, in words, for the header of exported weights.
        """
        super().__init__()
        self.rig = self.real_rig = load_training_rig(rig, tuple(views))
        if len(views) < 2 and not self.single_views:
            raise ValueError(f"model.views is {', '.join(views)}; expected two or more: one view shows no depth.")
        self.size = replace(size, view_count=max(2, len(views)))
        self.optimizer_config = optimizer
        self.training_data = training_data
        self.last_metrics: dict[str, float] = {}
        self._names: list[str] = []
        self._checked: set[str] = set()

    # --- what a stage says about itself

    @abstractmethod
    def run(self, batch: Batch) -> Any:
        """Return the network's output for a batch."""

    @abstractmethod
    def losses(self, output: Any, batch: Batch) -> dict[str, Tensor]:
        """Return the terms of the loss, weighted."""

    @abstractmethod
    def metrics(self, output: Any, batch: Batch) -> dict[str, float]:
        """Return what is measured in validation and test, each a mean over the frames of the batch."""

    @abstractmethod
    def snapshot(self, output: Any, batch: Batch) -> Snapshot:
        """Return what pictures of the first frames of a batch are drawn from."""

    @property
    def monitor(self) -> str:
        """The logged number that tells the best checkpoint; lower is better."""
        return "val/mpjpe_mm"

    def untrained(self) -> list[str]:
        """Return parts of parameter names of the network that no loss reaches."""
        return []

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """Return names and joints (B, 16, 3), m, device frame."""
        raise ValueError(f"{type(self).__name__} estimates no poses, so it cannot predict them. Use a pose stage.")

    # --- setting up

    def finish_network(self, network: nn.Module, weights: str, compile_network: bool) -> None:
        """Take over the network, freeze what is never trained, and load weights of the same stage.

        Args:
            network: built for `self.size` and `self.rig`, with what comes from the stage before.
            weights: checkpoint of this same stage to begin with, see `weights.begin_with`; "" for none.
            compile_network: run it through torch.compile.
        """
        if weights:
            found = begin_with(weights, self.header(), "model.weights")
            load_strictly(network, add_layers(found, network), found.path, f"this {self.architecture}")
        parts = self.untrained()
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(not any(part in f".{name}" for part in parts))
        self.network = network
        self.train()  # Lightning leaves the modes as they are: what a stage keeps in evaluation must be so from here on
        if compile_network:
            network.compile()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimiser; the rate is set before every step, see `learning_rate`."""
        return make_optimizer(self.network, self.optimizer_config)

    def header(self) -> CheckpointHeader:
        """Return what the weights are for."""
        return CheckpointHeader(
            self.architecture,
            self.size,
            self.rig.views if len(self.rig.views) == self.size.view_count else (),
            training_data=self.training_data,
            metrics=self.last_metrics,
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Write the header into a checkpoint."""
        checkpoint[HEADER_KEY] = self.header().to_json()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse to go on from a checkpoint of another stage, size or views."""
        if HEADER_KEY not in checkpoint:
            raise CheckpointError(
                "ckpt_path is not a checkpoint of this training: it has no header. Official weights are started from "
                "with --model.weights."
            )
        found = CheckpointHeader.from_json(checkpoint[HEADER_KEY])
        path = getattr(self._trainer, "ckpt_path", None) or "the checkpoint to go on from"
        check_header(str(path), found, self.header(), "ckpt_path")
        self.last_metrics = dict(found.metrics)

    # --- training

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Set the rate of this step, a function of step and epoch alone."""
        rate = self.rate()
        for group in self.optimizers().param_groups:  # type: ignore[union-attr]
            group["lr"] = rate

    def rate(self) -> float:
        """Return the learning rate of the step to come."""
        return learning_rate(self.global_step, self.current_epoch, self.optimizer_config)

    def step_generator(self, what: str = "") -> torch.Generator:
        """Return random numbers for something in a step.

        They depend on seed, step, process and what they are for alone, so that a resumed run repeats them.
        """
        key = f"{torch.initial_seed()} {self.global_step} {self.global_rank} {what}"
        seed = int.from_bytes(sha256(key.encode()).digest()[:7], "big")
        return torch.Generator(self.device).manual_seed(seed)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        self._check_first(batch, "fit")
        terms = self.losses(self.run(batch), batch)
        loss = torch.stack(list(terms.values())).sum()
        self._names += batch["meta"]
        self._loss = loss.detach()
        # On a CPU the gradient of sampling at a place that is no number reads outside its memory and crashes. On a
        # GPU it does not, and to ask here would make it wait.
        if loss.device.type == "cpu" and not bool(self._loss.isfinite()):
            raise self._diverged()
        count = len(batch["meta"])
        self.log("train/loss", self._loss, prog_bar=True, batch_size=count)
        self.log_dict({f"train/{name}": term.detach() for name, term in terms.items()}, batch_size=count)
        return loss

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Take a step, and let the stage follow it before anything is saved."""
        super().optimizer_step(*args, **kwargs)
        self.after_step()

    def after_step(self) -> None:
        """Do what belongs to a step, for example average weights; `global_step` still counts the steps before."""

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the gradient's norm and log it.

        Raises:
            TrainingDiverged: loss or gradient is not finite; nothing has been changed by this step.
        """
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        limit = float("inf") if gradient_clip_val is None else float(gradient_clip_val)
        norm = nn.utils.clip_grad_norm_(parameters, limit)
        if not bool(torch.stack((norm, self._loss.to(norm))).isfinite().all()):
            raise self._diverged(f" and the gradient's norm {float(norm):g}")
        self._names.clear()
        self.log("train/gradient_norm", norm)
        self.log("train/learning_rate", optimizer.param_groups[0]["lr"])

    def _diverged(self, more: str = "") -> TrainingDiverged:
        """Return the error of a step that cannot be taken."""
        return TrainingDiverged(
            f"step {self.global_step}, epoch {self.current_epoch}: the loss is {float(self._loss):g}{more}. Frames: "
            f"{', '.join(self._names)}. The checkpoints written before are untouched: go on from last, or from best if "
            "the last steps were astray already, with a lower model.optimizer.learning_rate, or without these frames."
        )

    # --- measuring

    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Any] | None:
        """Log losses and metrics of a batch; return what pictures are drawn from, of the first one."""
        self._check_first(batch, "validate")
        measured = without_substitutes(batch)
        if measured is None:
            return None
        batch = measured
        output = self.run(batch)
        terms = self.losses(output, batch)
        self._log_mean("val", {"loss": torch.stack(list(terms.values())).sum(), **terms}, len(batch["meta"]))
        self._log_mean("val", self.metrics(output, batch), len(batch["meta"]))
        return {"snapshot": self.snapshot(output, batch)} if batch_idx == 0 else None

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Log the metrics of a batch."""
        self._check_first(batch, "test")
        measured = without_substitutes(batch)
        if measured is not None:
            self._log_mean("test", self.metrics(self.run(measured), measured), len(measured["meta"]))

    def on_validation_epoch_end(self) -> None:
        """Remember the metrics for the header of checkpoints."""
        if not self.trainer.sanity_checking:
            values = self.trainer.callback_metrics
            self.last_metrics = {
                name.removeprefix("val/"): float(value)
                for name, value in values.items()
                if name in ("val/mpjpe_mm", "val/pa_mpjpe_mm", "val/peak_error_px")
            }

    def _log_mean(self, prefix: str, values: Mapping[str, Tensor] | Mapping[str, float], count: int) -> None:
        named = {f"{prefix}/{name}": value for name, value in values.items()}
        self.log_dict(named, on_step=False, on_epoch=True, batch_size=count, sync_dist=True)

    def _check_first(self, batch: Batch, phase: str) -> None:
        if phase not in self._checked:
            views = 1 if self.single_views else len(self.rig.views)
            check_batch(batch, views, self.size.image_size, self.needs)
            self._checked.add(phase)

    def settings(self) -> str:
        """Return sizes and optimiser as JSON, for logs."""
        return json.dumps({"size": self.size.to_dict(), "optimizer": asdict(self.optimizer_config)})
