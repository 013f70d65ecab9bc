from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from egorear_ros.cli import main
from egorear_ros.geometry.rig_file import load_rig, save_rig
from egorear_ros.geometry.virtual_camera import virtual_rig

DATA = Path(__file__).parents[1] / "data" / "calib"
IMPORT = ("calib", "import", str(DATA / "camchain.yaml"), "--views", "front_left,front_right,rear")


def output(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return captured.out, captured.err


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")


def test_import_writes_a_rig(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "helmet.yaml"
    assert main([*IMPORT, "--out", str(path)]) == 0
    out, _ = output(capsys)
    assert f"Written: {path}" in out
    assert "midway between the first two cameras" in out
    rig = load_rig(str(path))
    assert (rig.name, rig.views) == ("helmet", ("front_left", "front_right", "rear"))
    assert "Imported from camchain.yaml" in path.read_text()


def test_import_replaces_only_when_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rig.yaml"
    path.write_text("precious")
    assert main([*IMPORT, "--out", str(path)]) == 1
    assert "--force" in output(capsys)[1]
    assert path.read_text() == "precious"
    assert main([*IMPORT, "--out", str(path), "--force"]) == 0
    assert len(load_rig(str(path)).views) == 3


def test_import_opencv_with_size_and_places(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(DATA / "front_left.yaml"), str(DATA / "front_right.yaml")]
    out = tmp_path / "rig.yaml"
    words = ["calib", "import", *files, "--extrinsics", "example_stereo_equidistant", "--size", "1300x970"]
    assert main([*words, "--max-theta-deg", "95", "--name", "pair", "--out", str(out)]) == 0
    rig = load_rig(str(out))
    assert rig.name == "pair"
    assert (rig.cameras[0].lens.width, rig.cameras[0].lens.height) == (1300, 970)


def test_failed_import_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calib", "import", str(DATA / "front_left.yaml"), "--out", str(tmp_path / "rig.yaml")]) == 1
    assert "nothing says where the cameras are" in output(capsys)[1]
    assert not list(tmp_path.iterdir())


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calib", "show", "ego4view_syn"]) == 0
    row = next(line for line in output(capsys)[0].splitlines() if "back_right" in line)
    assert " ".join(row.split()) == "back_right ocam 872x872 438, 438 175.0° -0.370, -0.060, 0.000 down"
    assert main(["calib", "show", "example_stereo_equidistant"]) == 0
    assert "down, 10° left" in output(capsys)[0]


def test_show_says_what_to_do_without_a_recording(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calib", "show", "ego4view_rw"]) == 1
    assert "egorear calib import" in output(capsys)[1]


@pytest.mark.parametrize(
    ("size", "status", "words"),
    [
        ((872, 872), 0, "872x872 px, as calibrated"),
        ((436, 436), 0, "the calibrated 872x872 px scaled"),
        ((640, 480), 1, "640x480 px; expected 872x872 px"),
    ],
)
def test_check_compares_image_sizes(
    size: tuple[int, int], status: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(np.zeros((size[1], size[0]), np.uint8)).save(path)
    assert main(["calib", "check", "ego4view_syn", "--image", f"front_left={path}"]) == status
    assert words in output(capsys)[0]


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("photo.png", "expected VIEW=PATH"),
        ("nose=photo.png", "has no view nose; its views: front_left"),
        ("front_left=nowhere.png", "cannot be read as an image"),
    ],
)
def test_check_refuses(image: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calib", "check", "ego4view_syn", "--image", image]) == 1
    assert words in output(capsys)[1]


def test_wrong_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["calib"], ["calib", "import", "x.yaml"], [*IMPORT, "--out", "x.yaml", "--size", "large"]):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 2
    assert "expected WIDTHxHEIGHT" in output(capsys)[1]


def test_formats_are_those_of_the_importer() -> None:
    from egorear_ros.commands import calib
    from egorear_ros.geometry.calibration_import import FORMATS

    assert calib._FORMATS == FORMATS


def test_virtual_cameras_of_a_rig(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "virtual.yaml"
    assert main(["calib", "virtual", "ego4view_syn", "--out", str(path)]) == 0
    assert "back_left" in output(capsys)[0]
    written, expected = load_rig(str(path)), virtual_rig(load_rig("ego4view_syn"))
    for camera, other in zip(written.cameras, expected.cameras, strict=True):
        assert (camera.view, camera.lens) == (other.view, other.lens)
        np.testing.assert_allclose(camera.T_device_camera, other.T_device_camera, atol=1e-12)


def test_virtual_cameras_of_cameras_that_look_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rig = load_rig("ego4view_syn")
    up = rig.cameras[0].T_device_camera @ np.diag([1.0, -1.0, -1.0, 1.0])
    save_rig(
        replace(rig, cameras=(replace(rig.cameras[0], T_device_camera=up), *rig.cameras[1:])), tmp_path / "up.yaml"
    )
    assert main(["calib", "virtual", str(tmp_path / "up.yaml"), "--out", str(tmp_path / "virtual.yaml")]) == 1
    assert "front_left looks away from the wearer" in output(capsys)[1]
    assert not (tmp_path / "virtual.yaml").exists()
