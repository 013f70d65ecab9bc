"""Benchmarks of the model: networks that move, rigs of any number of views."""

import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import tiny_networks as tiny

from egorear_ros.benchmarks import rendered, runtimes
from egorear_ros.benchmarks.networks import Subject, _enliven
from egorear_ros.benchmarks.runtimes import NOT_HERE
from egorear_ros.benchmarks.scaling import Curve, _draw, rig_of
from egorear_ros.benchmarks.verdicts import Measured
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
    monkeypatch.setattr("sys.argv", ["x", "rig", "paper", "onnxruntime", "fp32", "auto", "cuda", "models", "0"])
    assert runtimes._main() == NOT_HERE
    printed = capsys.readouterr().out

    def process(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, NOT_HERE, printed, "")

    monkeypatch.setattr(subprocess, "run", process)
    assert runtimes._run([]) == "provider cuda: this ONNX Runtime has CPU / Azure"
    missing = NotInstalledError("openvino cannot be imported (No module named 'openvino'). Install it.")
    assert runtimes.reason(missing) == "openvino cannot be imported"


def test_every_engine_is_asked_for_as_it_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine with a GPU whose ONNX Runtime has none of its providers."""
    asked = []

    def process(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        *_, name, precision, provider, device, folder, threads = command
        asked.append((name, precision, provider))
        assert (device, folder, threads) == ("cuda", "models", "2")
        if name == "onnxruntime":
            return subprocess.CompletedProcess(command, NOT_HERE, f"\nno provider {provider}\n", "")
        found = Measured(f"{name} {precision}", 1.0, 90.0, 0.0, 0.0, 900.0, 9000.0)
        return subprocess.CompletedProcess(command, 0, json.dumps(asdict(found)), "")

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr(subprocess, "run", process)
    rows = runtimes.measure_runtimes("rig", ["paper"], Path("models"), 2)
    for precision in ("fp32", "fp16"):
        assert ("onnxruntime", precision, "auto") in asked
        assert ("onnxruntime", precision, "tensorrt") in asked
        assert ("tensorrt", precision, "auto") in asked
    skipped = {row.quantity: row.value for row in rows if row.value.startswith("not measured")}
    assert skipped == {
        "paper: onnxruntime fp32": "not measured: no provider auto",
        "paper: onnxruntime fp16": "not measured: no provider auto",
        "paper: onnxruntime by tensorrt fp32": "not measured: no provider tensorrt",
        "paper: onnxruntime by tensorrt fp16": "not measured: no provider tensorrt",
    }
    assert len({row.quantity for row in rows}) == len(rows)


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
