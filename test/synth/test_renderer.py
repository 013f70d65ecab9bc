from dataclasses import replace

import numpy as np
import pytest

from egorear_synth.place import Place
from egorear_synth.places.builder import Block, Builder
from egorear_synth.places.light import Light, ambience
from egorear_synth.places.surfaces import Look
from egorear_synth.places.texture import make_texture
from egorear_synth.renderer import Scene, render_rays

RED = np.array([[0.8, 0.0, 0.0]] * 2, dtype=np.float32)
SUN = Light(np.array([0.0, 0.6, 0.8], np.float32), False, 0.0, np.full(3, 0.9, np.float32))
LAMP = Light(np.array([0.3, -0.4, 2.5], np.float32), True, 0.0, np.full(3, 5.0, np.float32))
AMBIENT = 0.3
GREY = 0.5
BELOW = np.array([0.0, 0.0, 1.9])


def plain(colour: float = GREY) -> Look:
    return Look(make_texture("plain", np.full((4, 4, 3), colour), (1.0, 1.0)))


def build(*blocks: Block, lights: tuple[Light, ...] = (SUN,), roof: bool = False) -> Place:
    """A large grey floor with grey blocks on it; the sky is black below and blue above."""
    builder = Builder(np.random.default_rng(0))
    builder.rectangle(np.array([-50.0, 50, 0]), np.array([100.0, 0, 0]), np.array([0, -100.0, 0]), plain(), False)
    for block in blocks:
        builder.block(block, plain())
    every, sky = np.full(3, AMBIENT), np.array([0.2, 0.3, 0.9])
    return Place(builder.surfaces(), lights, ambience(every, every, 0.5 * sky, sky, haze_m=1e6), {})


def table(height: float, half: float = 0.5) -> Scene:
    """A red, horizontal square that looks up."""
    vertices = np.array([[-half, -half, height], [half, -half, height], [half, half, height], [-half, half, height]])
    return Scene(vertices, np.tile([0.0, 0.0, 1.0], (4, 1)), np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32), RED)


def directions(*rays: tuple[float, float, float]) -> np.ndarray:
    array = np.array(rays, dtype=np.float32)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def towards(origin: np.ndarray, points: np.ndarray) -> np.ndarray:
    return directions(*(points - origin))


def test_first_hits_have_the_right_distance_and_face() -> None:
    origins, rays = np.array([[0.2, 0.1, 3.0]] * 3, dtype=np.float32), directions((0, 0, -1), (0, 0, 1), (1, 0, 0))
    hits = table(1.0).first_hits(origins, rays)
    assert hits.distance[0] == pytest.approx(2.0)
    assert np.isinf(hits.distance[1:]).all()
    assert hits.face[0] in (0, 1)
    assert (hits.face[1:] == -1).all()


def test_a_limit_hides_what_is_farther_and_stays_as_it_was() -> None:
    origins, rays = np.array([[0.2, 0.1, 3.0]] * 2, dtype=np.float32), directions((0, 0, -1), (0, 0, -1))
    limits = np.array([1.9, 2.1], dtype=np.float32)
    hits = table(1.0).first_hits(origins, rays, limits)
    assert hits.face[0] == -1
    assert np.isinf(hits.distance[0])
    assert hits.distance[1] == pytest.approx(2.0)
    assert limits.tolist() == [np.float32(1.9), np.float32(2.1)]


def test_body_floor_block_and_sky_are_told_apart() -> None:
    place = build(Block((2.0, 0.0, 0.5), (0.4, 0.4, 1.0)), lights=())
    rays = directions((0, 0, -1), (-1, 0, -1), (2, 0, -1), (0, 0, 1))
    seen = render_rays(table(1.0), place, np.array([0.0, 0.0, 2.0]), rays, 0.01)
    grey = GREY * AMBIENT
    np.testing.assert_allclose(seen[0], [0.8 * AMBIENT, 0, 0], atol=1e-3)
    np.testing.assert_allclose(seen[1:3], grey, atol=2e-3)
    np.testing.assert_allclose(seen[3], [0.2, 0.3, 0.9], atol=1e-3)


