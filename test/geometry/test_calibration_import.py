import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from egorear_ros.geometry.calibration_import import ImportOptions, import_rig
from egorear_ros.geometry.rig_file import CalibrationError, load_rig
from egorear_ros.structures import EquidistantLens

DATA = Path(__file__).parents[1] / "data" / "calib"
CAMCHAIN = DATA / "camchain.yaml"
OPENCV = [DATA / "front_left.yaml", DATA / "front_right.yaml"]


def lens_json(tmp_path: Path, view: str) -> Path:
    """Write a made-up lens, the ideal equidistant one as a polynomial, in Ego4View's format."""
    content = {
        "name": view,
        "size": [600, 600],
        "imageCircleRadius": 300,
        "image_center": [301.0, 299.0],
        "polynomialC2W": [-200.0, 0.0, 0.001],
        "polynomialW2C": [200.0 * math.pi / 2, 200.0],
        "affine": [1.0, 0.0, 0.0],
    }
    path = tmp_path / f"camera_{view}.json"
    path.write_text(json.dumps(content))
    return path


def changed_camchain(tmp_path: Path, camera: str, change: dict[str, Any], remove: str = "") -> Path:
    content = yaml.safe_load(CAMCHAIN.read_text())
    content[camera].update(change)
    content[camera].pop(remove, None)
    path = tmp_path / "camchain.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


class TestKalibr:
    def test_rig(self) -> None:
        rig, remarks = import_rig(
            [CAMCHAIN], ImportOptions(views=("left", "right", "rear"), name="mine", max_theta_deg=95.0)
        )
        assert (rig.name, rig.views) == ("mine", ("left", "right", "rear"))
        shipped = load_rig("example_stereo_equidistant")
        assert rig["left"].lens == shipped["front_left"].lens
        assert rig["rear"].lens.focal_px == (371.3, 371.1)  # type: ignore[union-attr]
        assert any("midway between the first two cameras" in remark for remark in remarks)

    def test_chain(self) -> None:
        rig, _ = import_rig([CAMCHAIN], ImportOptions())
        T_cam1_cam0, T_cam2_cam1 = (
            np.array(yaml.safe_load(CAMCHAIN.read_text())[name]["T_cn_cnm1"]) for name in ("cam1", "cam2")
        )
        T_camera_device = {camera.view: np.linalg.inv(camera.T_device_camera) for camera in rig.cameras}
        np.testing.assert_allclose(T_camera_device["cam1"], T_cam1_cam0 @ T_camera_device["cam0"], atol=1e-12)
        np.testing.assert_allclose(
            T_camera_device["cam2"], T_cam2_cam1 @ T_cam1_cam0 @ T_camera_device["cam0"], atol=1e-12
        )
        middle = rig["cam0"].T_device_camera[:3, 3] + rig["cam1"].T_device_camera[:3, 3]
        np.testing.assert_allclose(middle, 0.0, atol=1e-12)
        np.testing.assert_array_equal(rig["cam0"].T_device_camera[:3, :3], np.eye(3))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"distortion_model": "radtan"}, "the lens model is pinhole with radtan distortion.*--models pinhole-equi"),
            ({"camera_model": "eucm"}, "the lens model is eucm"),
            ({"camera_model": "omni", "intrinsics": [1.2, 300, 300, 640, 480]}, "shifted centre"),
            ({"intrinsics": [300, 300, 640]}, "expected 4 finite numbers"),
            ({"resolution": [1280]}, "expected 2 finite numbers"),
            ({"distortion_coeffs": [0, 0, 0, 0, 0]}, "expected 4 finite numbers"),
            ({"T_cn_cnm1": [[1, 0], [0, 1]]}, "T_cn_cnm1 has shape"),
            ({"T_cn_cnm1": np.diag([2.0, 2, 2, 1]).tolist()}, "T_cn_cnm1 is not a rigid transform"),
        ],
    )
    def test_bad_camera(self, change: dict[str, Any], message: str, tmp_path: Path) -> None:
        path = changed_camchain(tmp_path, "cam1", change)
        with pytest.raises(CalibrationError, match=f"{path}: cam1.*{message}"):
            import_rig([path], ImportOptions())

    def test_missing_fields(self, tmp_path: Path) -> None:
        with pytest.raises(CalibrationError, match="cam0: resolution missing"):
            import_rig([changed_camchain(tmp_path, "cam0", {}, "resolution")], ImportOptions())
        with pytest.raises(CalibrationError, match="cam2: T_cn_cnm1 missing"):
            import_rig([changed_camchain(tmp_path, "cam2", {}, "T_cn_cnm1")], ImportOptions())

    def test_without_places(self, tmp_path: Path) -> None:
        content = yaml.safe_load(CAMCHAIN.read_text())
        path = tmp_path / "intrinsics.yaml"
        path.write_text(yaml.safe_dump({name: content[name] for name in ("cam0",)}))
        with pytest.raises(CalibrationError, match="nothing says where the cameras are.*--extrinsics"):
            import_rig([path], ImportOptions())

    def test_one_file_only(self) -> None:
        with pytest.raises(CalibrationError, match="2 files; expected one camchain YAML"):
            import_rig([CAMCHAIN, CAMCHAIN], ImportOptions(format="kalibr"))


