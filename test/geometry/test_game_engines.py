"""Axes of Unity and Unreal: what is ahead, at the right and above stays there."""

from collections.abc import Callable

import numpy as np
import pytest

from egorear_ros.geometry import game_engines as engines
from egorear_ros.geometry.transforms import T_RIG_DEVICE, rotmat_from_quat_xyzw, transform_points
from egorear_ros.structures import FloatArray

# One metre forward, right and up, in the axes and the unit of every frame, written from the frames' descriptions.
DEVICE = np.array([(0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, -1.0)])
RIG = np.array([(1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0)])
UNITY_M = np.array([(0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)])
UNREAL_CM = 100.0 * np.array([(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)])


@pytest.mark.parametrize(
    ("convert", "points", "expected"),
    [
        (engines.unity_from_rig, RIG, UNITY_M),
        (engines.unity_from_device, DEVICE, UNITY_M),
        (engines.unreal_cm_from_rig, RIG, UNREAL_CM),
        (engines.unreal_cm_from_device, DEVICE, UNREAL_CM),
    ],
)
def test_forward_right_and_up(
    convert: Callable[[FloatArray], FloatArray], points: FloatArray, expected: FloatArray
) -> None:
    np.testing.assert_allclose(convert(points), expected, atol=1e-12)


def test_rig_and_device_give_the_same_place() -> None:
    points = np.random.default_rng(1).normal(size=(5, 16, 3))
    rig = transform_points(T_RIG_DEVICE, points)
    np.testing.assert_allclose(engines.unity_from_device(points), engines.unity_from_rig(rig), atol=1e-12)
    np.testing.assert_allclose(engines.unreal_cm_from_device(points), engines.unreal_cm_from_rig(rig), atol=1e-9)


def test_formulas_of_the_docstrings() -> None:
    x, y, z = 0.1, 0.2, 0.3
    point, quat = np.array([x, y, z]), np.array([0.1, 0.2, 0.3, 0.9])
    np.testing.assert_allclose(engines.unity_from_rig(point), (-y, z, x))
    np.testing.assert_allclose(engines.unity_from_device(point), (x, -z, -y))
    np.testing.assert_allclose(engines.unreal_cm_from_rig(point), (100 * x, -100 * y, 100 * z))
    np.testing.assert_allclose(engines.unreal_cm_from_device(point), (-100 * y, 100 * x, -100 * z))
    np.testing.assert_allclose(engines.unity_quat_xyzw_from_ros(quat), (0.2, -0.3, -0.1, 0.9))
    np.testing.assert_allclose(engines.unreal_quat_xyzw_from_ros(quat), (-0.1, 0.2, -0.3, 0.9))


@pytest.mark.parametrize(
    ("turn", "move"),
    [
        (engines.unity_quat_xyzw_from_ros, engines.unity_from_rig),
        (engines.unreal_quat_xyzw_from_ros, engines.unreal_cm_from_rig),
    ],
)
def test_turning_then_converting_is_converting_then_turning(
    turn: Callable[[FloatArray], FloatArray], move: Callable[[FloatArray], FloatArray]
) -> None:
    generator = np.random.default_rng(2)
    quats = generator.normal(size=(20, 4))
    quats /= np.linalg.norm(quats, axis=-1, keepdims=True)
    for quat, point in zip(quats, generator.normal(size=(20, 3)), strict=True):
        turned = move(rotmat_from_quat_xyzw(quat) @ point)
        np.testing.assert_allclose(rotmat_from_quat_xyzw(turn(quat)) @ move(point), turned, atol=1e-9)


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 4\); expected \(\.\.\., 3\)"):
        engines.unity_from_rig(np.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"shape \(3,\); expected \(\.\.\., 4\)"):
        engines.unreal_quat_xyzw_from_ros(np.zeros(3))
