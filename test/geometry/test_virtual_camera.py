"""Virtual cameras: where they stand and look, and what their lens does."""

import math
from dataclasses import replace

import numpy as np
import pytest

from egorear_ros.geometry.fisheye import check_lens, project, unproject
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.geometry.transforms import invert_transform, transform_points
from egorear_ros.geometry.virtual_camera import AIM_M, FOVEA, MAX_THETA, SIZE_PX, virtual_lens, virtual_rig


@pytest.mark.parametrize("name", ["ego4view_syn", "example_three_cameras"])
def test_they_stand_where_the_real_ones_do_and_look_at_the_wearer(name: str) -> None:
    rig = load_rig(name)
    for real, virtual in zip(rig.cameras, virtual_rig(rig).cameras, strict=True):
        assert virtual.view == real.view
        np.testing.assert_array_equal(virtual.T_device_camera[:3, 3], real.T_device_camera[:3, 3])
        rotation = virtual.T_device_camera[:3, :3]
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1.0)
        aim = transform_points(invert_transform(virtual.T_device_camera), np.array([AIM_M]))
        np.testing.assert_allclose(project(aim, virtual.lens)[0], [[(SIZE_PX - 1) / 2] * 2], atol=1e-6)


def test_they_turn_no_further_than_they_must() -> None:
    """The axis of the turn is across the old and the new optical axis: nothing rolls."""
    rig = load_rig("ego4view_syn")
    for real, virtual in zip(rig.cameras, virtual_rig(rig).cameras, strict=True):
        turn = virtual.T_device_camera[:3, :3] @ real.T_device_camera[:3, :3].T
        angle = math.acos((np.trace(turn) - 1.0) / 2.0)
        axes = real.T_device_camera[:3, 2] @ virtual.T_device_camera[:3, 2]
        assert angle == pytest.approx(math.acos(axes), abs=1e-9)


def test_the_lens_can_be_inverted_and_is_the_arc_tangent() -> None:
    lens = virtual_lens()
    check_lens(lens)
    theta = np.linspace(0.01, MAX_THETA, 50)
    rays = np.stack([np.sin(theta), np.zeros_like(theta), np.cos(theta)], axis=-1)
    radius = project(rays, lens)[0][:, 0] - (SIZE_PX - 1) / 2
    expected = SIZE_PX / 2 * np.arctan(FOVEA * theta) / math.atan(FOVEA * MAX_THETA)
    np.testing.assert_allclose(radius, expected, atol=0.01 * SIZE_PX / 2)
    assert radius[-1] == pytest.approx(SIZE_PX / 2, abs=1e-6)


def test_the_middle_has_nearly_twice_the_resolution() -> None:
    lens, step = virtual_lens(), 1e-4
    resolution = (project(np.array([step, 0.0, 1.0]), lens)[0][0] - (SIZE_PX - 1) / 2) / step
    equidistant = SIZE_PX / 2 / math.radians(87.0)
    assert 1.85 < resolution / equidistant < 1.95


@pytest.mark.parametrize("degrees", [90.0, 110.0, 150.0, 179.0])
def test_what_lies_beyond_the_lens_lands_outside_of_its_image(degrees: float) -> None:
    theta = math.radians(degrees)
    pixel, visible = project(np.array([math.sin(theta), 0.0, math.cos(theta)]), virtual_lens())
    assert not visible
    assert pixel[0] > SIZE_PX


def test_its_pixels_have_rays() -> None:
    lens = virtual_lens()
    pixels = np.stack(np.meshgrid(np.arange(0, SIZE_PX, 7.0), np.arange(0, SIZE_PX, 7.0)), axis=-1)
    rays, visible = unproject(pixels, lens)
    np.testing.assert_allclose(project(rays[visible], lens)[0], pixels[visible], atol=1e-6)


def test_a_camera_that_looks_away_is_named() -> None:
    rig = load_rig("ego4view_syn")
    turned = rig.cameras[2].T_device_camera @ np.diag([1.0, -1.0, -1.0, 1.0])
    wrong = replace(rig, cameras=(*rig.cameras[:2], replace(rig.cameras[2], T_device_camera=turned), rig.cameras[3]))
    with pytest.raises(ValueError, match=r"ego4view_syn.*back_left looks away.*16\d degrees.*less than 90"):
        virtual_rig(wrong)


def test_a_rig_without_places_is_refused() -> None:
    rig = load_rig("ego4view_syn")
    lost = replace(rig.cameras[0], T_device_camera=np.full((4, 4), np.nan))
    with pytest.raises(ValueError, match=r"leaves the cameras' places.*model\.virtual_cameras to false"):
        virtual_rig(replace(rig, cameras=(lost, *rig.cameras[1:])))
