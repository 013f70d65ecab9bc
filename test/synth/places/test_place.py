import json

import numpy as np
import pytest

from egorear_synth.place import Place, make_place
from egorear_synth.places.arrange import Arrangement
from egorear_synth.places.builder import Block, Builder
from egorear_synth.places.clearance import BODY_M, STANDING_M, Clearance
from egorear_synth.places.plants import grow
from egorear_synth.places.surfaces import Look, Shadow
from egorear_synth.places.texture import make_texture
from egorear_synth.renderer import Scene, render_rays

SEEDS = range(8)
WALK = np.column_stack((np.linspace(-2, 2, 60), np.sin(np.linspace(-2, 2, 60))))


def figure(seed: int) -> np.ndarray:
    """Points of somebody who walks along `WALK` with a wide stance, (N, 3)."""
    rng = np.random.default_rng(seed)
    body = rng.uniform((-0.25, -0.3, 0.0), (0.25, 0.3, 1.8), (40, 3))
    return (np.column_stack((WALK, np.zeros(len(WALK))))[:, None] + body).reshape(-1, 3)


@pytest.fixture(scope="module")
def places() -> list[Place]:
    """Half of them around points of the floor, half of them around a body."""
    return [make_place(np.random.default_rng(seed), WALK if seed % 2 else figure(seed)) for seed in SEEDS]


def all_around(count: int = 4000) -> np.ndarray:
    rays = np.random.default_rng(1).normal(size=(count, 3)).astype(np.float32)
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)


def nobody() -> Scene:
    """A triangle far away."""
    corners = np.array([[500.0, 0, 900], [501, 0, 900], [500, 1, 900]])
    return Scene(corners, np.tile([0.0, 0, 1], (3, 1)), np.array([[0, 1, 2]], np.int32), np.ones((1, 3), np.float32))


