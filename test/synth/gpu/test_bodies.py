from typing import Any

import numpy as np
import pytest
from renderers import ball

from egorear_synth.renderer import EmbreeRenderer
from egorear_synth.shading import BodyHits
from egorear_synth.wearer import Wearer

Pair = tuple[EmbreeRenderer, Any]


def rays_at(wearer: Wearer, time_s: float, count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Rays from around a person to places near the joints; about half of them miss."""
    rng, joints = np.random.default_rng(3), wearer.pose_at(time_s).joints_world
    origins = joints.mean(axis=0) + 2.0 * ball(count)
    towards = joints[rng.integers(len(joints), size=count)] + rng.normal(0.0, 0.12, (count, 3)) - origins
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    return origins.astype(np.float32), towards.astype(np.float32)


def hits_of(pair: Pair, wearer: Wearer, time_s: float, limits: np.ndarray | None = None) -> list[BodyHits]:
    pose, rays = wearer.pose_at(time_s), rays_at(wearer, time_s)
    return [renderer.pose(pose.T_world_rest).first_hits(*rays, limits) for renderer in pair]


@pytest.mark.parametrize("time_s", [0.0, 7.5])
def test_skin_is_the_same(pair: Pair, wearer: Wearer, time_s: float) -> None:
    T_world_rest = wearer.pose_at(time_s).T_world_rest
    expected, posed = (renderer.pose(T_world_rest) for renderer in pair)
    np.testing.assert_allclose(posed.mesh.points.numpy(), expected.vertices, atol=2e-6)
    np.testing.assert_allclose(posed.table.normals.numpy(), expected.table.normals, atol=2e-4)


@pytest.mark.parametrize("time_s", [0.0, 7.5])
def test_first_hits_are_embrees(pair: Pair, wearer: Wearer, time_s: float) -> None:
    expected, found = hits_of(pair, wearer, time_s)
    met = expected.face >= 0
    assert 0.2 < met.mean() < 0.9
    # Rays through an edge may meet either neighbour, or pass by the outline.
    same = found.face == expected.face
    assert same.mean() > 0.998
    assert ((found.face >= 0) == met).mean() > 0.999
    np.testing.assert_allclose(found.distance[same & met], expected.distance[same & met], atol=2e-5)
    assert np.isinf(found.distance[found.face < 0]).all()


def test_places_within_a_triangle_are_counted_from_the_same_corner(pair: Pair, wearer: Wearer) -> None:
    _, found = hits_of(pair, wearer, 7.5)
    origins, directions = rays_at(wearer, 7.5)
    met = found.face >= 0
    triangles = pair[0].pose(wearer.pose_at(7.5).T_world_rest).vertices[wearer.body.faces[found.face[met]]]
    u, v = found.u[met, None], found.v[met, None]
    points = (1 - u - v) * triangles[:, 0] + u * triangles[:, 1] + v * triangles[:, 2]
    np.testing.assert_allclose(points, origins[met] + found.distance[met, None] * directions[met], atol=2e-5)


def test_a_limit_hides_what_is_farther_and_stays_as_it_was(pair: Pair, wearer: Wearer) -> None:
    free, _ = hits_of(pair, wearer, 7.5)
    limits = np.where(np.isinf(free.distance), np.inf, free.distance + np.tile([-1e-3, 1e-3], len(free.face) // 2))
    kept = (limits := limits.astype(np.float32)).copy()
    expected, found = hits_of(pair, wearer, 7.5, limits)
    np.testing.assert_array_equal(limits, kept)
    assert (found.face == expected.face).mean() > 0.998
    # Every second of them is just out of reach.
    assert 0.4 < (found.face >= 0).sum() / (free.face >= 0).sum() < 0.6


def test_bodies_in_use_stay_as_they_are_and_others_are_used_again(pair: Pair, wearer: Wearer) -> None:
    renderer = pair[1]
    held = [renderer.pose(wearer.pose_at(0.5 * index).T_world_rest) for index in range(6)]
    first = [body.vertices for body in held]
    ids = [body.mesh.id for body in held]
    assert len(set(ids)) == len(held)
    extra = renderer.pose(wearer.pose_at(9.0).T_world_rest)
    assert extra.mesh.id not in ids
    for body, vertices in zip(held, first, strict=True):
        np.testing.assert_array_equal(body.vertices, vertices)
    again = renderer.pose(wearer.pose_at(0.0).T_world_rest)
    np.testing.assert_array_equal(again.vertices, first[0])
    kept = held[0].vertices
    del held, body
    others = [renderer.pose(wearer.pose_at(3.0).T_world_rest) for _ in ids]
    assert {body.mesh.id for body in others} == set(ids)
    np.testing.assert_array_equal(kept, first[0])
