from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from ray_twin import colour_along
from renderers import LAMP, SUN, along, ball, both

from egorear_synth.camera.photograph import Frame, gather_lights, photographs
from egorear_synth.camera.rays import view_rays
from egorear_synth.camera.sensor import plain_sensor
from egorear_synth.place import Place, make_place
from egorear_synth.places.builder import Block, Builder
from egorear_synth.places.light import ambience
from egorear_synth.places.surfaces import Look
from egorear_synth.places.texture import make_texture
from egorear_synth.renderer import EmbreeRenderer
from egorear_synth.rendering import WARP, Exposure, RendererChoice, Shot
from egorear_synth.wearer import Wearer

Pair = tuple[EmbreeRenderer, Any]

TIME_S = 7.5


def assert_same_but_for_edges(found: np.ndarray, expected: np.ndarray, edges: float) -> None:
    """Check that light differs by rounding, and by more only where a ray just meets or misses an edge."""
    assert np.isfinite(found).all()
    difference = np.abs(found - expected).max(axis=1)
    tolerance = 1e-3 * expected.max()
    assert (difference > tolerance).mean() < edges
    assert np.median(difference) < 0.01 * tolerance


def test_light_to_all_sides_is_embrees(pair: Pair, wearer: Wearer) -> None:
    """Sky with clouds, haze, texture, block, body, and two soft shadows."""
    pose, directions = wearer.pose_at(TIME_S), ball(20000)
    origin = pose.joints_world.mean(axis=0) + np.array([0.5, -0.9, 0.9])
    expected, found = (
        along(renderer, renderer.pose(pose.T_world_rest), origin, directions, 0.004) for renderer in pair
    )
    assert_same_but_for_edges(found, expected, 0.005)
    assert expected.std() > 0.1
    assert len(np.unique(expected.round(3), axis=0)) > 2000


def test_light_in_made_places_is_embrees(wearer: Wearer, device: str) -> None:
    pose, directions = wearer.pose_at(TIME_S), ball(4000)
    origin = (pose.T_world_device @ wearer.rig["front_left"].T_device_camera)[:3, 3]
    outdoors, room = wearer.place, make_place(np.random.default_rng(0))
    assert {light.is_lamp for place in (outdoors, room) for light in place.lights} == {True, False}
    for place in (outdoors, room):
        expected, found = (
            along(renderer, renderer.pose(pose.T_world_rest), origin, directions)
            for renderer in both(wearer, place, device)
        )
        assert_same_but_for_edges(found, expected, 0.005)


def test_light_is_what_a_naive_twin_finds(wearer: Wearer, device: str) -> None:
    """Every triangle is tried for every ray, in double precision, without trees and textures."""
    grey, ambient = 0.5, 0.3
    plain = Look(make_texture("plain", np.full((4, 4, 3), grey), (1.0, 1.0)))
    builder = Builder(np.random.default_rng(0))
    builder.rectangle(np.array([-5.0, 5, 0]), np.array([10.0, 0, 0]), np.array([0, -10.0, 0]), plain, False)
    builder.block(Block((0.7, 0.5, 0.4), (0.4, 0.3, 0.8)), plain)
    every = np.full(3, ambient)
    place = Place(builder.surfaces(), (SUN, LAMP), ambience(every, every, every, every, haze_m=1e6), {})
    trusted, tested = both(wearer, place, device)
    pose = wearer.pose_at(TIME_S)
    body = trusted.pose(pose.T_world_rest)
    surfaces = place.surfaces
    flat = surfaces.vertices[surfaces.faces].astype(float)
    normals = surfaces.table.normals[surfaces.face_patches]
    origin = pose.joints_world.mean(axis=0) + np.array([0.9, -0.9, 1.4])
    # The naive camera sees front faces of blocks, so their normals need no turning round.
    triangles = np.concatenate([body.vertices[body.table.faces].astype(float), flat])
    corner_normals = np.concatenate([body.table.normals[body.table.faces], np.repeat(normals[:, None], 3, axis=1)])
    texel = surfaces.pool.texels[0, 0].item() / 255
    linear = ((texel + 0.055) / 1.055) ** 2.4
    albedo = np.concatenate([body.table.colours, np.full((len(flat), 3), linear)]).astype(float)
    rng = np.random.default_rng(1)
    targets = pose.joints_world[rng.integers(16, size=150)] + rng.normal(0.0, 0.25, (150, 3))
    rays = (targets - origin) / np.linalg.norm(targets - origin, axis=1, keepdims=True)
    found = along(tested, tested.pose(pose.T_world_rest), origin, rays.astype(np.float32))
    compared, shadowed = 0, 0
    for ray, colour in zip(rays, found, strict=True):
        seen = colour_along(origin, ray, triangles, corner_normals, albedo, place.lights, ambient)
        if seen is None or seen[1] < 0.02:
            continue
        np.testing.assert_allclose(colour, seen[0], atol=2e-3, err_msg=str(ray))
        compared += 1
        shadowed += bool(seen[0].max() < 1.05 * ambient * linear)
    assert compared > 60
    assert shadowed > 3


