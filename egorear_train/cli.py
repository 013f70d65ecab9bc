"""`egorear train fit|validate|test|predict`: LightningCLI with this project's defaults, folders and errors.

A run lives in one folder, `trainer.default_root_dir` (by default out/train/<name of the recipe>):
config.yaml (every setting, also the defaults), last.ckpt, best.ckpt, metrics.csv, pictures/ and
TensorBoard's files.
"""

import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentError
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningDataModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import TensorBoardLogger

from egorear_ros.models.size import ModelSize
from egorear_train import stages
from egorear_train.checkpoints import BEST, LAST, AtomicCheckpointIO, RunCheckpoints
from egorear_train.config_errors import TrainingConfigError, is_wrapped, plain
from egorear_train.csv_log import CsvLog
from egorear_train.data import FrameSetData
from egorear_train.monitors import Lines, Pictures, Predictions, RunLogs, Throughput
from egorear_train.schedule import CLIP_NORM, EPOCHS, OptimizerConfig
from egorear_train.stages import Stage

CONFIG = "config.yaml"
RUNS = Path("out/train")
SEED = 42

TRAINER_DEFAULTS: dict[str, Any] = {
    "max_epochs": EPOCHS,
    "gradient_clip_val": CLIP_NORM,
    "use_distributed_sampler": False,  # EpochBatches shares the frames among the processes itself
    "num_sanity_val_steps": 0,
    "enable_model_summary": False,
}


