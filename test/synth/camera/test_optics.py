from dataclasses import replace

import numpy as np
import pytest

from egorear_ros.structures import Rig
from egorear_synth.camera.optics import through_lens, transmission
from egorear_synth.camera.rays import ViewRays, view_rays
from egorear_synth.camera.sensor import Sensor, plain_sensor

PERFECT = Sensor(glare=0.0, vignetting=0.0, edge_softness=0.0, defocus_px=0.0, edge_defocus_px=0.0)


@pytest.fixture(scope="module")
def rays(rig: Rig) -> ViewRays:
    return view_rays(rig.cameras[0].lens, 218, 218)


def picture(light: np.ndarray, rays: ViewRays) -> np.ndarray:
    image = np.zeros((rays.height * rays.width, 3))
    image[rays.places] = light
    return image.reshape(rays.height, rays.width, 3)


def test_light_is_lost_towards_the_edge_as_said() -> None:
    sensor = replace(plain_sensor(), vignetting=0.4, vignetting_power=2.0, edge_softness=0.02)
    radius = np.array([0.0, 0.5, 0.979, 0.99, 1.0], dtype=np.float32)
    passed = transmission(radius, sensor)
    np.testing.assert_allclose(passed[:3], 1 - 0.4 * radius[:3] ** 2, rtol=1e-5)
    assert passed[3] == pytest.approx(0.5 * (1 - 0.4 * 0.99**2), rel=1e-3)
    assert passed[4] == 0.0
    assert (np.diff(transmission(np.linspace(0, 1, 500, dtype=np.float32), sensor)) <= 0).all()
    np.testing.assert_allclose(transmission(radius, replace(sensor, edge_softness=0.0)), 1 - 0.4 * radius**2, rtol=1e-5)


def test_a_perfect_lens_changes_nothing(rays: ViewRays) -> None:
    light = np.random.default_rng(0).random((len(rays.places), 3), dtype=np.float32)
    np.testing.assert_allclose(through_lens(light, rays, PERFECT, 872), light)


def test_glare_moves_light_and_adds_none(rays: ViewRays) -> None:
    light = np.random.default_rng(0).random((len(rays.places), 3), dtype=np.float32)
    veiled = through_lens(light, rays, replace(PERFECT, glare=0.1), 872)
    np.testing.assert_allclose(veiled.mean(axis=0), light.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(veiled.std(axis=0), 0.9 * light.std(axis=0), rtol=1e-3)


def spread_px(light: np.ndarray, rays: ViewRays, column: int, row: int) -> float:
    """Standard deviation, along one axis, of the light around a place."""
    image = picture(light, rays)[..., 1]
    v, u = np.mgrid[: rays.height, : rays.width]
    return float(np.sqrt((image * ((u - column) ** 2 + (v - row) ** 2)).sum() / image.sum() / 2))


def test_a_point_is_blurred_by_the_stated_width(rays: ViewRays) -> None:
    sensor = replace(PERFECT, defocus_px=8.0, edge_defocus_px=16.0)
    nearest = int(rays.radius.argmin())
    half_way = int(np.argmin(np.abs(rays.radius - 0.6) + np.abs(rays.places // rays.width - rays.height // 2)))
    for index, sigma_px in ((nearest, 8.0), (half_way, np.sqrt(0.64 * 8**2 + 0.36 * 16**2))):
        light = np.zeros((len(rays.places), 3), dtype=np.float32)
        light[index] = 1.0
        row, column = divmod(int(rays.places[index]), rays.width)
        blurred = through_lens(light, rays, sensor, 872)
        # The sensor counts pixels of the calibrated image, which is four times as wide.
        assert spread_px(blurred, rays, column, row) == pytest.approx(sigma_px / 4, rel=0.08)
        assert blurred.sum() == pytest.approx(3.0, rel=0.1)


def test_defocus_does_not_darken_the_rim(rays: ViewRays) -> None:
    light = np.full((len(rays.places), 3), 0.5, dtype=np.float32)
    sensor = replace(PERFECT, defocus_px=8.0, edge_defocus_px=16.0)
    np.testing.assert_allclose(through_lens(light, rays, sensor, 872), 0.5, rtol=1e-4)