class TestOpenCV:
    def test_rig(self) -> None:
        options = ImportOptions(extrinsics="example_stereo_equidistant", max_theta_deg=95.0)
        rig, _ = import_rig(OPENCV, options)
        shipped = load_rig("example_stereo_equidistant")
        for view in rig.views:
            assert rig[view].lens == shipped[view].lens
            np.testing.assert_allclose(rig[view].T_device_camera, shipped[view].T_device_camera)

    def test_edge_is_the_image_corner(self) -> None:
        rig, remarks = import_rig(OPENCV, ImportOptions(extrinsics="example_stereo_equidistant"))
        assert any("--max-theta-deg" in remark for remark in remarks)
        for camera in rig.cameras:
            lens = camera.lens
            assert isinstance(lens, EquidistantLens)
            theta = lens.max_theta
            k1, k2, k3, k4 = lens.distortion
            edge_px = lens.focal_px[0] * theta * (1 + k1 * theta**2 + k2 * theta**4 + k3 * theta**6 + k4 * theta**8)
            corner_px = math.hypot(
                max(lens.center_px[0], 1279 - lens.center_px[0]), max(lens.center_px[1], 959 - lens.center_px[1])
            )
            assert edge_px == pytest.approx(corner_px, abs=1.0)

    def test_edge_is_where_a_polynomial_turns(self, tmp_path: Path) -> None:
        path = tmp_path / "a.yaml"
        path.write_text(OPENCV[1].read_text().replace("-0.0128, 0.0018, -0.0009, 0.0001", "-0.1, 0.0, 0.0, 0.0"))
        rig, _ = import_rig(
            [path, OPENCV[0]],
            ImportOptions(extrinsics="example_stereo_equidistant", views=("front_left", "front_right")),
        )
        # theta - 0.1 theta^3 turns at sqrt(1 / 0.3).
        assert rig["front_left"].lens.max_theta == pytest.approx(math.sqrt(1 / 0.3), abs=1e-3)

    def test_what_opencv_itself_writes(self, tmp_path: Path) -> None:
        path = tmp_path / "front_left.xml"
        storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
        storage.write("image_width", 640)
        storage.write("image_height", 480)
        storage.write("camera_matrix", np.array([[200.0, 0, 320], [0, 201, 240], [0, 0, 1]]))
        storage.write("distortion_coefficients", np.array([[0.01], [0.0], [0.0], [0.0]]))
        storage.release()
        rig, _ = import_rig([path, OPENCV[1]], ImportOptions(extrinsics="example_stereo_equidistant", max_theta_deg=90))
        lens = rig["front_left"].lens
        assert isinstance(lens, EquidistantLens)
        assert (lens.width, lens.height, lens.focal_px, lens.center_px) == (640, 480, (200.0, 201.0), (320.0, 240.0))
        assert lens.distortion == (0.01, 0.0, 0.0, 0.0)

    def test_identity_is_not_assumed(self) -> None:
        with pytest.raises(CalibrationError, match="nothing says where the cameras are"):
            import_rig(OPENCV, ImportOptions())

    def test_size(self, tmp_path: Path) -> None:
        path = tmp_path / "front_left.yaml"
        path.write_text(OPENCV[0].read_text().replace("image_", "other_"))
        options = ImportOptions(extrinsics="example_stereo_equidistant")
        with pytest.raises(CalibrationError, match="no image_width and image_height.*--size"):
            import_rig([path, OPENCV[1]], options)
        rig, _ = import_rig([path, OPENCV[1]], ImportOptions(extrinsics="example_stereo_equidistant", size=(1280, 960)))
        assert rig["front_left"].lens.width == 1280

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("equidistant", "plumb_bob", "distortion_model is plumb_bob; expected a fisheye model"),
            ("0.0001]", "0.0001, 0.0]", "5 distortion coefficients; expected the 4"),
            ("370.9, 0.0,", "370.9, 3.0,", "has skew 3"),
            ("370.9,", "nan_,", "expected finite numbers"),
            ("0.0, 0.0, 1.0]", "0.0, 1.0]", "expected 3 rows of 3"),
            ("distortion_coefficients", "distortions", "no D or distortion_coefficients; found"),
            ("camera_matrix:", "camera_matrix: [", "is not YAML"),
        ],
    )
    def test_bad_file(self, old: str, new: str, message: str, tmp_path: Path) -> None:
        path = tmp_path / "bad.yaml"
        text = OPENCV[1].read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        with pytest.raises(CalibrationError, match=message) as caught:
            import_rig([path], ImportOptions(format="opencv", extrinsics="ego4view_syn"))
        assert str(path) in str(caught.value)

    def test_damaged_storage(self, tmp_path: Path) -> None:
        path = tmp_path / "bad.yaml"
        path.write_text("%YAML:1.0\n---\nK: !!opencv-matrix\n   rows: [\n")
        with pytest.raises(CalibrationError, match=r"bad\.yaml"):
            import_rig([path], ImportOptions(extrinsics="ego4view_syn"))


