from collections.abc import Callable

import numpy as np
import pytest

from egorear_ros.structures import Rig
from egorear_synth import renderer
from egorear_synth.camera.photograph import gather_light
from egorear_synth.camera.rays import view_rays
from egorear_synth.camera.shutter import GAP_PX, MAX_MOMENTS, STILL_PX, moments, movement_px
from egorear_synth.wearer import Wearer

MakeWearer = Callable[[float], Wearer]


def test_who_stands_still_is_posed_once_and_who_moves_more_often(gliding: MakeWearer) -> None:
    assert moments(gliding(0.0), 1.0, 0.02, 256, 2) == (1.0,)
    counts = [len(moments(gliding(speed), 1.0, 0.02, 256, 2)) for speed in (0.2, 1.0, 4.0)]
    assert counts == sorted(counts)
    assert counts[-1] == MAX_MOMENTS
    assert moments(gliding(4.0), 1.0, 0.0, 256, 2) == (1.0,)
    assert moments(gliding(4.0), 1.0, 0.02, 256, 1) == (1.0,)


def test_moments_are_spread_evenly_over_the_exposure(gliding: MakeWearer) -> None:
    found = moments(gliding(4.0), 1.0, 0.02, 872, 2)
    np.testing.assert_allclose(found, 1.0 + 0.02 * np.array([-0.375, -0.125, 0.125, 0.375]))


def test_movement_is_that_of_the_floor_under_a_gliding_camera(gliding: MakeWearer, rig: Rig) -> None:
    wearer = gliding(2.0)
    first, last = wearer.pose_at(0.0), wearer.pose_at(0.01)
    # Straight below, at 1.5 m, two centimetres are so many pixels; joints move with the camera.
    axis_px_per_rad = 1.0 / view_rays(rig.cameras[0].lens, 256, 256).spread
    assert movement_px(wearer, first, last, 256) == pytest.approx(axis_px_per_rad * 0.02 / 1.5, rel=0.25)
    assert movement_px(wearer, first, last, 512) == pytest.approx(2 * movement_px(wearer, first, last, 256))
    assert movement_px(wearer, first, first, 256) == 0.0


def test_moments_are_enough_where_they_can_be(gliding: MakeWearer) -> None:
    for speed in (0.05, 0.5, 1.5):
        wearer = gliding(speed)
        moved_px = movement_px(wearer, wearer.pose_at(0.992), wearer.pose_at(1.008), 256)
        count = len(moments(wearer, 1.0, 0.016, 256, 2))
        assert (count == 1) == (moved_px < STILL_PX)
        assert count == MAX_MOMENTS or moved_px / count <= GAP_PX


class Waves:
    """Instead of a scene, a floor with waves of 25 cm along x and y, seen through everything."""

    def __init__(self, T_world_waves: np.ndarray) -> None:
        self._rotmat = T_world_waves[:2, :2].astype(np.float32)

    def __call__(self, *arguments: object) -> np.ndarray:
        origin, directions = np.asarray(arguments[-3]), np.asarray(arguments[-2])
        points = origin[:2] + directions[:, :2] * (-origin[2] / directions[:, 2:])
        waves = np.sin(2 * np.pi / 0.25 * (points @ self._rotmat)).sum(axis=1)
        return np.repeat(0.5 + 0.2 * waves[:, None], 3, axis=1).astype(np.float32)


def energy(light: np.ndarray, wearer: Wearer) -> np.ndarray:
    """Mean square difference between neighbours across and down, of the floor straight below."""
    rays = view_rays(wearer.rig["front_left"].lens, 128, 128)
    image = np.zeros((128 * 128, 3))
    image[rays.places] = light
    middle = image.reshape(128, 128, 3)[48:80, 48:80, 0]
    return np.array([np.square(np.diff(middle, axis=axis)).mean() for axis in (1, 0)])


def test_motion_blurs_along_the_motion_and_nothing_without(
    gliding: MakeWearer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wearer glides ahead, so the floor moves down in the images of the front cameras."""
    # Waves along the camera's axes.
    monkeypatch.setattr(renderer, "render_rays", Waves(gliding(0.0).pose_at(0.0).T_world_device))
    rng = np.random.default_rng
    for speed, expected in ((0.0, (1.0, 1.0)), (6.0, (1.0, np.sinc(6.0 * 0.02 / 0.25) ** 2))):
        wearer = gliding(speed)
        times = moments(wearer, 0.0, 0.02, 128, 4)
        blurred = gather_light(wearer, "front_left", times, 128, 128, 4, rng(0))
        sharp = gather_light(wearer, "front_left", (0.0,), 128, 128, 4, rng(0))
        np.testing.assert_allclose(energy(blurred, wearer) / energy(sharp, wearer), expected, atol=0.12)


def test_the_whole_exposure_is_seen(gliding: MakeWearer) -> None:
    """Against the mean of sixteen sharp photographs during the exposure, of which it is a sample of four."""
    wearer = gliding(6.0)
    times = moments(wearer, 0.0, 0.02, 96, 4)
    # Towards the horizon, the noise of sampling hides everything else.
    near = view_rays(wearer.rig["front_right"].lens, 96, 96).radius < 0.5

    def light(moments_s: tuple[float, ...], seed: int) -> np.ndarray:
        return gather_light(wearer, "front_right", moments_s, 96, 96, 4, np.random.default_rng(seed))[near]

    blurred, sharp = light(times, 0), light((0.0,), 0)
    during = (np.arange(16) + 0.5) / 16 * 0.02 - 0.01
    expected = np.mean([light((moment,), 1) for moment in during.tolist()], axis=0)
    assert np.square(blurred - expected).mean() < 0.7 * np.square(sharp - expected).mean()
