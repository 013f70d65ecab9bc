import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from egorear_ros.geometry.ego4view import (
    lens_from_json,
    load_sequence_rig,
    read_extrinsics,
    read_json,
    rig_with_metadata,
)
from egorear_ros.geometry.rig_file import CalibrationError, load_rig

VIEWS = ("front_left", "front_right", "back_left", "back_right")


def made_up_matrices() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    matrices = {}
    for view in VIEWS:
        T = np.eye(4)
        T[:3, :3], T[:3, 3] = cv2.Rodrigues(rng.normal(size=3))[0], rng.normal(size=3)
        matrices[f"device_to_camera_{view}"] = T.tolist()
    return matrices


def metadata(tmp_path: Path, matrices: Any) -> Path:
    path = tmp_path / "seq_3_metadata.json"
    path.write_text(json.dumps({"coord_transformation_matrix": matrices, "fps": 30}))
    return path


def test_sequence_rig(tmp_path: Path) -> None:
    matrices = made_up_matrices()
    rig = load_sequence_rig(metadata(tmp_path, matrices))
    assert rig.views == VIEWS
    for camera in rig.cameras:
        T_camera_device = np.array(matrices[f"device_to_camera_{camera.view}"])
        np.testing.assert_allclose(T_camera_device @ camera.T_device_camera, np.eye(4), atol=1e-12)
        assert camera.lens == load_rig("ego4view_syn")[camera.view].lens


def test_any_rig_takes_the_places_of_a_recording(tmp_path: Path) -> None:
    path = metadata(tmp_path, made_up_matrices())
    pair = load_rig("ego4view_syn").select(("back_left", "front_right"))
    placed = rig_with_metadata(pair, path)
    assert placed.views == pair.views
    np.testing.assert_array_equal(placed["back_left"].T_device_camera, read_extrinsics(path)["back_left"])
    assert "seq_3_metadata.json" in placed.source


def test_recording_without_a_view(tmp_path: Path) -> None:
    matrices = made_up_matrices()
    del matrices["device_to_camera_back_left"]
    path = metadata(tmp_path, matrices)
    with pytest.raises(CalibrationError, match="has no device_to_camera_back_left, which rig ego4view_syn needs"):
        rig_with_metadata(load_rig("ego4view_syn"), path)
    with pytest.raises(CalibrationError, match="view back_left: the recording has no extrinsics"):
        load_sequence_rig(path)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.full((4, 4), np.nan).tolist(), "device_to_camera_front_left has non-finite numbers"),
        ((np.eye(4) * 2).tolist(), "device_to_camera_front_left ends with the row"),
        (np.diag([2.0, 2, 2, 1]).tolist(), "device_to_camera_front_left is not a rigid transform"),
        ("identity", "device_to_camera_front_left"),
        (None, "device_to_camera_front_left"),
    ],
)
def test_bad_matrix(matrix: Any, message: str, tmp_path: Path) -> None:
    path = metadata(tmp_path, made_up_matrices() | {"device_to_camera_front_left": matrix})
    with pytest.raises(CalibrationError, match=message) as caught:
        read_extrinsics(path)
    assert str(path) in str(caught.value)


def test_bad_metadata(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"nowhere\.json cannot be read"):
        read_extrinsics(tmp_path / "nowhere.json")
    with pytest.raises(CalibrationError, match="has no key device_to_camera_<view>; found other"):
        read_extrinsics(metadata(tmp_path, {"other": 1}))
    for text, message in (("{", "is not JSON"), ("[]", "expected a JSON object"), ('{"a": 1}', "found a. Expected")):
        path = tmp_path / "bad.json"
        path.write_text(text)
        with pytest.raises(CalibrationError, match=message):
            read_extrinsics(path)


@pytest.mark.shared
@pytest.mark.parametrize("view", VIEWS)
def test_published_lenses_are_the_shipped_ones(view: str, shared: Path) -> None:
    path = shared / "calib" / "ego4view" / f"camera_{view}.json"
    assert lens_from_json(read_json(path), str(path)) == load_rig("ego4view_syn")[view].lens


def test_bad_lens() -> None:
    with pytest.raises(CalibrationError, match="x.json: polynomialW2C, imageCircleRadius missing"):
        lens_from_json({"size": [2, 2], "image_center": [1, 1]}, "x.json")
    content = {
        "size": [872, 872],
        "image_center": [436, 436],
        "polynomialW2C": [400.0, 254.6479],
        "imageCircleRadius": 999,
    }
    with pytest.raises(CalibrationError, match="x.json: imageCircleRadius: .* never reaches a radius of 999 px"):
        lens_from_json(content, "x.json")