def test_views_at_once_and_one_by_one_and_again_are_equal_and_embrees(pair: Pair, wearer: Wearer) -> None:
    """With several rays a pixel and two moments, between which the person moves."""
    times = (TIME_S, TIME_S + 0.1)
    bodies = [tuple(renderer.pose(wearer.pose_at(time).T_world_rest) for time in times) for renderer in pair]

    def shots(*views: str) -> tuple[Shot, ...]:
        return tuple(
            Shot(
                view_rays(wearer.rig[view].lens, 48, 48),
                tuple(wearer.pose_at(time).T_world_device @ wearer.rig[view].T_device_camera for time in times),
                np.random.default_rng(len(view)),
            )
            for view in views
        )

    views = wearer.rig.views
    expected = pair[0].light(Exposure(bodies[0], 2, shots(*views)))
    found = pair[1].light(Exposure(bodies[1], 2, shots(*views)))
    for one, other in zip(found, pair[1].light(Exposure(bodies[1], 2, shots(*views))), strict=True):
        np.testing.assert_array_equal(one, other)
    for index, view in enumerate(views):
        np.testing.assert_array_equal(found[index], pair[1].light(Exposure(bodies[1], 2, shots(view)))[0])
        # The last digit of a direction decides where on a light its shadow ray ends: soft shadows have other noise.
        assert_same_but_for_edges(found[index], expected[index], 0.12)
        assert abs(float((found[index] - expected[index]).mean())) < 2e-3


def test_photographs_and_truth_are_embrees(wearer: Wearer, device: str) -> None:
    other = Wearer(wearer.rig, wearer.person, wearer.motion, wearer.place, wearer.mount, RendererChoice(WARP, device))
    images = []
    for one in (wearer, other):
        frames = [Frame(view, 64, 64, np.random.default_rng(index)) for index, view in enumerate(wearer.rig.views)]
        images.append(np.array(photographs(one, frames, TIME_S, plain_sensor())).astype(int))
    difference = np.abs(images[1] - images[0])
    assert difference.mean() < 0.3
    assert (difference > 2).mean() < 0.01
    assert images[0].std() > 20
    truths = [one.truth(TIME_S) for one in (wearer, other)]
    np.testing.assert_array_equal(truths[1].pixels, truths[0].pixels)
    assert (truths[1].visible != truths[0].visible).sum() <= 1
    assert truths[0].visible.any()


def test_threads_share_a_renderer(wearer: Wearer, device: str) -> None:
    """Every view by a thread of its own, several moments at once, as the live wearer's cameras ask for them."""
    other = Wearer(wearer.rig, wearer.person, wearer.motion, wearer.place, wearer.mount, RendererChoice(WARP, device))
    wanted = [(view, 0.25 * moment) for moment in range(3) for view in wearer.rig.views]

    def render(view_time: tuple[str, float]) -> np.ndarray:
        return other.render(*view_time, 32, 32, samples=2)

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(render, wanted))
    for image, view_time in zip(together, wanted, strict=True):
        np.testing.assert_array_equal(image, render(view_time))
    assert len({image.tobytes() for image in together}) == len(wanted)


def test_a_place_without_lights_and_shadows_is_seen(wearer: Wearer, device: str) -> None:
    builder = Builder(np.random.default_rng(0))
    grey = Look(make_texture("grey", np.full((1, 1, 3), 0.5), (1.0, 1.0)))
    builder.rectangle(np.array([-5.0, 5, 0]), np.array([10.0, 0, 0]), np.array([0, -10.0, 0]), grey, False)
    every = np.full(3, 0.3)
    place = Place(builder.surfaces(), (), ambience(every, every, every, every), {})
    expected, found = (
        along(renderer, renderer.pose(wearer.pose_at(0.0).T_world_rest), np.array([1.0, 1.0, 1.7]), ball(2000))
        for renderer in both(wearer, place, device)
    )
    assert_same_but_for_edges(found, expected, 0.005)


def test_light_does_not_depend_on_other_views_widths(wearer: Wearer, device: str) -> None:
    other = Wearer(wearer.rig, wearer.person, wearer.motion, wearer.place, wearer.mount, RendererChoice(WARP, device))
    wide, narrow = wearer.rig.views[:2]

    def light(*frames: tuple[str, int]) -> list[np.ndarray]:
        made = [Frame(view, width, width, np.random.default_rng(width)) for view, width in frames]
        return gather_lights(other, made, (TIME_S,), 2)

    together = light((wide, 40), (narrow, 24))
    np.testing.assert_array_equal(together[0], light((wide, 40))[0])
    np.testing.assert_array_equal(together[1], light((narrow, 24))[0])
