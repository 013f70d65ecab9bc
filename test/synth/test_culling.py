import numpy as np
import pytest

from egorear_synth.culling import balls_around, balls_on, choose, directions_to, directions_to_mesh, meets

Mesh = tuple[np.ndarray, np.ndarray]


def sphere(centre: tuple[float, float, float], radius: float, rows: int = 24) -> Mesh:
    """A triangulated sphere, with vertices (N, 3) and faces (F, 3)."""
    polar, around = np.meshgrid(np.linspace(0.01, np.pi - 0.01, rows), np.linspace(0, 2 * np.pi, rows), indexing="ij")
    unit = np.stack((np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)), axis=-1)
    index = np.arange(rows * rows).reshape(rows, rows)
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]))
    faces = np.concatenate((np.stack((a, b, c), axis=1), np.stack((a, c, d), axis=1))).astype(np.int32)
    return (np.array(centre) + radius * unit.reshape(-1, 3)).astype(np.float32), faces


def points_on(mesh: Mesh, count: int, rng: np.random.Generator) -> np.ndarray:
    weights = rng.dirichlet(np.ones(3), count)
    corners = mesh[0][mesh[1][rng.integers(len(mesh[1]), size=count)]]
    return np.einsum("nk,nkc->nc", weights, corners)


def seen(cells: np.ndarray, directions: np.ndarray) -> np.ndarray:
    return np.array([meets(cells, *direction) for direction in directions.astype(np.float32)])


def test_no_direction_towards_a_ball_is_left_out() -> None:
    rng = np.random.default_rng(0)
    left_out = []
    for _ in range(300):
        centre, radius = rng.normal(size=3), rng.uniform(0.01, 1.2)
        cells = directions_to(np.zeros(3, np.float32), np.array([[*centre, radius]], np.float32), 0.0)
        unit = rng.normal(size=(60, 3))
        surface = centre + radius * unit / np.linalg.norm(unit, axis=1, keepdims=True)
        assert seen(cells, surface).all()
        if np.linalg.norm(centre) > 3 * radius:
            left_out.append(1 - cells.mean())
    assert np.mean(left_out) > 0.85


@pytest.mark.parametrize("distance", [0.02, 0.1, 0.27, 0.6, 2.0])
@pytest.mark.parametrize("margin", [0.0, 0.05])
def test_no_direction_towards_a_mesh_is_left_out(distance: float, margin: float) -> None:
    rng = np.random.default_rng(1)
    mesh = sphere((0.0, 0.0, 1.0), 0.4)
    point = np.array([0.4 + distance, 0.0, 1.0], dtype=np.float32)
    cells = directions_to_mesh(point, *mesh, balls_around(*mesh), margin)
    unit = rng.normal(size=(800, 3))
    moved = points_on(mesh, 800, rng) + margin * unit / np.linalg.norm(unit, axis=1, keepdims=True)
    assert seen(cells, moved - point).all()
    if margin < 0.3 * distance:
        assert not cells[0].any()  # looking away from it
        assert cells.mean() < 0.75


def test_balls_hold_mesh_and_rectangles() -> None:
    rng = np.random.default_rng(2)
    mesh = sphere((3.0, -2.0, 1.0), 0.5)
    corners = np.array(
        [[[0, 0, 0], [2.0, 0, 0], [2.0, 0, 0.7], [0, 0, 0.7]], [[0, 0, 0], [1, 0, 0], [1.3, 1, 0], [-0.3, 1, 0]]]
    )
    rectangles = np.concatenate(
        [points_on((quad, np.array([[0, 1, 2], [0, 2, 3]])), 500, rng) for quad in corners.astype(np.float32)]
    )
    for balls, points in ((balls_around(*mesh), points_on(mesh, 1000, rng)), (balls_on(corners), rectangles)):
        distances = np.linalg.norm(points[:, None] - balls[None, :, :3], axis=2) - balls[:, 3]
        assert distances.min(axis=1).max() <= 1e-4


def test_a_mesh_spread_over_kilometres_needs_little_memory() -> None:
    vertices = np.array([[0, 0, 0], [1e3, 0, 0], [0, 1e3, 0], [0, 0, 1e3]], dtype=np.float32)
    assert len(balls_around(vertices, np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32))) < 65**3


def test_chosen_rays_are_those_that_can_meet() -> None:
    rng = np.random.default_rng(3)
    cells = directions_to(np.zeros(3, np.float32), np.array([[1.0, 0.3, -2.0, 0.5]], np.float32), 0.0)
    directions = rng.normal(size=(500, 3)).astype(np.float32)
    far = rng.uniform(1, 2, 500).astype(np.float32)
    chosen, rays, limits = np.empty(500, np.int32), np.empty((500, 3), np.float32), np.empty(500, np.float32)
    count = choose(directions, cells, far, chosen, rays, limits)
    expected = np.flatnonzero(seen(cells, directions))
    np.testing.assert_array_equal(np.flatnonzero(chosen >= 0), expected)
    np.testing.assert_array_equal(rays[:count], directions[expected])
    np.testing.assert_array_equal(limits[:count], far[expected])
