import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from egorear_ros.geometry.rig_file import CalibrationError, load_rig, read_extrinsics_file, save_rig
from egorear_ros.paths import share_dir
from egorear_ros.structures import Rig

Change = Callable[[dict[str, Any]], Any]


def content(name: str = "ego4view_syn") -> dict[str, Any]:
    return yaml.safe_load((share_dir() / "calib" / f"{name}.yaml").read_text())


def written(tmp_path: Path, data: Any) -> str:
    path = tmp_path / "rig.yaml"
    path.write_text(data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False))
    return str(path)


def assert_same(a: Rig, b: Rig) -> None:
    assert a.views == b.views
    for one, other in zip(a.cameras, b.cameras, strict=True):
        assert one.lens.model == other.lens.model
        for name, value in vars(one.lens).items():
            np.testing.assert_allclose(vars(other.lens)[name], value, rtol=1e-12)
        np.testing.assert_array_equal(one.T_device_camera, other.T_device_camera)


def test_shipped_synthetic_rig() -> None:
    rig = load_rig("ego4view_syn")
    assert rig.name == "ego4view_syn"
    assert rig.views == ("front_left", "front_right", "back_left", "back_right")
    centres_cm = [100 * camera.T_device_camera[:3, 3] for camera in rig.cameras]
    np.testing.assert_allclose(centres_cm, [(-6, 0, 0), (6, 0, 0), (-6, 37, 0), (6, 37, 0)], atol=1e-12)
    # The published transforms, device to camera, in cm.
    point = np.array([0.01, 0.02, 0.03, 1.0])
    moved = [100 * (np.linalg.inv(camera.T_device_camera) @ point)[:3] for camera in rig.cameras]
    np.testing.assert_allclose(moved, [(7, 2, 3), (-5, 2, 3), (-7, 35, 3), (5, 35, 3)], atol=1e-9)


def test_every_shipped_rig_is_valid() -> None:
    for path in (share_dir() / "calib").glob("*.yaml"):
        places = {view: np.eye(4) for view in content(path.stem)["views"]}
        moving = "extrinsics" in content(path.stem)
        assert load_rig(path.stem, places if moving else None).name == path.stem


def test_translation_and_quaternion(tmp_path: Path) -> None:
    rig = load_rig("example_stereo_equidistant")
    axis = rig["front_left"].T_device_camera[:3, 2]
    np.testing.assert_allclose(axis, (-np.sin(np.radians(10)), 0, np.cos(np.radians(10))), atol=1e-9)
    np.testing.assert_array_equal(rig["front_left"].T_device_camera[:3, 3], (-0.05, 0, 0))


def test_the_example_of_three_cameras_looks_to_both_sides_and_back() -> None:
    rig = load_rig("example_three_cameras")
    assert rig.views == ("left_temple", "right_temple", "back")
    assert {camera.lens.model for camera in rig.cameras} == {"equidistant"}
    left, right, back = (camera.T_device_camera[:3, 2] for camera in rig.cameras)
    assert left[0] < -0.3 < 0.3 < right[0]
    # y is to the rear, z down.
    assert left[1] < 0 and right[1] < 0 < back[1]
    assert min(left[2], right[2], back[2]) > 0.9


@pytest.mark.parametrize("name", ["ego4view_syn", "example_stereo_equidistant", "example_three_cameras"])
def test_round_trip(name: str, tmp_path: Path) -> None:
    rig = load_rig(name)
    save_rig(rig, tmp_path / "copy.yaml", note="a note: with a colon")
    copy = load_rig(str(tmp_path / "copy.yaml"))
    assert_same(rig, copy)
    assert copy.name == rig.name
    assert [path.name for path in tmp_path.iterdir()] == ["copy.yaml"]


def test_writing_never_replaces_by_itself(tmp_path: Path) -> None:
    rig, path = load_rig("ego4view_syn"), tmp_path / "rig.yaml"
    path.write_text("precious")
    with pytest.raises(CalibrationError, match=r"rig.yaml exists.*--force"):
        save_rig(rig, path)
    assert path.read_text() == "precious"
    save_rig(rig, path, overwrite=True)
    assert_same(rig, load_rig(str(path)))


def test_writing_needs_the_folder(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="there is no folder"):
        save_rig(load_rig("ego4view_syn"), tmp_path / "no" / "rig.yaml")


