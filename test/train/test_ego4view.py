"""The Ego4View reader on small data sets in both layouts."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.skeleton import EGO4VIEW
from egorear_train.datasets.ego4view import DamagedFrame, DatasetError, Ego4ViewDataset, list_frames, read_annotation

RIG = load_rig("ego4view_syn")


def write_frame(sequence: Path, stem: str, annotations: str, suffix: str) -> None:
    joints = {
        name: {
            "device_pts3d": [float(index), 2.0, 3.0],
            **{f"camera_{view}_pts2d": [13.625 * (index + 1), 13.625 * 20] for view in RIG.views},
        }
        for index, name in enumerate(EGO4VIEW.dataset_names)
    }
    (sequence / annotations).mkdir(parents=True, exist_ok=True)
    (sequence / annotations / f"{stem}.json").write_text(json.dumps({"joints": joints}))
    for view in RIG.views:
        folder = sequence / "fisheye_rgb" / f"camera_{view}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((64, 64, 3), 128, np.uint8)).save(folder / f"{stem}{suffix}")


@pytest.fixture(params=["syn", "rw"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A root whose name has what breaks substring replacement."""
    root = tmp_path / "my-data.json_smplx"
    if request.param == "syn":
        for sequence in ("b", "a"):
            for stem in ("10", "2"):
                write_frame(root / "rp_x" / sequence, stem, "json_smplx_gendered", ".jpg")
        lines = "rp_x\n\n"
    else:
        for sequence in ("seq_3-0", "seq_3-1"):
            for stem in ("10", "2"):
                write_frame(root / "2024" / "S1" / sequence, stem, "json_smplx", ".png")
        lines = "2024/S1/seq_3-0\n2024/S1/seq_3-1\n"
    (root / "train.txt").write_text(lines)
    return root


def test_frames_of_every_line_in_order(root: Path) -> None:
    assert [frame.stem for frame in list_frames(root, "train")] == ["2", "10", "2", "10"]


def test_sample_has_images_targets_and_joints(root: Path) -> None:
    sample = Ego4ViewDataset(root, "train", RIG)[1]
    assert sample["images"].shape == (4, 3, 256, 256)
    assert sample["images"].isfinite().all()
    assert sample["heatmaps"].shape == (4, 15, 64, 64)
    # Joint 1 (neck) is the first with a heatmap: pixel (2, 20) of the map.
    assert sample["heatmaps"][0, 0].argmax().item() == 20 * 64 + 2
    assert sample["joints_cm"][:, 0].tolist() == [float(index) for index in range(16)]


def test_missing_split_names_the_file(root: Path) -> None:
    with pytest.raises(DatasetError, match=r"test\.txt is missing"):
        list_frames(root, "test")


def test_folder_that_is_not_there(root: Path) -> None:
    (root / "train.txt").write_text("nobody\n")
    with pytest.raises(DatasetError, match="nobody"):
        list_frames(root, "train")


@pytest.mark.parametrize("damage", ["{", json.dumps({"joints": {}})])
def test_damaged_annotation(root: Path, damage: str) -> None:
    path = list_frames(root, "train")[0].annotation
    path.write_text(damage)
    with pytest.raises(DamagedFrame, match=path.name):
        read_annotation(path, RIG.views)


def test_joint_that_is_not_finite(root: Path) -> None:
    path = list_frames(root, "train")[0].annotation
    content = json.loads(path.read_text())
    content["joints"]["Neck"]["device_pts3d"][1] = float("nan")
    path.write_text(json.dumps(content))
    with pytest.raises(DamagedFrame, match="finite"):
        read_annotation(path, RIG.views)


def test_damaged_and_missing_images(root: Path) -> None:
    dataset = Ego4ViewDataset(root, "train", RIG)
    image = dataset.frames[0].image("back_left")
    image.write_bytes(image.read_bytes()[:100])
    with pytest.raises(DamagedFrame, match="back_left"):
        dataset[0]
    image.unlink()
    with pytest.raises(DamagedFrame, match="no image 2"):
        dataset[0]
