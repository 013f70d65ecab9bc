"""`egorear checkpoint`: what it prints, writes and refuses."""

from pathlib import Path

import pytest
import torch

from egorear_ros.cli import main
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.models.build import build_network
from egorear_ros.models.checkpoint import CheckpointHeader, load_checkpoint
from egorear_ros.models.size import ModelSize


def _run(*words: str | Path) -> int:
    return main(["checkpoint", *map(str, words)])


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An official EgoPoseFormer file: the smallest network that is made for a rig."""
    path = tmp_path_factory.mktemp("official") / "epoch=11.ckpt"
    torch.manual_seed(0)
    rig = load_rig("ego4view_syn").select(("front_left", "front_right"))
    network = build_network(CheckpointHeader("egoposeformer", ModelSize(view_count=2)), rig)
    torch.save({"state_dict": {f"model.{name}": value for name, value in network.state_dict().items()}}, path)
    return path


@pytest.fixture
def front_rig(tmp_path: Path) -> Path:
    from egorear_ros.geometry.rig_file import save_rig

    path = tmp_path / "front.yaml"
    save_rig(load_rig("ego4view_syn").select(("front_left", "front_right")), path)
    return path


def test_info_of_an_official_file(official: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("info", official) == 0
    out = capsys.readouterr().out
    for fact in (
        "egoposeformer, EgoPoseFormer pose network",
        "2, not named in this file",
        "262 tensors, 14.2 M",
        "epoch=11",
    ):
        assert fact in out


def test_convert(official: Path, front_rig: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.safetensors"
    assert _run("convert", official, out, "--rig", front_rig, "--training-data", "UnrealEgo") == 0
    before, after = load_checkpoint(official), load_checkpoint(out)
    assert after.header.views == ("front_left", "front_right")
    assert after.header.training_data == "UnrealEgo"
    assert after.header.source == "official file epoch=11.ckpt"
    assert all(torch.equal(after.state_dict[name], value) for name, value in before.state_dict.items())
    assert "front_left, front_right" in capsys.readouterr().out
    assert _run("convert", official, out, "--rig", front_rig) == 1
    assert "out.safetensors: exists already" in capsys.readouterr().err
    assert _run("convert", official, out, "--rig", front_rig, "--force") == 0
    assert load_checkpoint(out).header.training_data == ""


def test_errors_name_the_file_and_give_status_1(
    official: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.safetensors"
    for words, message in (
        (("info", tmp_path / "none.ckpt"), "none.ckpt: no such file"),
        (("convert", official, out, "--rig", "ego4view_syn"), "is for 2 views, but rig ego4view_syn"),
        (("convert", official, out, "--rig", "no_such_rig"), "no_such_rig"),
    ):
        assert _run(*words) == 1
        captured = capsys.readouterr().err
        assert captured.startswith("egorear checkpoint: ")
        assert message in captured
    assert not out.exists()
