"""Benchmarks of the model: networks that move, rigs of any number of views, verdicts."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import tiny_networks as tiny

from egorear_ros.benchmarks import rendered, runtimes
from egorear_ros.benchmarks.networks import Subject, _enliven
from egorear_ros.benchmarks.runtimes import NOT_HERE, Measured, _verdicts
from egorear_ros.benchmarks.scaling import Curve, _draw, rig_of
from egorear_ros.config import RuntimeConfig
from egorear_ros.estimators.preprocess import normalise
from egorear_ros.runtimes.base import NotInstalledError, RuntimeSetupError
from egorear_ros.runtimes.factory import make_runtime


def test_random_networks_move_with_their_images() -> None:
    import torch

    from egorear_ros.models.egorear import EgoRear
    from egorear_ros.models.size import ModelSize

    torch.manual_seed(0)
    network = EgoRear(ModelSize(**tiny.TINY), tiny.RIG).eval()
    subject = Subject(network, tiny.tiny_identity(network), tiny.RIG)

    def spread_mm() -> float:
        joints_cm = (
            make_runtime(network, RuntimeConfig(device="cpu"), subject.identity).run(subject.images(3)).joints_cm
        )
        return 10.0 * float(np.abs(joints_cm - joints_cm[:1]).max())

    still = spread_mm()
    _enliven(network)
    assert spread_mm() > max(5.0, 3.0 * still)


def test_trained_networks_see_people(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Wearer:
        def __init__(self, seed: int) -> None:
            self.seed = seed

        def render(self, view: str, time_s: float, width: int, height: int) -> np.ndarray:
            asked.append((self.seed, view, time_s, width, height))
            level = 80 * self.seed + 19 * tiny.RIG.views.index(view) + 2 * round(time_s)
            return np.full((height, width, 3), level, dtype=np.uint8)

    monkeypatch.setattr("egorear_ros.sources.wearer.shared_wearer", lambda _, config: Wearer(config.seed))
    network = tiny.tiny_network()
    subject = Subject(network, tiny.tiny_identity(network), tiny.RIG, trained=True)
    images = subject.images(rendered.MOMENTS + 2, seed=1)
    assert images.shape == (rendered.MOMENTS + 2, 4, 3, 64, 64)
    assert len({float(image.mean()) for image in images.reshape(-1, 3, 64, 64)}) == 4 * len(images), "all are different"
    assert {seed for seed, *_ in asked} == {1, 2}, "one wearer has only so many moments"
    assert {size for *_, width, height in asked for size in (width, height)} == {128}
    expected = normalise(np.full((64, 64, 3), 80 + 19, dtype=np.uint8))
    np.testing.assert_array_equal(images[0, 1], expected)
    count = len(asked)
    np.testing.assert_array_equal(subject.images(2, seed=2), images[-2:])
    assert len(asked) == count, "rendered once"


@pytest.mark.parametrize("views", [2, 3, 4, 6])
def test_rigs_of_any_number_of_views(views: int) -> None:
    rig = rig_of(tiny.RIG, views)
    assert len(set(rig.views)) == len(rig.cameras) == views
    for camera in rig.cameras:
        rotation = camera.T_device_camera[:3, :3]
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    places = {tuple(camera.T_device_camera[:3, 3].round(6)) for camera in rig.cameras}
    assert len(places) >= min(views, 4)


def test_engines_that_cannot_run_here_say_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def cannot(_: object) -> Measured:
        print("a library talks")
        raise RuntimeSetupError("provider cuda: this ONNX Runtime has\n CPU | Azure. Install onnxruntime-gpu.")

    monkeypatch.setattr(runtimes, "_measure", cannot)
    monkeypatch.setattr("sys.argv", ["x", "rig", "paper", "onnxruntime", "fp32", "cuda", "models", "0"])
    assert runtimes._main() == NOT_HERE
    printed = capsys.readouterr().out

    def process(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, NOT_HERE, printed, "")

    monkeypatch.setattr(subprocess, "run", process)
    assert runtimes._run([]) == "provider cuda: this ONNX Runtime has CPU / Azure"
    missing = NotInstalledError("openvino cannot be imported (No module named 'openvino'). Install it.")
    assert runtimes.reason(missing) == "openvino cannot be imported"


def test_verdicts_are_of_the_fastest() -> None:
    found = [
        ("fp32", Measured("pytorch fp32", 600.0, 1000.0, 0.001, 0.001, 900.0)),
        ("fp32", Measured("openvino fp32", 320.0, 1000.0, 0.001, 0.001, 900.0)),
        ("int8", Measured("openvino int8", 210.0, 1000.0, 1.0, 1.0, 900.0)),
    ]
    whole, reduced = _verdicts("paper", "cpu", found)
    assert (whole.met, reduced.met) == (True, False)
    assert whole.value == "0.320 of plain eager (openvino fp32), joints within 0.001 mm of plain eager's"
    assert reduced.value.endswith("(openvino int8), time alone; accuracy: `egorear bench accuracy`")
    assert [row.met for row in _verdicts("egorear-small", "cpu", found)] == [None, None]
    assert [row.quantity for row in _verdicts("paper", "cpu", found[2:])] == ["paper: fastest with fewer digits"]


def test_engines_with_other_joints_do_not_win() -> None:
    right = ("fp32", Measured("pytorch fp32", 600.0, 1000.0, 0.001, 0.0001, 900.0))
    wrong = ("fp32", Measured("openvino fp32", 100.0, 1000.0, 0.0011, 0.0001, 900.0))
    (row,) = _verdicts("paper", "cpu", [right, wrong])
    assert row.met is False and "(pytorch fp32)" in row.value
    (row,) = _verdicts("paper", "cpu", [wrong])
    assert (row.value, row.met) == ("no engine has joints within 0.001 mm of plain eager's", False)
    (row,) = _verdicts("egorear-small", "cpu", [wrong])
    assert row.met is None


def test_verdicts_on_a_gpu() -> None:
    found = [
        ("fp32", Measured("pytorch fp32", 1.0, 90.0, 0.0, 0.0, 900.0, 9000.0)),
        ("bf16", Measured("pytorch_compiled bf16", 1.4, 90.0, 0.1, 0.1, 900.0, 2500.0)),
        ("fp16", Measured("tensorrt fp16", 1.7, 90.0, 0.1, 0.1, 900.0, 3100.0)),
    ]
    *_, latency, rate = _verdicts("paper", "cuda", found)
    assert (latency.value, latency.met) == ("1.40 ms from prepared images to joints (pytorch_compiled bf16)", True)
    assert (rate.value, rate.met) == ("3,100 framesets/s in batches of 64 (tensorrt fp16)", True)
    assert [row.met for row in _verdicts("paper", "cuda", [found[0], found[2]])[-2:]] == [False, True]
    assert len(_verdicts("paper", "cuda", found[:1])) == 1


def test_growth_and_its_picture(tmp_path: Path) -> None:
    curves = [
        Curve("paper: views", (2, 3, 4, 6), (100.0, 140.0, 190.0, 300.0)),
        Curve("paper: 4 views, frame sets at a time", (1, 2, 4, 8), (190.0, 400.0, 800.0, 1900.0)),
    ]
    assert curves[0].growth == pytest.approx(300 / 290)
    assert curves[1].growth == pytest.approx(1.25)
    assert Curve("", (1, 2, 4), (100.0, 200.0, 400.0)).growth == pytest.approx(1.0)
    assert Curve("", (1, 2, 4), (100.0, 150.0, 250.0)).growth == pytest.approx(0.75), "a fixed cost"
    assert Curve("", (1, 2, 4), (100.0, 300.0, 400.0)).growth == pytest.approx(1.5), "a jump in the middle"
    assert Curve("", (1, 4, 8), (100.0, 110.0, 800.0)).growth == pytest.approx(800 / 510), "steep after a cheap start"
    _draw(curves, tmp_path / "scaling.png")
    assert (tmp_path / "scaling.png").stat().st_size > 10_000
