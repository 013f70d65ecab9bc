import numpy as np
import pytest

from egorear_synth.floor import SIZE_M, Floor
from egorear_synth.renderer import Light, Scene, render_rays
from egorear_synth.tone import to_srgb

LIGHT = Light((0.0, 0.6, 0.8), 0.9, 0.4, (0.5, 0.5, 0.5), (0.3, 0.4, 0.6))
RED = np.array([[0.8, 0.0, 0.0]] * 2, dtype=np.float32)


def table(height: float, half: float = 0.5) -> Scene:
    """A horizontal square that looks up."""
    vertices = np.array([[-half, -half, height], [half, -half, height], [half, half, height], [-half, half, height]])
    return Scene(vertices, np.tile([0.0, 0.0, 1.0], (4, 1)), np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32), RED)


def directions(*rays: tuple[float, float, float]) -> np.ndarray:
    array = np.array(rays, dtype=np.float32)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


@pytest.fixture
def floor() -> Floor:
    return Floor(np.random.default_rng(1))


def test_first_hits_have_the_right_distance_and_face() -> None:
    hits = table(1.0).first_hits(
        np.array([[0.2, 0.1, 3.0]] * 3, dtype=np.float32), directions((0, 0, -1), (0, 0, 1), (1, 0, 0))
    )
    assert hits.distance[0] == pytest.approx(2.0)
    assert np.isinf(hits.distance[1:]).all()
    assert hits.face[0] in (0, 1)
    assert (hits.face[1:] == -1).all()


def test_body_floor_and_sky_are_told_apart(floor: Floor) -> None:
    rays = directions((0, 0, -1), (1, 0, -1), (0, 0, 1), (1, 0, 0.01))
    colours = to_srgb(render_rays(table(1.0), floor, LIGHT, np.array([0.0, 0.0, 2.0]), rays, 0.01)).astype(int)
    assert colours[0, 0] > 100
    assert colours[0, 1] == colours[0, 2] == 0
    assert colours[1].min() > 0
    assert colours[2, 2] > colours[2, 0]
    assert abs(colours[3] - colours[3].mean()).max() <= 2


def test_a_body_below_the_floor_is_not_seen(floor: Floor) -> None:
    above = render_rays(table(-5.0), floor, LIGHT, np.array([0.0, 0.0, 2.0]), directions((0, 0, -1)), 0.01)
    without = render_rays(table(50.0), floor, LIGHT, np.array([0.0, 0.0, 2.0]), directions((0, 0, -1)), 0.01)
    np.testing.assert_array_equal(above, without)


def test_shadow_falls_away_from_the_light_and_darkens() -> None:
    scene = table(1.0, half=0.2)
    shift = -0.6 / 0.8
    x = np.zeros(3, dtype=np.float32)
    y = np.array([shift, 0.0, -shift], dtype=np.float32)
    assert scene.floor_shadowed(x, y, np.array(LIGHT.direction, dtype=np.float32)).tolist() == [True, False, False]


def test_shadow_box_agrees_with_asking_for_every_point() -> None:
    scene = table(0.7, half=0.3)
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-2, 2, (2, 4000)).astype(np.float32)
    direction = np.array(LIGHT.direction, dtype=np.float32)
    points = np.stack((x, y, np.full_like(x, 0.004)), axis=1)
    np.testing.assert_array_equal(scene.floor_shadowed(x, y, direction), scene.shadowed(points, direction))


def test_floor_repeats_and_has_contrast(floor: Floor) -> None:
    x, y = np.random.default_rng(0).uniform(0, SIZE_M, (2, 2000)).astype(np.float32)
    fine = np.full_like(x, 1e-3)
    here = floor.colours(x, y, fine)
    assert here.std(axis=0).min() > 0.02
    # One texel may differ where rounding meets its edge.
    there = floor.colours(x - np.float32(3 * SIZE_M), y + np.float32(SIZE_M), fine)
    assert (np.abs(here - there).max(axis=1) < 1e-6).mean() > 0.99


def test_floor_is_averaged_over_large_pixels(floor: Floor) -> None:
    x, y = np.random.default_rng(0).uniform(-3, 3, (2, 2000)).astype(np.float32)
    spread = [floor.colours(x, y, np.full_like(x, size)).std() for size in (0.001, 0.3, 100.0)]
    assert spread[0] > spread[1] > spread[2]
    np.testing.assert_allclose(floor.colours(x, y, np.full_like(x, 100.0)).mean(axis=0), floor.mean_colour, atol=1e-4)