@pytest.mark.parametrize("count", [2, 3, 4, 6])
def test_any_number_of_views_with_any_names(count: int, tmp_path: Path) -> None:
    data = content()
    views = [data["views"]["front_left"]] * count
    data["views"] = {f"eye_{index}": view for index, view in enumerate(views)}
    assert load_rig(written(tmp_path, data)).views == tuple(f"eye_{index}" for index in range(count))


def test_numbers_in_exponent_notation(tmp_path: Path) -> None:
    text = (share_dir() / "calib" / "example_stereo_equidistant.yaml").read_text().replace("-0.0011", "-11e-4")
    assert "-11e-4" in text
    assert load_rig(written(tmp_path, text)).cameras[0].lens.distortion[2] == -0.0011  # type: ignore[union-attr]


class TestMissing:
    def test_lists_the_names_that_exist(self) -> None:
        with pytest.raises(
            CalibrationError, match=r"'ego4view_sin'.*Did you mean ego4view_syn\?.*ego4view_rw, ego4view_syn"
        ):
            load_rig("ego4view_sin")

    def test_path(self, tmp_path: Path) -> None:
        with pytest.raises(CalibrationError, match=r"no file .*nowhere\.yaml.*egorear calib import"):
            load_rig(str(tmp_path / "nowhere.yaml"))


class TestPerSequence:
    def test_not_without_a_recording(self) -> None:
        with pytest.raises(CalibrationError, match=r"ego4view_rw\.yaml.*differently in each recording.*calib import"):
            load_rig("ego4view_rw")

    def test_recording_lacks_a_view(self) -> None:
        with pytest.raises(
            CalibrationError, match="view front_right: the recording has no extrinsics.*only for front_left"
        ):
            load_rig("ego4view_rw", {"front_left": np.eye(4)})

    def test_rig_with_its_own_places(self) -> None:
        with pytest.raises(CalibrationError, match="has its own extrinsics"):
            load_rig("ego4view_syn", {"front_left": np.eye(4)})

    def test_both(self, tmp_path: Path) -> None:
        data = content() | {"extrinsics": "per_sequence"}
        with pytest.raises(CalibrationError, match="view front_left: T_device_camera is given although"):
            load_rig(written(tmp_path, data), {"front_left": np.eye(4)})


def _lens(change: dict[str, Any]) -> Change:
    return lambda data: data["views"]["front_right"]["lens"].update(change)


def _view(change: dict[str, Any]) -> Change:
    return lambda data: data["views"]["front_right"].update(change)


def _matrix(row: int, column: int, value: Any) -> Change:
    def change(data: dict[str, Any]) -> None:
        data["views"]["front_right"]["T_device_camera"][row][column] = value

    return change


