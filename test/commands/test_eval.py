"""`egorear eval` as a user runs it: a small data set, weights, tables, a page, a comparison."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from egorear_ros.cli import main
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.models.checkpoint import save_checkpoint
from egorear_ros.models.header import CheckpointHeader
from egorear_ros.models.small.network import SMALL, EgoRearSmall
from egorear_ros.skeleton import EGO4VIEW

RIG = load_rig("ego4view_syn")
FRAMES = 3


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sequences of two movements, named by a split."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for number in range(2):
        sequence = root / "body" / f"seq_{number}"
        (sequence / "json_smplx_gendered").mkdir(parents=True)
        for index in range(FRAMES):
            joints = {name: {"device_pts3d": rng.uniform(-50, 50, 3).tolist()} for name in EGO4VIEW.dataset_names}
            (sequence / "json_smplx_gendered" / f"{index}.json").write_text(json.dumps({"joints": joints}))
            for view in RIG.views:
                folder = sequence / "fisheye_rgb" / f"camera_{view}"
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(folder / f"{index}.png")
    (root / "test.txt").write_text("body\n")
    return root


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    size = replace(SMALL, image_size=64, backbone_channels=8, channels=16, lifter_layers=1)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    header = CheckpointHeader("egorear_small", size, RIG.views, trained_with_missing_views=True)
    save_checkpoint(path, EgoRearSmall(size, RIG).state_dict(), header)
    return path


def test_tables_page_and_files(dataset: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    page = tmp_path / "results.md"
    page.write_text("before\n<!-- eval:tiny -->\nold\n<!-- /eval:tiny -->\nafter\n")
    out = tmp_path / "run"
    command = ["eval", "dataset", str(dataset), "--checkpoint", str(weights), "--views", "every", "--out", str(out)]
    assert main([*command, "--name", "tiny", "--page", str(page)]) == 0
    printed = capsys.readouterr().out
    assert "| front_left + front_right + back_left + back_right | 6 |" in printed
    assert "| front_left + front_right | 6 |" in printed
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert "egorear eval dataset" in text and "--page" not in text.split("`")[1]
    assert "Expected calibration error" in text
    content = json.loads((out / "scores.json").read_text())
    assert content["skipped"] == [] and content["trained"] is True
    assert len(content["scores"]["By views"]) == 11


def test_two_runs_are_compared(dataset: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    common = ["eval", "dataset", str(dataset), "--checkpoint", str(weights)]
    assert main([*common, "--out", str(tmp_path / "four")]) == 0
    assert main([*common, "--views", "front_left,front_right", "--out", str(tmp_path / "front")]) == 0
    capsys.readouterr()
    assert main(["eval", "compare", str(tmp_path / "four"), str(tmp_path / "front")]) == 0
    printed = capsys.readouterr().out
    assert "6 frames that both have" in printed
    assert "| MPJPE mm |" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dataset", "nowhere"], "no folder nowhere"),
        (
            ["dataset", "{data}", "--split", "validation", "--checkpoint", "{weights}"],
            "holds none and has no such split",
        ),
        (["dataset", "{data}", "--views", "top", "--checkpoint", "{weights}"], "no view top"),
        (["dataset", "{data}"], "no weights"),
        (["dataset", "{data}", "--checkpoint", "gone.safetensors"], "gone.safetensors: no such file"),
        (["compare", "{data}", "{data}"], "poses.npz"),
    ],
)
def test_mistakes_are_told_in_words(
    arguments: list[str], message: str, dataset: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    filled = [text.format(data=dataset, weights=weights) for text in arguments]
    extra = ["--out", str(tmp_path / "out")] if filled[0] == "dataset" else []
    assert main(["eval", *filled, *extra]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