def describe(stage: Stage) -> str:
    """Return a stage's network and size in a sentence."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in stage.parameters()]
    total, trained = (sum(count for count, wanted in sizes if wanted or not only) / 1e6 for only in (False, True))
    return (
        f"{type(stage).__name__}: {type(stage.network).__name__} for {', '.join(stage.rig.views)}; "
        f"{total:.2f} M parameters, {trained:.2f} M of them trained"
    )


class TrainingCli(LightningCLI):
    """LightningCLI whose runs have one folder each, and whose errors are sentences."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the settings of a run that are neither the model's nor the data's."""
        parser.add_argument(
            "--checkpoint_every", type=int, default=500, help="Optimiser steps between two last.ckpt of a run."
        )
        parser.add_argument(
            "--pictures_every",
            type=int,
            default=1,
            help="Epochs between two pictures of heatmaps and skeletons; 0: none.",
        )

    def _parse_ckpt_path(self) -> None:
        """Lightning would read hyper-parameters from the checkpoint here; ours are in recipes alone."""

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return Path(self._get(self.config, "trainer")["default_root_dir"])

    def before_instantiate_classes(self) -> None:
        """Find the run's folder and what it is to go on from, before anything is built."""
        config = self.config[self.subcommand]
        if not config.trainer.default_root_dir:
            recipes = [Path(str(path)).stem for path in config.config or ()]
            config.trainer.default_root_dir = str(RUNS / (recipes[-1] if recipes else "run"))
        config.ckpt_path = self._resolve(config.ckpt_path)

    def _resolve(self, wanted: str | None) -> str | None:
        """Return the checkpoint to go on from or to measure."""
        last = self.folder / LAST
        if self.subcommand == "fit" and wanted is None and last.exists():
            raise TrainingConfigError(
                f"{self.folder} holds a run already. Go on with it: --ckpt_path last. Begin anew in another folder: "
                "--trainer.default_root_dir FOLDER."
            )
        if self.subcommand != "fit" and wanted is None and not self._get(self.config, "model").init_args.get("weights"):
            raise TrainingConfigError(
                f"{self.subcommand} needs trained weights: --ckpt_path best, last or a .ckpt of this training, or "
                "--model.weights FILE for an exported or official one."
            )
        if wanted not in ("last", "best"):
            if wanted and not Path(wanted).is_file():
                raise TrainingConfigError(f"ckpt_path is {wanted}, no such file; expected last, best or a file.")
            return wanted
        path = self.folder / (LAST if wanted == "last" else BEST)
        if path.exists():
            return str(path)
        if self.subcommand == "fit" and wanted == "last":
            return None  # the same command starts a run and goes on with it
        raise TrainingConfigError(f"{path} does not exist: {self.folder} has no such checkpoint. Train it first.")

    def instantiate_classes(self) -> None:
        """Build everything; a stage that takes over a checkpoint does not need what it once began with."""
        config = self.config[self.subcommand]
        settings, kept = config.model.init_args, config.model.init_args.get("weights")
        if config.ckpt_path and kept is not None:
            settings["weights"] = config.ckpt_path
        try:
            super().instantiate_classes()
        except ValueError as error:
            if settings.get("weights") == kept:
                raise
            # The option that was given, not the setting through which the weights come.
            raise ValueError(str(error).replace("model.weights is", "ckpt_path is")) from error
        if kept is not None:
            settings["weights"] = kept

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Build the trainer with the run's folder, loggers, checkpoints and monitors."""
        folder = self.folder
        fitting = self.subcommand == "fit"
        extra: list[Callback] = [Throughput(), RunLogs()] if fitting else []
        if fitting and (every := self._get(self.config, "pictures_every")):
            extra.append(Pictures(folder, every))
        extra += [Predictions(folder)] if self.subcommand == "predict" else []
        if fitting:
            extra.append(RunCheckpoints(folder, self._get(self.config, "checkpoint_every")))
        bars = self._get(self.config_init, "trainer")["enable_progress_bar"] is not False
        if sys.stdout.isatty() and bars:
            extra.append(RichProgressBar())
        elif fitting:
            extra.append(Lines())
        config = {**self._get(self.config_init, "trainer"), **kwargs}
        config["logger"] = [CsvLog(folder), TensorBoardLogger(str(folder), name="", version="")] if fitting else False
        config["enable_checkpointing"] = fitting
        config["enable_progress_bar"] = sys.stdout.isatty() and bars
        config["plugins"] = [*_listed(config.get("plugins")), AtomicCheckpointIO()]
        try:
            return self._instantiate_trainer(config, extra)
        except (MisconfigurationException, ValueError) as error:
            raise TrainingConfigError(f"settings of the trainer (--trainer.*): {error}") from error

    def before_fit(self) -> None:
        """Write every setting beside the checkpoints."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.trainer.is_global_zero:
            sys.stdout.write(f"{describe(self.model)}\nEverything goes into {self.folder}\n")
            path, config = str(self.folder / CONFIG), self.config[self.subcommand]
            self._parser(self.subcommand).save(config, path, skip_unset=False, overwrite=True, multifile=False)

    def predict(self, **kwargs: Any) -> None:
        """Predict; the poses go into a file, not into memory."""
        if self.trainer.world_size > 1:
            raise TrainingConfigError("predict runs in one process: --trainer.devices 1.")
        self.trainer.predict(**{**kwargs, "return_predictions": False})


def train(arguments: Sequence[str], data_class: type[LightningDataModule] = FrameSetData) -> None:
    """Run a sub-command of training.

    Args:
        arguments: `fit`, `validate`, `test` or `predict`, then options.
        data_class: the data module that the recipe's `data` configures.

    Raises:
        TrainingConfigError: an option or a recipe is wrong.
    """
    _quieten()
    torch.set_float32_matmul_precision("highest")  # as published: single precision
    # An abbreviation would set what its writer may not have meant.
    strict = {"exit_on_error": False, "allow_abbrev": False}
    try:
        TrainingCli(
            Stage,
            data_class,
            save_config_callback=None,
            trainer_defaults=TRAINER_DEFAULTS,
            seed_everything_default=SEED,
            parser_kwargs={**strict, **dict.fromkeys(TrainingCli.subcommands(), strict)},
            subclass_mode_model=True,
            args=list(arguments),
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
        )
    except (ArgumentError, ValueError) as error:
        if isinstance(error, ArgumentError) or is_wrapped(error):
            known = (
                Trainer,
                data_class,
                ModelSize,
                OptimizerConfig,
                *(getattr(stages, name) for name in stages.__all__),
            )
            raise TrainingConfigError(plain(str(error), known)) from error
        raise


def _quieten() -> None:
    """Silence what Lightning says about itself and about settings that are meant."""
    for text in (
        "LightningCLI's args parameter",
        "does not have many workers",
        "LeafSpec",
        "in eval mode at the start",
        "callbacks used to create the checkpoint",  # measuring needs none of them
    ):
        warnings.filterwarnings("ignore", message=f".*{text}.*")
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(_no_advertisement)
    logging.getLogger("lightning.pytorch.trainer.connectors.logger_connector.logger_connector").addFilter(
        _no_advertisement
    )


def _no_advertisement(record: logging.LogRecord) -> bool:
    return "litlogger" not in record.getMessage()


def _listed(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]
