"""Checkpoints of a run: whole or not at all; and what a full disk leaves."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from dotted_frames import DottedData

pytest.importorskip("lightning")

from egorear_ros.models.checkpoint import CheckpointError, load_checkpoint
from egorear_train.checkpoints import AtomicCheckpointIO, CheckpointWriteError
from egorear_train.cli import train

RECIPE = """
model:
  class_path: HeatmapStage
  init_args:
    imagenet: ""
    size: {image_size: 64, backbone_channels: 8, channels: 16}
data: {batch_size: 8}
pictures_every: 0
trainer: {max_epochs: 1, accelerator: cpu, log_every_n_steps: 1}
"""


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let writing fail beyond a size, as a full disk does: with an error half-way."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    io, path = AtomicCheckpointIO(), tmp_path / "last.ckpt"
    io.save_checkpoint({"state_dict": {"w": torch.arange(4.0)}}, path)
    with largest_file(10_000), pytest.raises(CheckpointWriteError, match="last.ckpt: could not be written.*untouched"):
        io.save_checkpoint({"state_dict": {"w": torch.zeros(100_000)}}, path)
    assert torch.equal(io.load_checkpoint(path)["state_dict"]["w"], torch.arange(4.0))
    assert [entry.name for entry in tmp_path.iterdir()] == ["last.ckpt"]


def test_what_a_kill_leaves_is_replaced(tmp_path: Path) -> None:
    """A killed run cannot remove the part of a file that it has written; it must not pile up."""
    io, path = AtomicCheckpointIO(), tmp_path / "last.ckpt"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        with largest_file(10_000), pytest.raises(CheckpointWriteError):
            io.save_checkpoint({"state_dict": {"w": torch.zeros(100_000)}}, path)
    assert len(list(tmp_path.iterdir())) == 1, "a part of a file"
    io.save_checkpoint({"state_dict": {"w": torch.arange(4.0)}}, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["last.ckpt"]


def test_a_full_disk_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's own message says where in the file it was, not why."""
    content = {"state_dict": {"w": torch.zeros(100_000)}}
    for free, message in ((1_500_000, "its disk is full, 1.5 MB are left"), (10**10, "unexpected pos")):
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        with largest_file(10_000), pytest.raises(CheckpointWriteError, match=message):
            AtomicCheckpointIO().save_checkpoint(content, tmp_path / "last.ckpt")


def test_a_run_stops_at_a_full_disk_and_goes_on_later(tmp_path: Path) -> None:
    recipe, folder = tmp_path / "dotted.yaml", tmp_path / "run"
    recipe.write_text(RECIPE)
    command = ["fit", "--config", str(recipe), "--trainer.default_root_dir", str(folder), "--ckpt_path", "last"]
    train(command, DottedData)
    before = (folder / "last.ckpt").read_bytes()
    assert len(before) > 500_000
    more = [*command, "--trainer.max_epochs", "2"]
    with largest_file(500_000), pytest.raises(CheckpointWriteError, match=r"could not be written.*--ckpt_path last"):
        train(more, DottedData)
    assert (folder / "last.ckpt").read_bytes() == before
    assert not list(folder.glob(".*.partial"))
    train(more, DottedData)
    assert torch.load(folder / "last.ckpt", weights_only=True)["epoch"] == 1
    assert (folder / "config.yaml").is_file()
    assert load_checkpoint(folder / "best.ckpt").header.architecture == "egorear_heatmap"


def test_damaged_and_foreign_checkpoints_are_refused(tmp_path: Path) -> None:
    io, path = AtomicCheckpointIO(), tmp_path / "last.ckpt"
    with pytest.raises(CheckpointError, match="does not exist"):
        io.load_checkpoint(path)
    io.save_checkpoint({"state_dict": {}}, path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CheckpointError, match="not a complete PyTorch file"):
        io.load_checkpoint(path)
    torch.save([1], path)
    with pytest.raises(CheckpointError, match="not a checkpoint of a training run"):
        io.load_checkpoint(path)
