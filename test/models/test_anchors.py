"""Projection of joints into the views: golden vectors, and the published fault on request only."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from egorear_ros.geometry.fisheye import project
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.geometry.transforms import transform_points
from egorear_ros.models.anchors import CM_PER_M, AnchorProjection
from egorear_ros.structures import Camera, EquidistantLens, Rig

GEOMETRY = np.load(Path(__file__).parents[1] / "data" / "golden" / "geometry_metrics.npz")
POINTS_CM = torch.from_numpy(GEOMETRY["points_cm"])


def test_equals_the_reference_camera_by_camera(rig: Rig) -> None:
    anchors = AnchorProjection(rig)(POINTS_CM)
    for index, view in enumerate(rig.views):
        np.testing.assert_allclose(anchors.uv[:, index], GEOMETRY[f"syn_{view}_uv"], atol=2e-6)
        np.testing.assert_array_equal(anchors.valid[:, index], GEOMETRY[f"syn_{view}_in_fov"])
    torch.testing.assert_close(anchors.points_cm, POINTS_CM, rtol=0.0, atol=0.0)


def test_legacy_geometry_moves_the_right_cameras_and_the_start(rig: Rig) -> None:
    legacy = AnchorProjection(rig, legacy_syn_geometry=True)(POINTS_CM)
    moved = POINTS_CM + torch.tensor([12.0, 0.0, 0.0])
    torch.testing.assert_close(legacy.points_cm, moved, rtol=0.0, atol=1e-4)
    correct = AnchorProjection(rig)
    x_plus_6, x_plus_12 = (POINTS_CM + torch.tensor([shift, 0.0, 0.0]) for shift in (6.0, 12.0))
    # The front right camera sees what it would see 6 cm to the left of where it is ...
    torch.testing.assert_close(legacy.uv[:, 1], correct(x_plus_6).uv[:, 1], rtol=0.0, atol=1e-5)
    # ... the left ones are right by luck ...
    torch.testing.assert_close(legacy.uv[:, [0, 2]], correct(POINTS_CM).uv[:, [0, 2]], rtol=0.0, atol=1e-5)
    # ... and the back right one looks from the front.
    front = rig["front_left"]
    as_front = Camera("back_right", rig["back_right"].lens, front.T_device_camera)
    from_front = AnchorProjection(Rig("front", (as_front,)))(x_plus_12 - torch.tensor([6.0, 0.0, 0.0]))
    torch.testing.assert_close(legacy.uv[:, 3], from_front.uv[:, 0], rtol=0.0, atol=1e-5)


def test_legacy_geometry_of_the_front_pair_ends_where_it_started(rig: Rig) -> None:
    legacy = AnchorProjection(rig.select(("front_left", "front_right")), legacy_syn_geometry=True)(POINTS_CM)
    torch.testing.assert_close(legacy.points_cm, POINTS_CM, rtol=0.0, atol=1e-4)


def test_extrinsics_per_sample_replace_those_of_the_rig(rig: Rig) -> None:
    project = AnchorProjection(rig)
    given = torch.stack([torch.from_numpy(np.linalg.inv(camera.T_device_camera)) for camera in rig.cameras])
    assert given.dtype == torch.float64
    own, passed = project(POINTS_CM), project(POINTS_CM, given.expand(3, -1, -1, -1))
    assert passed.uv.dtype == torch.float32
    torch.testing.assert_close(passed.uv, own.uv, rtol=0.0, atol=1e-6)
    turned = given.clone()
    turned[:, :2, :2] = -turned[:, :2, :2]
    other = project(POINTS_CM, torch.stack([given, turned, given]))
    torch.testing.assert_close(other.uv[[0, 2]], own.uv[[0, 2]], rtol=0.0, atol=1e-6)
    assert not torch.allclose(other.uv[1], own.uv[1])


def test_a_joint_on_the_optical_axis_is_seen_at_the_image_centre(rig: Rig) -> None:
    center_cm = 100.0 * torch.from_numpy(rig["front_left"].T_device_camera[:3, 3]).float()
    anchors = AnchorProjection(rig)((center_cm + torch.tensor([0.0, 0.0, 50.0])).view(1, 1, 3))
    lens = rig["front_left"].lens
    expected = torch.tensor(lens.center_px) / 872
    torch.testing.assert_close(anchors.uv[0, 0, 0], expected, rtol=0.0, atol=1e-4)
    assert anchors.valid[0, 0, 0]


@pytest.fixture
def wide_rig() -> Callable[[], Rig]:
    """One camera at the origin, 200 x 100 px, whose pixel is its angle in units of 0.01 rad."""
    lens = EquidistantLens(200, 100, (100.0, 100.0), (0.0, 0.0), (0.0, 0.0, 0.0, 0.0), 3.0)
    return lambda: Rig("wide", (Camera("only", lens, np.eye(4)),))


def test_u_counts_in_widths_and_v_in_heights_and_edges_are_outside(wide_rig: Callable[[], Rig]) -> None:
    def at(u: float, v: float) -> list[float]:
        theta = np.hypot(u, v) / 100.0
        direction = np.array((u, v)) / max(np.hypot(u, v), 1e-9)
        return [*(np.sin(theta) * direction), np.cos(theta)]

    points = torch.tensor([[at(50.0, 20.0), at(0.0, 30.0), at(150.0, 110.0), at(-5.0, 20.0)]], dtype=torch.float32)
    anchors = AnchorProjection(wide_rig())(points)
    torch.testing.assert_close(anchors.uv[0, 0], torch.tensor([[0.25, 0.2], [0.0, 0.3], [0.75, 1.0], [0.0, 0.2]]))
    assert anchors.valid[0, 0].tolist() == [True, False, False, False]


def test_a_pose_is_projected_alike_alone_and_among_others(rig: Rig) -> None:
    """To the bit, so that an evaluation of several sets at a time agrees with the live rig."""
    points_cm = POINTS_CM[:1] + 10.0 * torch.randn(9, 16, 3, generator=torch.Generator().manual_seed(0))
    project = AnchorProjection(rig)
    together = project(points_cm).uv
    assert torch.equal(together, torch.cat([project(one[None]).uv for one in points_cm]))


def test_lenses_of_both_kinds_at_once_are_each_on_its_own_to_the_bit(rig: Rig) -> None:
    ocam = rig.cameras[:2]
    equidistant = load_rig("example_stereo_equidistant").cameras
    cameras = [replace(camera, view=f"view_{index}") for index, camera in enumerate((*ocam, *equidistant))]
    points_cm = 100.0 * torch.randn(40, 16, 3, generator=torch.Generator().manual_seed(0))
    together = AnchorProjection(Rig("mixed", tuple(cameras)))(points_cm)
    for index, camera in enumerate(cameras):
        alone = AnchorProjection(Rig("one", (camera,)))
        torch.testing.assert_close(together.uv[:, [index]], alone(points_cm).uv, rtol=0.0, atol=0.0)
        T = alone.T_camera_device[0]
        pixels, _ = project(transform_points(T, points_cm / CM_PER_M), camera.lens)
        size = torch.tensor((camera.lens.width, camera.lens.height))
        torch.testing.assert_close(together.uv[:, index], (pixels / size).clamp(0.0, 1.0), rtol=0.0, atol=1e-5)