def distance_to_rectangles(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Smallest distance of (N, 3) points from (Q, 4, 3) rectangles and lids, by sampling these every 3 cm."""
    samples = []
    for first, second, third, fourth in corners:
        across = max(int(np.linalg.norm(second - first) / 0.03), 2)
        down = max(int(np.linalg.norm(fourth - first) / 0.03), 2)
        u, v = (grid[..., None] for grid in np.meshgrid(np.linspace(0, 1, across), np.linspace(0, 1, down)))
        quad = (1 - v) * ((1 - u) * first + u * second) + v * ((1 - u) * fourth + u * third)
        samples.append(quad.reshape(-1, 3))
    near = np.concatenate(samples)
    return np.array([np.sqrt(((near - point) ** 2).sum(axis=1).min()) for point in points])


def furniture(place: Place) -> np.ndarray:
    """Corners of what stands about: above the floor and within reach of the walk."""
    corners = place.surfaces.corners
    # Grass gives way, and walls are not among what stands about.
    upright = (corners[..., 2].max(axis=1) > 0.02) & (place.surfaces.shadows == Shadow.EVERY)
    near = (np.abs(corners[..., :2]).min(axis=1) < 4).all(axis=1) & (np.abs(corners).max(axis=(1, 2)) < 12)
    return corners[upright & near]


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_stands_where_the_person_is(places: list[Place], seed: int) -> None:
    if seed % 2:
        points = np.column_stack((np.repeat(WALK[::4], 4, axis=0), np.tile([0.1, 0.6, 1.1, 1.6], 15)))
        least = STANDING_M
    else:
        points, least = figure(seed)[::13], BODY_M
    # Floor-flat things do not count; neither do lamps, higher than anyone.
    assert distance_to_rectangles(points, furniture(places[seed])).min() > least - 0.03


def test_furniture_is_near_enough_to_be_seen_and_to_hide_something(places: list[Place]) -> None:
    distances = []
    for place in places:
        middles = [piece["centre_m"] for piece in place.facts["furniture"]]
        distances += [np.linalg.norm(WALK - middle, axis=1).min() for middle in middles]
    assert len(distances) > 2 * len(SEEDS)
    assert np.median(distances) < 1.6


def test_tall_grass_is_where_the_person_walks_and_hides_the_ground() -> None:
    builder = Builder(np.random.default_rng(0))
    facts = grow(builder, WALK, Look(make_texture("green", np.full((4, 4, 3), 0.2), (1.0, 1.0))))
    surfaces = builder.surfaces()
    eyes = np.column_stack((np.repeat(WALK, 20, axis=0), np.full(20 * len(WALK), 1.7)))
    towards = np.random.default_rng(1).normal(0, (0.3, 0.3, 0), eyes.shape) - [0, 0, 1.7]
    length = np.linalg.norm(towards, axis=1, keepdims=True)
    hits = surfaces.first_hits(eyes.astype(np.float32), (towards / length).astype(np.float32))
    assert 0.05 < np.isfinite(hits.distance).mean() < 0.9
    assert surfaces.vertices[:, 2].min() >= 0
    assert surfaces.vertices[:, 2].max() <= facts["height_m"] + 1e-3


def test_a_low_table_reaches_over_a_foot_and_touches_nobody() -> None:
    rng = np.random.default_rng(0)
    legs = rng.uniform((-0.1, -0.25, 0.0), (0.1, 0.25, 1.8), (4000, 3))
    shoes = rng.uniform((-0.1, -0.25, 0.0), (0.3, 0.25, 0.08), (800, 3))
    clearance = Clearance(np.concatenate((legs, shoes)))
    found = 0
    for seed in range(12):
        piece = Arrangement(np.random.default_rng(seed), clearance, None).over_feet()
        if piece is not None:
            assert min(block.distances(np.concatenate((legs, shoes))).min() for block in piece) >= BODY_M
            local = (shoes - np.array(piece[0].centre)) @ piece[0].axes.T
            found += (np.abs(local[:, :2]) < 0.5 * np.array(piece[0].size[:2])).all(axis=1).any()
    assert found > 3


def test_on_points_of_the_floor_nothing_reaches_over_feet() -> None:
    assert Arrangement(np.random.default_rng(0), Clearance(WALK), None).over_feet() is None


def test_a_room_holds_the_whole_way_and_is_higher_than_the_person(places: list[Place]) -> None:
    rooms = [place for place in places if place.facts["kind"] == "room"]
    assert rooms
    for place in rooms:
        corners = place.surfaces.corners.reshape(-1, 3)
        assert (corners[:, :2].min(axis=0) < WALK.min(axis=0) - 0.5).all()
        assert (corners[:, :2].max(axis=0) > WALK.max(axis=0) + 0.5).all()
        assert corners[:, 2].max() > 2.0
        assert len(place.lights) in (1, 2, 3)


def test_raised_hands_stay_below_the_ceiling() -> None:
    tall = np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 3.6]])
    for seed in (0, 1, 5):
        place = make_place(np.random.default_rng(seed), tall)
        assert place.facts["kind"] == "room"
        assert place.facts["size_m"][2] > 3.7


def test_both_kinds_occur_and_facts_are_json(places: list[Place]) -> None:
    assert {place.facts["kind"] for place in places} == {"room", "outdoors"}
    for place in places:
        assert json.loads(json.dumps(place.facts, allow_nan=False)) == place.facts
        assert len(place.facts["lights"]) == len(place.lights) >= 1
        assert place.facts["textures"]


def test_the_same_seed_gives_the_same_place_and_another_one_another() -> None:
    for seed in (0, 3):
        one, other = (make_place(np.random.default_rng(seed), WALK) for _ in range(2))
        assert one.facts == other.facts
        np.testing.assert_array_equal(one.surfaces.corners, other.surfaces.corners)
        np.testing.assert_array_equal(one.surfaces.pool.texels, other.surfaces.pool.texels)
        colours = [render_rays(nobody(), place, np.array([0, 0, 1.7]), all_around(), 0.01) for place in (one, other)]
        np.testing.assert_array_equal(*colours)
    assert make_place(np.random.default_rng(5), WALK).facts != one.facts


def test_light_is_finite_not_negative_and_of_sensible_strength(places: list[Place]) -> None:
    scene, rays = nobody(), all_around()
    down = rays[rays[:, 2] < -0.3]
    for place in places:
        seen = render_rays(scene, place, np.array([0.3, 0.2, 1.7]), rays, 0.01)
        assert np.isfinite(seen).all()
        assert seen.min() >= 0
        floor = render_rays(scene, place, np.array([0.3, 0.2, 1.7]), down, 0.01)
        assert 0.01 < floor.mean() < 1.0
        assert floor.std() > 0.005


def test_one_texture_is_kept_once() -> None:
    look = Look(make_texture("plain", np.full((4, 4, 3), 0.5), (1.0, 1.0)))
    builder = Builder(np.random.default_rng(0))
    for x in range(5):
        builder.block(Block((float(x), 0.0, 0.5), (0.5, 0.5, 1.0)), Look(look.texture, (0.5, 0.5, 0.1 * x)))
    surfaces = builder.surfaces()
    assert len(surfaces.pool.finest) == 1
    assert len(surfaces.faces) == 5 * 12
    outwards = surfaces.vertices[surfaces.faces].mean(axis=1) - np.round(surfaces.vertices[surfaces.faces].mean(axis=1))
    normals = surfaces.table.normals[surfaces.face_patches]
    assert ((outwards - [0, 0, 0.5]) * normals).sum(axis=1).min() > -0.51


@pytest.mark.parametrize(
    "occupied", [np.zeros((0, 2)), np.zeros(3), np.zeros((4, 4)), np.array([[0.0, np.nan]]), np.array([[np.inf, 0, 0]])]
)
def test_wrong_points_are_named(occupied: np.ndarray) -> None:
    with pytest.raises(ValueError, match="occupied: expected one or more finite points"):
        Clearance(occupied)


def test_block_distances_agree_with_sampling() -> None:
    block = Block((0.3, -0.2, 0.5), (0.8, 0.4, 1.0), 0.7)
    points = np.random.default_rng(0).uniform(-1.5, 1.5, (60, 3))
    grid = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, 41)] * 3), axis=-1).reshape(-1, 3)
    inside = np.array(block.centre) + (grid * block.size) @ block.axes
    naive = np.array([np.linalg.norm(inside - point, axis=1).min() for point in points])
    np.testing.assert_allclose(block.distances(points), naive, atol=0.02)
