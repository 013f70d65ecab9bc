import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egorear_synth.rotations import (
    interpolate_rotmats,
    rotmat_about,
    rotmat_between,
    rotmat_from_euler,
    rotmat_from_rotvec,
    rotvec_from_rotmat,
)

vectors = st.tuples(*[st.floats(-1.5, 1.5)] * 3).map(np.array)


@pytest.mark.parametrize(("axis", "source", "target"), [("x", 1, 2), ("y", 2, 0), ("z", 0, 1)])
def test_a_quarter_turn_takes_each_axis_to_the_next(axis: str, source: int, target: int) -> None:
    np.testing.assert_allclose(rotmat_about(axis, np.pi / 2) @ np.eye(3)[source], np.eye(3)[target], atol=1e-15)


def test_euler_applies_the_last_letter_first() -> None:
    turned = rotmat_from_euler("zx", np.array([np.pi / 2, np.pi / 2])) @ [0.0, 1.0, 0.0]
    np.testing.assert_allclose(turned, [0.0, 0.0, 1.0], atol=1e-15)


@given(vectors)
def test_rotation_vector_survives_the_round_trip(rotvec: np.ndarray) -> None:
    np.testing.assert_allclose(rotvec_from_rotmat(rotmat_from_rotvec(rotvec)), rotvec, atol=1e-7)


@given(vectors, vectors)
def test_rotation_between_directions_is_proper_and_arrives(a: np.ndarray, b: np.ndarray) -> None:
    if min(np.linalg.norm(a), np.linalg.norm(b)) < 1e-3:
        return
    R = rotmat_between(a, b)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(R) > 0
    np.testing.assert_allclose(R @ (a / np.linalg.norm(a)), b / np.linalg.norm(b), atol=1e-6)


@pytest.mark.parametrize("direction", np.concatenate([np.eye(3), -np.eye(3)]))
def test_opposite_directions_are_half_a_turn_apart(direction: np.ndarray) -> None:
    R = rotmat_between(direction, -direction)
    np.testing.assert_allclose(R @ direction, -direction, atol=1e-9)
    assert np.linalg.det(R) == pytest.approx(1.0)


def test_interpolation_takes_the_shortest_way_at_even_speed() -> None:
    first, second = rotmat_about("z", 0.2), rotmat_about("z", 1.0)
    np.testing.assert_allclose(interpolate_rotmats(first, second, 0.25), rotmat_about("z", 0.4), atol=1e-12)
