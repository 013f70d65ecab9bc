import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from egorear_ros.geometry.transforms import (
    T_RIG_DEVICE,
    check_transform,
    invert_transform,
    quat_xyzw_from_rotmat,
    rotmat_from_quat_xyzw,
    transform_points,
)

rotvecs = st.tuples(*[st.floats(-3.2, 3.2)] * 3).map(np.array)


def transform(rotvec: np.ndarray, translation: tuple[float, float, float] = (0.1, -2.0, 3.0)) -> np.ndarray:
    T = np.eye(4)
    T[:3, :3] = cv2.Rodrigues(rotvec)[0]
    T[:3, 3] = translation
    return T


def test_rig_and_device_axes() -> None:
    right, rear, down, origin = np.vstack((np.eye(3), np.zeros(3)))
    np.testing.assert_array_equal(
        transform_points(T_RIG_DEVICE, np.stack((right, rear, down, origin))),
        [(0, -1, 0), (-1, 0, 0), (0, 0, -1), (0, 0, 0)],
    )
    assert np.linalg.det(T_RIG_DEVICE[:3, :3]) == pytest.approx(1.0)
    check_transform(T_RIG_DEVICE, "T_RIG_DEVICE")


@given(rotvecs)
def test_inverse(rotvec: np.ndarray) -> None:
    T = transform(rotvec)
    np.testing.assert_allclose(invert_transform(T) @ T, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(invert_transform(np.stack((T, np.eye(4))))[0], np.linalg.inv(T), atol=1e-12)


def test_torch_equals_numpy() -> None:
    T = np.stack((transform(np.array([0.1, 2.0, -1.0])), transform(np.array([1.0, 0.0, 0.5]))))
    points = np.random.default_rng(0).normal(size=(2, 7, 3))
    expected = transform_points(invert_transform(T), points)
    result = transform_points(invert_transform(torch.tensor(T)), torch.tensor(points))
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-12)
    naive = np.einsum("bij,bnj->bni", np.linalg.inv(T), np.concatenate((points, np.ones((2, 7, 1))), -1))[..., :3]
    np.testing.assert_allclose(expected, naive, atol=1e-12)


@given(rotvecs)
def test_quaternion_round_trip(rotvec: np.ndarray) -> None:
    rotmat = cv2.Rodrigues(rotvec)[0]
    quat = quat_xyzw_from_rotmat(rotmat)
    angle = np.linalg.norm(rotvec)
    expected = np.append(rotvec * (np.sinc(angle / 2 / np.pi) / 2), np.cos(angle / 2))
    assert quat[3] >= 0.0
    assert abs(quat @ expected) == pytest.approx(1.0, abs=1e-9)
    np.testing.assert_allclose(rotmat_from_quat_xyzw(quat), rotmat, atol=1e-9)


def test_half_turns() -> None:
    turns = [np.diag(signs) for signs in ((1.0, -1, -1), (-1.0, 1, -1), (-1.0, -1, 1), (1.0, 1, 1))]
    np.testing.assert_allclose(np.abs(quat_xyzw_from_rotmat(np.stack(turns))), np.eye(4), atol=1e-15)


def test_quaternions_of_any_length() -> None:
    np.testing.assert_allclose(
        rotmat_from_quat_xyzw(np.array([[0, 0, 2.0, 2.0]]))[0], [(0, -1, 0), (1, 0, 0), (0, 0, 1)], atol=1e-15
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda T: T[:3], "has shape (3, 4); expected 4 rows of 4"),
        (lambda T: T * np.nan, "has non-finite numbers"),
        (lambda T: T.T, "ends with the row"),
        (lambda T: T @ np.diag([1.01, 1.01, 1.01, 1.0]), "is not a rigid transform"),
        (lambda T: T @ np.diag([1.0, 1.0, -1.0, 1.0]), "det R is -1"),
    ],
)
def test_not_a_transform(change, message: str) -> None:  # type: ignore[no-untyped-def]
    import re

    T = transform(np.array([0.3, 0.1, 0.2]))
    check_transform(T, "fine")
    with pytest.raises(ValueError, match="cam T_device_camera.*" + re.escape(message)):
        check_transform(change(T), "cam T_device_camera")
