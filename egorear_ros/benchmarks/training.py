"""How fast networks train, and whether they wait for their data: the shipped recipes on a small pack."""

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from egorear_ros.benchmarks.report import Row
from egorear_ros.benchmarks.startup import random_weights
from egorear_ros.paths import share_dir

MOST_WAITING = 0.05
SEQUENCES, FRAMES = 4, 32
RENDERED_PX = 256


@dataclass(frozen=True)
class Case:
    """One recipe.

    Attributes:
        name: of the network.
        recipe: file name in config/train.
        image_px: of its pack.
        batch: frame sets a step.
        steps: optimiser steps, the first `log_every` of which warm up.
        log_every: steps between two measurements.
        options: what else is set.
        virtual: whether its pack is of virtual cameras.
    """

    name: str
    recipe: str
    image_px: int
    batch: int
    steps: int
    log_every: int
    options: tuple[str, ...] = ()
    virtual: bool = False


@dataclass(frozen=True)
class Throughput:
    """What a run logged, without its beginning.

    Attributes:
        framesets_per_s: reading and steps, without validation and checkpoints.
        waiting: share of that time spent waiting for data.
    """

    framesets_per_s: float
    waiting: float


def measure_training(folder: Path, calib: str) -> list[Row]:
    """Train the small and the published network for some steps, as `egorear train fit` does.

    Args:
        folder: for the data set, its packs and the runs.
        calib: rig calibration, name or path.

    Raises:
        RuntimeError: a run failed; says where its log is.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    for case in _cases(folder, calib):
        found = _train(folder, calib, case)
        name = f"{case.name}, {case.batch} frame sets a step"
        rows += [
            Row(name, f"{found.framesets_per_s:.1f} framesets/s"),
            Row(
                f"{name}: time spent waiting for data",
                f"{100 * found.waiting:.1f} %",
                f"below {100 * MOST_WAITING:g} %",
                found.waiting < MOST_WAITING,
            ),
        ]
    return rows


def throughput(rows: Iterable[Mapping[str, str]], case: Case) -> Throughput:
    """Return the mean of what a run logged after its warm-up.

    Args:
        rows: of its metrics.csv, each about `case.log_every` steps.
        case: what was run.

    Raises:
        RuntimeError: nothing was logged after the warm-up.
    """
    logged = [row for row in rows if row.get("train/samples_per_s")][1:]
    if not logged:
        raise RuntimeError(f"{case.name}: no throughput was logged in {case.steps} steps; expected one a log interval.")
    samples = case.batch * case.log_every
    seconds = [samples / float(row["train/samples_per_s"]) for row in logged]
    waited = [float(row["train/waiting_share"]) * s for row, s in zip(logged, seconds, strict=True)]
    return Throughput(samples * len(seconds) / sum(seconds), sum(waited) / sum(seconds))


def _cases(folder: Path, calib: str) -> list[Case]:
    import torch

    gpu = torch.cuda.is_available()
    # The published batch of 32 takes half an hour for a few steps of a CPU, and more memory than many have.
    batch, steps, log_every = (32, 40, 10) if gpu else (4, 5, 1)
    published = ("--model.weights", str(random_weights(folder, calib)), "--data.workers", "4" if gpu else "1")
    return [
        Case("EgoRear-small at 128 px, bfloat16", "egorear_small.yaml", 128, 32, 40, 10, virtual=True),
        Case(
            "published size (stage 3) at 256 px",
            "ego4view_syn_pose3d_fixed.yaml",
            256,
            batch,
            steps,
            log_every,
            published,
        ),
    ]


def _train(folder: Path, calib: str, case: Case) -> Throughput:
    """Run a recipe in a process of its own, as a user would, and return what it logged."""
    packs = _packs(folder, calib, case)
    run = folder / Path(case.recipe).stem
    shutil.rmtree(run, ignore_errors=True)
    words = ["train", "fit", "--config", str(share_dir() / "config" / "train" / case.recipe)]
    words += ["--model.rig", calib, "--data.roots", json.dumps(dict.fromkeys(packs, 1.0))]
    words += ["--data.epoch_frames", str(case.batch * case.steps), "--data.batch_size", str(case.batch)]
    words += ["--trainer.max_steps", str(case.steps), "--trainer.log_every_n_steps", str(case.log_every)]
    words += ["--trainer.limit_val_batches", "0", "--trainer.default_root_dir", str(run), *case.options]
    _egorear(words, folder / f"{run.name}.log")
    with (run / "metrics.csv").open(newline="") as file:
        found = throughput(list(csv.DictReader(file)), case)
    shutil.rmtree(run)  # a checkpoint of the published size takes a gigabyte
    return found


def _packs(folder: Path, calib: str, case: Case) -> list[str]:
    """Return two names of one pack: only mixtures may be drawn from for longer than they are."""
    data, out = folder / "data", folder / f"pack_{case.image_px}{'_virtual' if case.virtual else ''}"
    again = out.with_name(f"{out.name}_again")
    words = ["synth", "--rig", calib, "--out", str(data), "--seed", "1", "--size", str(RENDERED_PX)]
    words += ["--sequences", str(SEQUENCES), "--frames", str(FRAMES), "--rate", "2", "--samples", "1"]
    _egorear([*words, "--split", "75/25/0"], folder / "synth.log")  # goes on, or finds everything there
    if not (out / "card.json").is_file():
        shutil.rmtree(out, ignore_errors=True)
        words = ["data", "pack", str(data), "--calib", calib, "--out", str(out), "--size", str(case.image_px)]
        _egorear([*words, *(["--virtual-cameras"] if case.virtual else [])], folder / "pack.log")
    if not again.exists():
        again.symlink_to(out)
    return [str(out), str(again)]


def _egorear(words: Sequence[str], log: Path) -> None:
    with log.open("w") as file:
        command = [sys.executable, "-m", "egorear_ros.cli", *words]
        status = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    if status:
        raise RuntimeError(f"egorear {words[0]} {words[1]} ended with status {status}; its words are in {log}.")