BAD: dict[str, tuple[Change, str]] = {
    "format": (lambda data: data.update(format="other/2"), "format is 'other/2'; expected egorear_rig/1"),
    "unknown key": (lambda data: data.update(veiws=1), "unknown key 'veiws'; expected only format, name"),
    "unknown view key": (_view({"T_device_cam": 1}), "view front_right: unknown key 'T_device_cam'"),
    "unknown lens key": (_lens({"centre_px": [1, 2]}), "lens: unknown key 'centre_px'.*Did you mean center_px?"),
    "one view": (lambda data: data.update(views={"a": data["views"]["front_left"]}), "two or more by name, found 1"),
    "no views": (lambda data: data.pop("views"), "two or more by name, found None"),
    "view name": (lambda data: data["views"].update({"Left-Eye": {}}), "view Left-Eye: expected a name of lower-case"),
    "view empty": (lambda data: data["views"].update({"extra": None}), "view extra: expected lens and T_device_camera"),
    "no lens": (
        lambda data: data["views"]["front_right"].pop("lens"),
        "front_right: lens: model is None; expected one of",
    ),
    "lens model": (_lens({"model": "pinhole"}), "model is 'pinhole'; expected one of: ocam, equidistant"),
    "lens field": (lambda data: data["views"]["front_right"]["lens"].pop("polynomial"), "polynomial missing"),
    "coefficients": (_lens({"polynomial": [1.0]}), "polynomial has 1 coefficients; expected 2 to 20"),
    "no coefficients": (_lens({"polynomial": []}), "polynomial is []; expected finite numbers"),
    "non-finite": (_lens({"center_px": [float("nan"), 1.0]}), "center_px is [nan, 1.0]; expected 2 finite numbers"),
    "not a number": (_lens({"center_px": ["a", 1.0]}), "center_px is ['a', 1.0]; expected 2 finite numbers"),
    "count": (_lens({"center_px": [1.0]}), "center_px is [1.0]; expected 2 finite numbers"),
    "size": (_lens({"width": 0}), "width is 0; expected a whole, positive number of pixels"),
    "fraction": (_lens({"height": 87.5}), "height is 87.5; expected a whole, positive number of pixels"),
    "flag": (_lens({"height": True}), "height is True; expected 1 finite number"),
    "centre": (_lens({"center_px": [900.0, 1.0]}), "center_px is (900, 1); expected a pixel of the 872x872 image"),
    "angle": (_lens({"max_theta_deg": 190}), "max_theta_deg is 190; expected the angle from the optical axis"),
    "turning": (_lens({"polynomial": [258.2083, -71.2389, -150.0]}), "stops growing 76"),
    "off axis": (_lens({"polynomial": [400.0, 279.0]}), "px from center_px; expected 0"),
    "no place": (lambda data: data["views"]["front_right"].pop("T_device_camera"), "expected T_device_camera (4 rows"),
    "half a place": (
        lambda data: (data["views"]["front_right"].pop("T_device_camera"), _view({"quat_xyzw": [0, 0, 0, 1]})(data)),
        "found only quat_xyzw",
    ),
    "two places": (_view({"quat_xyzw": [0, 0, 0, 1]}), "both T_device_camera and quat_xyzw are given"),
    "matrix shape": (_view({"T_device_camera": [[1, 0], [0, 1]]}), "T_device_camera has shape (2, 2); expected 4 rows"),
    "matrix ragged": (_view({"T_device_camera": [[1, 0], [0]]}), "expected 4 rows of 4 numbers"),
    "matrix nan": (_matrix(0, 3, float("nan")), "front_right: T_device_camera has non-finite numbers"),
    "matrix text": (_matrix(0, 3, "six"), "expected 4 rows of 4 numbers"),
    "matrix scaled": (_matrix(0, 0, 100.0), "is not a rigid transform"),
    "matrix mirrored": (_matrix(0, 0, -1.0), "det R is -1"),
    "matrix transposed": (_matrix(3, 0, 0.06), "expected 0 0 0 1. Is the matrix transposed?"),
    "extrinsics": (lambda data: data.update(extrinsics="none"), "extrinsics is 'none'; expected per_sequence"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_bad_field(change: Change, message: str, tmp_path: Path) -> None:
    data = content()
    change(data)
    path = written(tmp_path, data)
    with pytest.raises(CalibrationError) as caught:
        load_rig(path)
    assert path in str(caught.value)
    assert all(part in str(caught.value) for part in message.split(".*"))


def test_equidistant_counts(tmp_path: Path) -> None:
    data = content("example_stereo_equidistant")
    data["views"]["front_left"]["lens"]["distortion"] = [0.1, 0.2, 0.3]
    with pytest.raises(CalibrationError, match=re.escape("distortion is [0.1, 0.2, 0.3]; expected 4 finite numbers")):
        load_rig(written(tmp_path, data))
    data["views"]["front_left"]["lens"].update(distortion=[0, 0, 0, 0], focal_px=[-1, 300])
    with pytest.raises(CalibrationError, match="expected two positive numbers"):
        load_rig(written(tmp_path, data))


def test_quaternion_length(tmp_path: Path) -> None:
    data = content("example_stereo_equidistant")
    data["views"]["front_left"]["quat_xyzw"] = [1, 0, 0, 1]
    with pytest.raises(CalibrationError, match="quat_xyzw has length 1.414; expected 1. The order is x, y, z, w"):
        load_rig(written(tmp_path, data))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1, 2", "is not YAML"),
        ("- 1\n- 2\n", "expected named values, found list"),
        ("", "expected named values, found NoneType"),
        ("format: egorear_rig/1\nviews:\n  a: {}\n  a: {}\n", "the key 'a' is there twice"),
    ],
)
def test_bad_file(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=message):
        load_rig(written(tmp_path, text))


def test_binary_file(tmp_path: Path) -> None:
    (tmp_path / "rig.yaml").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(CalibrationError, match="is not YAML"):
        load_rig(str(tmp_path / "rig.yaml"))


def test_places_without_lenses(tmp_path: Path) -> None:
    places = {"views": {"a": {"translation_m": [0, 1, 2], "quat_xyzw": [0, 0, 0, 1]}}}
    np.testing.assert_array_equal(read_extrinsics_file(written(tmp_path, places))["a"][:3, 3], (0, 1, 2))
    with pytest.raises(CalibrationError, match="expected views with T_device_camera by name"):
        read_extrinsics_file(written(tmp_path, {"places": 1}))
