"""`egorear export`: what it refuses, and a file of two views in 8 bits from start to end."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_dataset
import tiny_networks as tiny

from egorear_ros.cli import main
from egorear_ros.models.checkpoint import save_checkpoint
from egorear_ros.models.header import CheckpointHeader
from egorear_ros.models.size import ModelSize
from egorear_ros.models.small.network import SMALL


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    header = CheckpointHeader("egorear_small", replace(SMALL, **tiny.TINY), views=tiny.RIG.views)
    save_checkpoint(path, tiny.tiny_network("small").state_dict(), header)
    return path


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """Run the command, which must fail; return its error."""
    assert main(["export", *map(str, words)]) == 1
    return capsys.readouterr().err


def test_what_is_refused(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    out = tmp_path / "model.onnx"
    assert "expected a name that ends in .onnx" in refused(capsys, checkpoint, "--out", tmp_path / "model.bin")
    assert "there is no folder" in refused(capsys, checkpoint, "--out", tmp_path / "nowhere" / "model.onnx")
    assert "no such file. Set estimator.checkpoint" in refused(capsys, tmp_path / "x.safetensors", "--out", out)
    assert "--opset 3: expected 16 to 20" in refused(capsys, checkpoint, "--out", out, "--opset", 3)
    assert "belong together" in refused(capsys, checkpoint, "--out", out, "--precision", "int8")
    assert "belong together" in refused(capsys, checkpoint, "--out", out, "--calibration", tmp_path)
    for views, words in (("front_left,foo", "has no view foo. Choose among front_left, "), ("a, b", "no view a, b")):
        assert words in refused(capsys, checkpoint, "--out", out, "--views", views)
    assert "a view is named twice" in refused(capsys, checkpoint, "--out", out, "--views", "front_left,front_left")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10_000}))
    assert "0 MB are free there" in refused(capsys, checkpoint, "--out", out)
    stage_1 = tmp_path / "stage_1.safetensors"
    header = CheckpointHeader("egorear_heatmap", ModelSize(**tiny.TINY))
    save_checkpoint(stage_1, {"x": tiny.tiny_network().state_dict()["post_norm.0.weight"]}, header)
    assert "estimates no poses" in refused(capsys, stage_1, "--out", out)
    assert not out.exists()
    out.write_bytes(b"mine")
    assert "exists already" in refused(capsys, checkpoint, "--out", out)
    assert out.read_bytes() == b"mine"


def test_eight_bits_for_two_views(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    from egorear_ros.runtimes.onnx_file import metadata_of, read_onnx

    data = tiny_dataset.write_dataset(tmp_path / "data", frames=8)
    out = tmp_path / "model.onnx"
    words = ["--views", "front_right,front_left", "--precision", "int8", "--calibration", data, "--split", "train"]
    assert main(["export", str(checkpoint), "--out", str(out), *map(str, words), "--frames", "12"]) == 0
    said = capsys.readouterr().out
    assert "views front_left, front_right, int8" in said
    assert "verified: joints of 2 frame sets are" in said
    metadata = metadata_of(read_onnx(out))
    assert json.loads(metadata["views"]) == ["front_left", "front_right"]
    assert (metadata["precision"], metadata["calibration_frame_sets"]) == ("int8", "10")
    assert not list(tmp_path.glob(".*partial*"))


def test_an_evaluation_runs_in_the_engine_that_is_named(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data = tiny_dataset.write_dataset(tmp_path / "data", frames=1)
    words = ["eval", "dataset", str(data), "--split", "train", "--checkpoint", str(checkpoint)]
    words += ["--out", str(tmp_path / "out"), "--runtime", "onnxruntime"]
    assert main(words) == 0
    assert list((tmp_path / "cache").rglob("*.onnx")), "no engine that runs files was used"
    assert main([*words, "--precision", "int8"]) == 1
    assert "int8 needs a file that was measured on a calibration set" in capsys.readouterr().err
