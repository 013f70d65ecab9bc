"""Benchmarks of the model: networks that move, rigs of any number of views, verdicts."""

from pathlib import Path

import numpy as np
import pytest
import tiny_networks as tiny

from egorear_ros.benchmarks import rendered
from egorear_ros.benchmarks.networks import Subject, _enliven
from egorear_ros.benchmarks.rendered import rendered_images
from egorear_ros.benchmarks.runtimes import Measured, _verdicts
from egorear_ros.benchmarks.scaling import Curve, _draw, rig_of
from egorear_ros.config import RuntimeConfig
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
    pytest.importorskip("embreex")
    monkeypatch.setattr(rendered, "MOMENTS", 2)
    rig = tiny.RIG.select(tiny.RIG.views[:2])
    first, again, other = (rendered_images(rig, 32, 2, seed) for seed in (3, 3, 4))
    assert first.shape == (2, 2, 3, 32, 32)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 0.1, "other people elsewhere"
    assert np.abs(first[0] - first[1]).mean() > 0.02, "they move"
    assert first.std() > 0.5, "not black"


@pytest.mark.parametrize("views", [2, 3, 4, 6])
def test_rigs_of_any_number_of_views(views: int) -> None:
    rig = rig_of(tiny.RIG, views)
    assert len(set(rig.views)) == len(rig.cameras) == views
    for camera in rig.cameras:
        rotation = camera.T_device_camera[:3, :3]
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    places = {tuple(camera.T_device_camera[:3, 3].round(6)) for camera in rig.cameras}
    assert len(places) >= min(views, 4)


def test_verdicts_are_of_the_fastest() -> None:
    found = [
        ("fp32", Measured("pytorch fp32", 600.0, 1000.0, 0.001, 0.001, 900.0)),
        ("fp32", Measured("openvino fp32", 320.0, 1000.0, 0.001, 0.001, 900.0)),
        ("int8", Measured("openvino int8", 210.0, 1000.0, 1.0, 1.0, 900.0)),
    ]
    whole, reduced = _verdicts("paper", "cpu", found)
    assert (whole.met, reduced.met) == (True, False)
    assert whole.value == "0.320 of plain eager (openvino fp32)"
    assert [row.met for row in _verdicts("egorear-small", "cpu", found)] == [None, None]
    assert [row.quantity for row in _verdicts("paper", "cpu", found[2:])] == ["paper: fastest with fewer digits"]


def test_growth_and_its_picture(tmp_path: Path) -> None:
    curves = [
        Curve("paper: views", (2, 3, 4, 6), (100.0, 140.0, 190.0, 300.0)),
        Curve("paper: 4 views, frame sets at a time", (1, 2, 4, 8), (190.0, 400.0, 800.0, 1900.0)),
    ]
    assert curves[0].growth == pytest.approx(1.0)
    assert curves[1].growth == pytest.approx(1.25)
    _draw(curves, tmp_path / "scaling.png")
    assert (tmp_path / "scaling.png").stat().st_size > 10_000
