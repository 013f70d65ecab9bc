"""`egorear eval` as a user runs it: a small data set, weights, tables, a page, a comparison."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from egorear_ros.cli import main
from egorear_ros.geometry.rig_file import load_rig, save_rig
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
    assert main(["eval", "dataset", "--compare", str(tmp_path / "four"), str(tmp_path / "front")]) == 0
    assert capsys.readouterr().out == printed, "the same as an option"
    assert "6 frames that both have" in printed
    assert "| MPJPE mm |" in printed
    third = tmp_path / "third"
    shutil.copytree(tmp_path / "front", third)
    runs = [tmp_path / "four" / "scores.json", tmp_path / "front", third / "scores.json"]
    assert main(["eval", "compare", *map(str, runs), "--joints"]) == 0
    printed = capsys.readouterr().out
    assert "| | A: four | B: front | C: third | B − A | C − A |" in printed
    toe = next(line for line in printed.splitlines() if line.startswith("| left toe mm |")).split("|")
    assert toe[5] == toe[6] and toe[3] == toe[4], "the second and the third are the same"


def test_report_with_pictures_and_from_results_alone(
    dataset: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (dataset / "dataset.json").write_text(json.dumps({"counts": {"frames": 123456}}))
    out, pages = str(tmp_path / "out"), (tmp_path / "report", tmp_path / "later")
    command = ["eval", "dataset", str(dataset), "--checkpoint", str(weights), "--out", out]
    assert main([*command, "--report", str(pages[0])]) == 0
    assert main(["eval", "report", out, "--no-pictures", "--report", str(pages[1])]) == 0
    assert f"Report: {pages[1] / 'index.html'}" in capsys.readouterr().out
    with_pictures, alone = ((page / "index.html").read_text() for page in pages)
    assert with_pictures.count("data:image/jpeg") == 4 * 4 and "data:image/jpeg" not in alone
    for text in (with_pictures, alone):
        assert "123456" in text and "cameras with the joint in view" in text
        assert f"eval dataset {dataset} --checkpoint {weights}" in text


def test_ablation_tables(dataset: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    page = tmp_path / "results.md"
    page.write_text("<!-- eval:parts -->\n<!-- /eval:parts -->\n")
    command = ["eval", "ablate", str(dataset), "--checkpoint", str(weights), "--rate", "30", "--out", str(tmp_path)]
    parts = ["--ablate", "views,refinement,mask,confidence,smoothing", "--variant", f"again={weights}"]
    assert main([*command, *parts, "--name", "parts", "--page", str(page)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("other views masked") == 10
    assert "| without refinement | switched off at inference | 6 |" in printed
    assert "| without mask | switched off at inference | 6 |" in printed
    assert "| again | retrained: tiny.safetensors | 6 |" in printed
    assert "One-Euro" in printed and "least confidence" in printed
    again = next(line for line in printed.splitlines() if line.startswith("| again"))
    assert "| +0.00 [+0.00, +0.00] |" in again, "the same weights differ from themselves by nothing"
    assert "without refinement" in page.read_text() and "egorear eval ablate" in page.read_text()
    assert json.loads((tmp_path / "ablation.json").read_text())["command"][:3] == ["egorear", "eval", "ablate"]


def test_variants_alone_with_two_views(
    dataset: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    chosen = [str(dataset), "--checkpoint", str(weights), "--views", "front_left,front_right"]
    assert main(["eval", "ablate", *chosen, "--ablate", "", "--variant", f"again={weights}"]) == 0
    printed = capsys.readouterr().out
    assert "Every row sees front_left + front_right alone." in printed
    rows = [line for line in printed.splitlines() if line.startswith("|")][2:]
    assert [row.split("|")[1].strip() for row in rows] == ["full", "again"]
    assert main(["eval", "dataset", *chosen, "--out", str(tmp_path)]) == 0
    mpjpe = rows[0].split("|")[4].strip()
    assert f"| 6 | {mpjpe} [" in capsys.readouterr().out


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
        (["compare", "{data}"], "poses.npz"),
        (["report", "{data}", "--report", "{data}/report"], "poses.npz"),
        (["ablate", "{data}"], "no weights"),
        (["ablate", "{data}", "--checkpoint", "{weights}", "--ablate", "legs"], "unknown legs; expected views"),
        (["ablate", "{data}", "--checkpoint", "{weights}", "--variant", "no"], "expected NAME=CHECKPOINT"),
        (["ablate", "{data}", "--checkpoint", "{weights}", "--ablate", ""], "leaves nothing to compare"),
        (["ablate", "{data}", "--checkpoint", "{weights}", "--views", "front_left,front_right"], "one set of views"),
        (["ablate", "{data}", "--checkpoint", "{weights}", "--ablate", "smoothing"], "does not say its frame rate"),
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


def test_either_data_or_runs_to_compare(dataset: Path, weights: Path, capfd: pytest.CaptureFixture) -> None:
    for words in ([], [str(dataset), "--compare", "a", "b"]):
        assert main(["eval", "dataset", *words, "--checkpoint", str(weights)]) == 1
        assert "either name data sets to evaluate, or two runs to compare" in capfd.readouterr().err


def test_other_cameras_than_those_of_the_data_are_told(
    dataset: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    root = tmp_path / "data"
    shutil.copytree(dataset, root)
    moved = RIG.cameras[2].T_device_camera.copy()
    moved[0, 3] += 0.02
    cameras = (*RIG.cameras[:2], replace(RIG.cameras[2], T_device_camera=moved), RIG.cameras[3])
    save_rig(replace(RIG, cameras=cameras), root / "rig.yaml")
    command = ["eval", "dataset", str(root), "--checkpoint", str(weights), "--out", str(tmp_path / "out")]
    assert main(command) == 0
    assert "Attention:" in capsys.readouterr().out
    (told,) = json.loads((tmp_path / "out" / "scores.json").read_text())["other_cameras"]
    assert "back_left at another place, 20.0 mm and 0.00 degrees off" in told
    assert main([*command, "--calib", str(root / "rig.yaml")]) == 0
    assert "Attention:" not in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "scores.json").read_text())["other_cameras"] == []


def test_truth_in_another_unit_is_not_compared(
    dataset: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    root = tmp_path / "data"
    shutil.copytree(dataset, root)
    for path in root.rglob("json_smplx*/*.json"):
        content = json.loads(path.read_text())
        for joint in content["joints"].values():
            joint["device_pts3d"] = [0.01 * value for value in joint["device_pts3d"]]
        path.write_text(json.dumps(content))
    command = ["eval", "dataset", str(root), "--checkpoint", str(weights), "--out", str(tmp_path / "out")]
    assert main(command) == 1
    assert "Are its joints in metres?" in " ".join(capsys.readouterr().out.split())
