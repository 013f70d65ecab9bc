"""What is written for a moment, read from the calls to Rerun."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import rig_data

from egorear_ros.drawing.colours import TRUTH_RGB, confidence_rgb
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.metrics import mpjpe_mm, pa_mpjpe_mm
from egorear_ros.structures import FrameSet, TrackingState
from egorear_ros.viewer.frame import Moment

rr = pytest.importorskip("rerun", reason="needs rerun-sdk: pip install -r requirements/view.txt")

from egorear_ros.viewer.layout import make_layout  # noqa: E402
from egorear_ros.viewer.scene import Scene  # noqa: E402

RIG = load_rig("ego4view_syn")


class Written:
    """Stands in for a recording and keeps what is logged to it, by path."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.logged: dict[str, Any] = {}
        self.times: list[dict[str, Any]] = []
        monkeypatch.setattr(rr, "log", self._log)
        self.scene = Scene(self, RIG, 48, clock=True)

    def set_time(self, timeline: str, **value: Any) -> None:
        self.times.append({"timeline": timeline, **value})

    def _log(self, path: str, shape: Any, static: bool, recording: Any) -> None:
        assert recording is self
        self.logged[path] = shape

    def numbers(self, path: str, field: str) -> np.ndarray:
        return np.array(getattr(self.logged[path], field).as_arrow_array().to_pylist())


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    return Written(monkeypatch)


def moment(**changes: Any) -> Moment:
    pose = rig_data.body_pose(5_000_000_000)
    heat = np.zeros((15, 16, 16), np.float32)
    whole = Moment(
        5_000_000_000,
        rig_data.frame_set(5_000_000_000),
        pose,
        pose.joints_device + np.array([0.03, 0.0, 0.04]),
        dict.fromkeys(rig_data.VIEWS, heat),
        {"exposure to pose": 42.0},
    )
    return replace(whole, **changes)


def test_cameras_are_there_from_the_beginning(written: Written) -> None:
    assert {path for path in written.logged if path.startswith("rig/cameras/")} == {
        f"rig/cameras/{view}" for view in RIG.views
    }


def test_everything_of_a_moment_is_shown(written: Written) -> None:
    written.scene.show(moment())
    assert written.times == [{"timeline": "time", "timestamp": np.datetime64(5_000_000_000, "ns")}]
    for view in RIG.views:
        for part in ("image", "heatmap", "estimate/bones", "estimate/joints", "truth/bones", "truth/joints"):
            assert f"{view}/{part}" in written.logged
    assert bytes(written.numbers("front_left/image", "blob").ravel().astype(np.uint8))[:2] == b"\xff\xd8"


def test_joints_in_space_are_those_of_rig_link_in_their_colours(written: Written) -> None:
    written.scene.show(moment())
    np.testing.assert_allclose(written.numbers("rig/estimate/joints", "positions"), rig_data.STANDING_RIG, atol=1e-6)
    # (x, y, z)_rig = (-y, -x, -z)_device
    shifted = rig_data.STANDING_RIG + np.array([0.0, -0.03, -0.04])
    np.testing.assert_allclose(written.numbers("rig/truth/joints", "positions"), shifted, atol=1e-6)
    pose = rig_data.body_pose()
    for name, expected in (("estimate", confidence_rgb(pose.confidences)), ("truth", np.tile(TRUTH_RGB, (16, 1)))):
        packed = written.numbers(f"rig/{name}/joints", "colors").astype(np.uint32)
        rgb = np.stack([packed >> 24, (packed >> 16) & 255, (packed >> 8) & 255], axis=-1)
        np.testing.assert_allclose(rgb / 255, expected, atol=0.003)


def test_errors_and_latencies_are_plotted(written: Written) -> None:
    shown = moment()
    written.scene.show(shown)
    assert shown.estimate is not None
    assert shown.truth is not None
    pair = shown.estimate.joints_device, shown.truth
    assert written.numbers("error_mm/mpjpe", "scalars") == pytest.approx(mpjpe_mm(*pair)) == pytest.approx(50.0)
    assert written.numbers("error_mm/pa_mpjpe", "scalars") == pytest.approx(float(pa_mpjpe_mm(*pair)), abs=1e-9)
    assert written.numbers("latency_ms/exposure_to_pose", "scalars") == pytest.approx(42.0)


@pytest.mark.parametrize("absent", ["estimate", "truth"])
def test_what_is_not_known_disappears(written: Written, absent: str) -> None:
    written.scene.show(moment())
    written.logged.clear()
    written.scene.show(moment(**{absent: None}))
    other = {"estimate": "truth", "truth": "estimate"}[absent]
    assert isinstance(written.logged[f"rig/{absent}"], rr.Clear)
    assert isinstance(written.logged[f"back_left/{absent}"], rr.Clear)
    assert f"rig/{absent}/joints" not in written.logged
    assert f"rig/{other}/joints" in written.logged
    assert not any(path.startswith("error_mm") for path in written.logged)


def test_a_lost_pose_is_not_drawn(written: Written) -> None:
    lost = replace(
        rig_data.body_pose(state=TrackingState.LOST), joints_device=np.empty((0, 3)), confidences=np.empty(0)
    )
    written.scene.show(moment(estimate=lost))
    assert isinstance(written.logged["rig/estimate"], rr.Clear)
    assert "error_mm/mpjpe" not in {path for path, shape in written.logged.items() if isinstance(shape, rr.Scalars)}


def test_a_view_without_image_is_cleared_and_a_damaged_one_is_named(written: Written) -> None:
    frames = rig_data.frame_set(5_000_000_000)
    rest = {view: frame for view, frame in frames.frames.items() if view != "back_right"}
    rest["front_left"] = replace(rest["front_left"], data=b"\xff\xd8nothing")
    written.scene.show(moment(frames=FrameSet(frames.stamp_ns, frames.views, rest)))
    assert isinstance(written.logged["back_right"], rr.Clear)
    assert isinstance(written.logged["front_left"], rr.Clear)
    assert "front_right/image" in written.logged
    (damage,) = written.scene.damaged
    assert damage.startswith("front_left: damaged jpeg")


@pytest.mark.parametrize(("live", "truth", "views"), [(False, True, 7), (True, True, 7), (True, False, 6)])
def test_layout_has_images_space_and_curves(live: bool, truth: bool, views: int) -> None:
    layout = make_layout(RIG, live, truth)

    def leaves(node: Any) -> list[Any]:
        return [leaf for part in getattr(node, "contents", []) for leaf in leaves(part)] if _splits(node) else [node]

    found = leaves(layout.root_container)
    assert len(found) == views
    assert {str(view.origin) for view in found} >= {*RIG.views, "rig", "latency_ms"}


def _splits(node: Any) -> bool:
    return type(node).__name__ in ("Horizontal", "Vertical", "Grid")