def test_a_body_behind_a_block_or_below_the_floor_is_not_seen() -> None:
    origin, ray = np.array([0.0, 0.0, 2.0]), directions((0, 0, -1))
    covered = build(Block((0.0, 0.0, 1.5), (0.4, 0.4, 0.2)), lights=())
    np.testing.assert_array_equal(
        render_rays(table(1.0), covered, origin, ray, 0.01), render_rays(table(50.0), covered, origin, ray, 0.01)
    )
    bare = build(lights=())
    np.testing.assert_array_equal(
        render_rays(table(-5.0), bare, origin, ray, 0.01), render_rays(table(50.0), bare, origin, ray, 0.01)
    )


def slabs(point: np.ndarray, direction: np.ndarray, low: np.ndarray, high: np.ndarray, length: float) -> bool:
    """Whether a segment meets an upright box."""
    with np.errstate(divide="ignore"):
        first, second = (low - point) / direction, (high - point) / direction
    enter, leave = np.minimum(first, second).max(), np.maximum(first, second).min()
    return max(enter, 0.0) < min(leave, length)


@pytest.mark.parametrize("light", [SUN, LAMP])
def test_shadows_agree_with_testing_every_segment(light: Light) -> None:
    """Light on the floor is what Lambert's law says, times whether table and block leave it a way."""
    block = Block((0.9, 0.3, 0.4), (0.5, 0.3, 0.8))
    place = build(block, lights=(light,))
    scene, origin = table(0.7, half=0.3), np.array([-2.0, -4.0, 5.0])
    rng = np.random.default_rng(0)
    points = np.column_stack((rng.uniform(-1.5, 1.5, (1500, 2)), np.zeros(1500)))
    seen = render_rays(scene, place, origin, towards(origin, points), 1e-3)[:, 0]
    boxes = [
        (np.array([-0.3, -0.3, 0.68]), np.array([0.3, 0.3, 0.72])),
        (np.array(block.centre) - 0.5 * np.array(block.size), np.array(block.centre) + 0.5 * np.array(block.size)),
    ]
    compared = lit = 0
    for point, colour in zip(points, seen, strict=True):
        # Only points that the camera sees.
        if any(slabs(point, origin - point, low - 0.01, high + 0.01, 1.0) for low, high in boxes):
            continue
        arrow = light.position.astype(float) - (point if light.is_lamp else 0.0)
        length = float(np.linalg.norm(arrow))
        hits = [slabs(point, arrow / length, low + g, high - g, 1e9) for low, high in boxes for g in (-0.01, 0.01)]
        if hits[0] != hits[1] or hits[2] != hits[3]:  # at the shadow's edge
            continue
        strength = float(light.strength[0]) / (length**2 if light.is_lamp else 1.0)
        sun = 0.0 if any(hits) else strength * arrow[2] / length
        assert colour == pytest.approx(GREY * (AMBIENT + sun), abs=6e-3), point
        compared += 1
        lit += sun > 0
    assert compared > 900
    assert 40 < compared - lit < compared / 2


def test_soft_shadows_have_the_same_light_on_average_and_grow_from_hard_ones() -> None:
    scene, origin = table(1.0, half=0.5), np.array([0.0, 3.0, 3.0])
    across = np.linspace(-2.0, 0.5, 6000)
    points = np.column_stack((np.zeros_like(across), across, np.zeros_like(across)))
    rays = towards(origin, points)
    hard = render_rays(scene, build(lights=(SUN,)), origin, rays, 1e-3)[:, 0]
    soft = render_rays(scene, build(lights=(replace(SUN, radius=0.1),)), origin, rays, 1e-3)[:, 0]
    assert set((hard > hard.mean()).tolist()) == {True, False}
    assert soft.mean() == pytest.approx(hard.mean(), rel=0.03)
    between = np.abs(np.convolve(soft > hard.mean(), np.full(101, 1 / 101), mode="same") - 0.5) < 0.35
    edges = np.flatnonzero(np.diff((hard > hard.mean()).astype(int)))
    assert between[edges].all()
    assert not between[[500, 1900, -500]].any()


def test_blocks_of_rays_do_not_change_what_is_seen() -> None:
    place = build(Block((0.9, 0.3, 0.4), (0.5, 0.3, 0.8)), lights=(replace(SUN, radius=0.2), LAMP))
    rays = np.random.default_rng(0).normal(size=(3000, 3)).astype(np.float32)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    whole = render_rays(table(1.0), place, np.array([0.1, 0.2, 1.7]), rays, 0.01)
    parts = [
        render_rays(table(1.0), place, np.array([0.1, 0.2, 1.7]), rays[i : i + 700], 0.01) for i in range(0, 3000, 700)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