class TestEgo4View:
    def test_lenses_and_recording(self, tmp_path: Path) -> None:
        views = ("back_left", "front_left", "front_right")
        files = [lens_json(tmp_path, view) for view in views]
        T = np.eye(4)
        T[:3, 3] = (0.1, 0.2, 0.3)
        (tmp_path / "seq_1_metadata.json").write_text(
            json.dumps({"coord_transformation_matrix": {f"device_to_camera_{view}": T.tolist() for view in views}})
        )
        for given in ([*files, tmp_path / "seq_1_metadata.json"], [tmp_path]):
            rig, _ = import_rig(given, ImportOptions())
            assert rig.views == ("front_left", "front_right", "back_left")
            np.testing.assert_allclose(rig["back_left"].T_device_camera[:3, 3], (-0.1, -0.2, -0.3))
            assert rig["front_left"].lens.max_theta == pytest.approx(1.5, abs=2e-5)
        assert import_rig([tmp_path], ImportOptions(max_theta_deg=80.0))[0].cameras[0].lens.max_theta == math.radians(
            80
        )

    def test_recording_alone(self, tmp_path: Path) -> None:
        matrices = {f"device_to_camera_{view}": np.eye(4).tolist() for view in load_rig("ego4view_syn").views}
        path = tmp_path / "seq_1_metadata.json"
        path.write_text(json.dumps({"coord_transformation_matrix": matrices}))
        rig, remarks = import_rig([path], ImportOptions())
        assert rig["back_right"].lens == load_rig("ego4view_syn")["back_right"].lens
        assert any("calib/ego4view_rw.yaml" in remark for remark in remarks)

    @pytest.mark.shared
    def test_published_files(self, shared: Path) -> None:
        rig, _ = import_rig([shared / "calib" / "ego4view"], ImportOptions(extrinsics="ego4view_syn"))
        shipped = load_rig("ego4view_syn")
        assert rig.views == shipped.views
        for view in rig.views:
            assert rig[view].lens == shipped[view].lens
            np.testing.assert_array_equal(rig[view].T_device_camera, shipped[view].T_device_camera)

    def test_without_places(self, tmp_path: Path) -> None:
        with pytest.raises(CalibrationError, match="nothing says where the cameras are.*ego4view_syn"):
            import_rig([lens_json(tmp_path, "front_left")], ImportOptions())


class TestFiles:
    def test_places_lack_a_view(self) -> None:
        with pytest.raises(CalibrationError, match="no place for view cam0; found front_left.*--views"):
            import_rig([CAMCHAIN], ImportOptions(extrinsics="ego4view_syn"))

    def test_wrong_number_of_names(self) -> None:
        with pytest.raises(CalibrationError, match="expected 3 different names, for cam0, cam1, cam2"):
            import_rig([CAMCHAIN], ImportOptions(views=("a", "b")))
        with pytest.raises(CalibrationError, match="expected 3 different names"):
            import_rig([CAMCHAIN], ImportOptions(views=("a", "b", "b")))

    def test_missing_and_empty(self, tmp_path: Path) -> None:
        with pytest.raises(CalibrationError, match="there is no file .*nowhere"):
            import_rig([tmp_path / "nowhere"], ImportOptions())
        with pytest.raises(CalibrationError, match="has no .json files"):
            import_rig([tmp_path], ImportOptions())

    def test_not_recognised(self, tmp_path: Path) -> None:
        path = tmp_path / "x.yaml"
        path.write_text("hello: 1\n")
        with pytest.raises(CalibrationError, match="not recognised; found hello.*--format"):
            import_rig([path], ImportOptions())
        path.write_text("format: egorear_rig/1\n")
        with pytest.raises(CalibrationError, match="is a rig file already"):
            import_rig([path], ImportOptions())
