"""A frame of each data set is looked at before a run begins."""

import json
from pathlib import Path

import pytest
from tiny_dataset import RIG, write_dataset

from egorear_train.datasets.errors import DatasetError
from egorear_train.datasets.make import make_dataset
from egorear_train.probe import probe


def spoil(root: Path, key: str, factor: float) -> None:
    """Write an entry of every joint in another unit."""
    for path in root.rglob("json_smplx*/*.json"):
        content = json.loads(path.read_text())
        for joint in content["joints"].values():
            joint[key] = [factor * value for value in joint[key]]
        path.write_text(json.dumps(content))


@pytest.mark.parametrize("layout", ["syn", "rw"])
def test_good_data_pass(tmp_path: Path, layout: str) -> None:
    probe(make_dataset(write_dataset(tmp_path / "data", layout), "train", RIG, 16), RIG)


def test_the_wrong_one_of_several_is_named(tmp_path: Path) -> None:
    roots = [str(write_dataset(tmp_path / name)) for name in ("good", "bad")]
    spoil(tmp_path / "bad", "device_pts3d", 0.01)
    with pytest.raises(DatasetError, match=r"frame bad/rp_x/a/2: a body measures.*in metres"):
        probe(make_dataset(dict(zip(roots, (1000.0, 1.0), strict=True)), "train", RIG, 16), RIG)


def test_pixels_of_other_images_are_noticed(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "data")
    spoil(root, "camera_back_left_pts2d", 1.0 / 872.0)
    with pytest.raises(DatasetError, match="in view back_left the joints, projected with rig ego4view_syn.*872 x 872"):
        probe(make_dataset(root, "train", RIG, 16), RIG)


def test_views_of_another_name_are_noticed(tmp_path: Path) -> None:
    """As of a rig file that calls the left camera right."""
    root = write_dataset(tmp_path / "data")
    for path in root.rglob("json_smplx*/*.json"):
        text = path.read_text().replace("front_left", "*").replace("front_right", "front_left")
        path.write_text(text.replace("*", "front_right"))
    with pytest.raises(DatasetError, match="in view front_left"):
        probe(make_dataset(root, "train", RIG, 16), RIG)
