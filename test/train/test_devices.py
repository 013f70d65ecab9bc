"""More than one process, half precision, compiled: the same recipe with Lightning's settings."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("lightning")

import torch
from tiny_dataset import write_dataset

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.models.build import load_network
from egorear_ros.models.checkpoint import load_checkpoint
from egorear_ros.models.official import load_without_executing
from egorear_train.export import export

REPOSITORY = Path(__file__).parents[2]
RECIPE = """
model:
  class_path: SmallPoseStage
  init_args:
    size: {image_size: 64, backbone_channels: 8, channels: 16, attention_points: 2, lifter_layers: 1}
    mirror: 0.5
data: {roots: ROOT, batch_size: 2, workers: 0}
pictures_every: 0
trainer: {max_epochs: 1, accelerator: cpu, log_every_n_steps: 1, limit_val_batches: 1}
"""


def fit(tmp_path: Path, *options: str) -> Path:
    """Train for an epoch of sixteen frame sets in a process of its own; return the run's folder."""
    root = write_dataset(tmp_path / "data", "syn", frames=8)
    (root / "validation.txt").write_text((root / "train.txt").read_text())
    recipe, run = tmp_path / "recipe.yaml", tmp_path / "run"
    recipe.write_text(RECIPE.replace("ROOT", str(root)))
    words = ["train", "fit", "--config", str(recipe), "--trainer.default_root_dir", str(run), *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "egorear_ros.cli", *words]
    result = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stdout + result.stderr
    return run


def losses(run: Path) -> list[float]:
    header, *rows = (line.split(",") for line in (run / "metrics.csv").read_text().splitlines())
    column = header.index("train/loss")
    return [float(row[column]) for row in rows if row[column]]


def test_two_processes_share_an_epoch(tmp_path: Path) -> None:
    """Without refinement, which leaves parameters over: one that is waited for and gets no gradient is an error.

    With as many channels as weights in channels-last need.
    """
    devices = ("--trainer.devices", "2", "--trainer.strategy", "ddp")
    parts = ("--model.refine", "false", "--model.virtual_cameras", "true", "--model.size.backbone_channels", "16")
    run = fit(tmp_path, *devices, *parts)
    assert load_without_executing(run / "last.ckpt")["global_step"] == 4, "16 frame sets, 2 for each process"
    assert len(losses(run)) == 4 and all(map(math.isfinite, losses(run)))
    assert load_checkpoint(run / "last.ckpt").header.absent == ("refinement",)


def test_half_precision(tmp_path: Path) -> None:
    run = fit(tmp_path, "--trainer.precision", "bf16-mixed")
    assert len(losses(run)) == 8 and all(map(math.isfinite, losses(run)))
    weights = load_checkpoint(run / "last.ckpt").state_dict
    assert all(str(value.dtype) != "torch.bfloat16" for value in weights.values()), "weights stay whole"


def test_virtual_cameras_from_files_to_weights(tmp_path: Path) -> None:
    """Trained on what virtual cameras show, run on what the real ones do."""
    run = fit(tmp_path, "--model.virtual_cameras", "true", "--model.turned", "0.5")
    assert all(map(math.isfinite, losses(run)))
    exported = export(run / "last.ckpt", tmp_path / "small.safetensors")
    assert exported.header.virtual_cameras and exported.header.input_size == 128
    network = load_network(exported, load_rig("ego4view_syn")).eval()
    with torch.no_grad():
        joints_cm = network(torch.zeros(1, 4, 3, 128, 128)).lift.joints_cm
    assert bool(joints_cm.isfinite().all())
    # The recipe without them does not go on from a run with them.
    again = subprocess.run(
        [sys.executable, "-m", "egorear_ros.cli", "train", "fit", "--config", str(tmp_path / "recipe.yaml"),
         "--trainer.default_root_dir", str(run), "--ckpt_path", "last"],
        check=False, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert again.returncode == 1
    assert "was trained with virtual cameras" in again.stderr
    assert "Set model.virtual_cameras to the file's" in again.stderr
