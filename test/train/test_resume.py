"""A run that is killed and goes on ends as if it had never been interrupted."""

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("lightning")

from dotted_frames import DottedData

from egorear_ros.models.official import load_without_executing
from egorear_train.cli import train
from egorear_train.csv_log import CsvLog

REPOSITORY = Path(__file__).parents[2]
RECIPE = """
model:
  class_path: SmallPoseStage
  init_args:
    size: {image_size: 64, backbone_channels: 8, channels: 16, attention_points: 4, lifter_layers: 1}
data: {batch_size: 2}
checkpoint_every: 3
pictures_every: 0
trainer: {max_epochs: 3, accelerator: cpu, log_every_n_steps: 1}
"""
TIMINGS = ("train/samples_per_s", "train/waiting_share")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "dotted.yaml"
    path.write_text(RECIPE)
    return path


def arguments(recipe: Path, folder: Path) -> list[str]:
    return ["fit", "--config", str(recipe), "--trainer.default_root_dir", str(folder), "--ckpt_path", "last"]


def killed(recipe: Path, folder: Path, place: str) -> None:
    """Run a process until it is killed, four batches to an epoch."""
    script = REPOSITORY / "test" / "run_dotted.py"
    paths = os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "test")))
    environment = {**os.environ, "KILL_AT": place, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    command = [sys.executable, str(script), *arguments(recipe, folder)]
    result = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == -9, result.stdout + result.stderr


def rows(folder: Path) -> list[dict[str, str]]:
    """Return what was logged, without times."""
    with (folder / "metrics.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key not in TIMINGS} for row in csv.DictReader(file)]


def assert_same(one: Any, other: Any) -> None:
    if isinstance(one, torch.Tensor):
        torch.testing.assert_close(one, other, rtol=0.0, atol=0.0)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_same(left, right)
    else:
        assert one == other


def test_killed_runs_end_as_an_uninterrupted_one(recipe: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(arguments(recipe, whole), DottedData)
    # Killed in the middle of epoch 1 after a checkpoint in its middle; then in the validation of epoch 2.
    killed(recipe, broken, "step:7")
    assert load_without_executing(broken / "last.ckpt")["global_step"] == 6
    killed(recipe, broken, "epoch:2")
    assert load_without_executing(broken / "last.ckpt")["global_step"] == 9
    train(arguments(recipe, broken), DottedData)

    expected, found = (load_without_executing(folder / "last.ckpt") for folder in (whole, broken))
    assert expected["global_step"] == found["global_step"] == 12
    assert_same(expected["state_dict"], found["state_dict"])
    assert_same(expected["optimizer_states"], found["optimizer_states"])
    assert rows(broken) == rows(whole)
    assert not list(broken.glob(".*.partial"))


AFTER_AN_EPOCH = {  # steps between checkpoints, the run's length, where it is killed
    "as usual": (100, "max_epochs: 3", "step:5"),
    "counted in steps": (100, "max_epochs: -1, max_steps: 12", "step:5"),
    # Gradients of the batches before are in no checkpoint: none is written between the two batches of a step. After
    # the first of epoch 1 the step is still 2, as it was at the end of epoch 0.
    "several batches a step": (2, "max_epochs: 3, accumulate_grad_batches: 2", "step:2"),
}


@pytest.mark.parametrize("case", AFTER_AN_EPOCH)
def test_killed_after_an_epoch_a_run_goes_on_with_the_next(case: str, recipe: Path, tmp_path: Path) -> None:
    every, length, place = AFTER_AN_EPOCH[case]
    text = RECIPE.replace("checkpoint_every: 3", f"checkpoint_every: {every}")
    recipe.write_text(text.replace("max_epochs: 3", length))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(arguments(recipe, whole), DottedData)
    killed(recipe, broken, place)
    assert load_without_executing(broken / "last.ckpt")["epoch"] == 0
    train(arguments(recipe, broken), DottedData)
    expected, found = (load_without_executing(folder / "last.ckpt") for folder in (whole, broken))
    assert expected["global_step"] == found["global_step"]
    assert_same(expected["state_dict"], found["state_dict"])
    assert_same(expected["optimizer_states"], found["optimizer_states"])
    assert rows(broken) == rows(whole)


def test_a_full_disk_is_told_with_the_log(tmp_path: Path) -> None:
    log = CsvLog(tmp_path)
    log.begin(0)
    log.log_metrics({"loss": 1.0}, 0)
    log.path.symlink_to("/dev/full")
    log._columns = ["step", "loss"]
    with pytest.raises(OSError, match=r"No space left on device: '.*metrics\.csv'"):
        log.save()


def test_log_is_cut_off_where_the_run_goes_on(tmp_path: Path) -> None:
    log = CsvLog(tmp_path)
    log.begin(0)
    for step in range(6):
        log.log_metrics({"loss": 1.0 / (step + 1)}, step)
        log.save()
    log.log_metrics({"val": 3.0}, 5)
    log.save()
    again = CsvLog(tmp_path)
    again.begin(4)
    again.log_metrics({"loss": 0.5}, 4)
    again.save()
    with (tmp_path / "metrics.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["step"] for row in found] == ["0", "1", "2", "3", "4"]
    assert found[-1]["loss"] == "0.5"
    assert found[-1]["val"] == ""
