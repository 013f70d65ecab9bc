"""Rigid transforms as 4x4 matrices. `T_target_source` maps source coordinates to target coordinates."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from egorear_ros.structures import FloatArray

ArrayT = TypeVar("ArrayT")
"""A NumPy array or a torch tensor; what comes in goes out."""

RIGID_TOLERANCE = 1e-4
"""Largest deviation of R R^T from the identity that is still a rotation: files carry few digits."""

T_RIG_DEVICE: FloatArray = np.array(
    [[0.0, -1.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
)
"""Device frame (x right, y to the rear, z down) to rig_link (REP 103: x forward, y left, z up)."""
T_RIG_DEVICE.setflags(write=False)


def invert_transform(T_target_source: ArrayT) -> ArrayT:
    """Return T_source_target of rigid (..., 4, 4) transforms."""
    T: NDArray[np.float64] = T_target_source  # type: ignore[assignment]
    inverse = T.copy() if isinstance(T, np.ndarray) else T.clone()
    rotation = T[..., :3, :3].swapaxes(-1, -2)
    inverse[..., :3, :3] = rotation
    inverse[..., :3, 3] = -(rotation @ T[..., :3, 3:])[..., 0]
    return inverse


def transform_points(T_target_source: ArrayT, points_source: ArrayT) -> ArrayT:
    """Map (..., N, 3) points by (..., 4, 4) transforms."""
    T: NDArray[np.float64] = T_target_source  # type: ignore[assignment]
    points: NDArray[np.float64] = points_source  # type: ignore[assignment]
    return points @ T[..., :3, :3].swapaxes(-1, -2) + T[..., None, :3, 3]


def check_transform(T: FloatArray, what: str) -> FloatArray:
    """Return a transform as float64, or say what is wrong with it.

    Args:
        T: array-like that should be a rigid (4, 4) transform.
        what: names it in errors, with its file.

    Raises:
        ValueError: wrong shape, non-finite, last row not 0 0 0 1, or not a rotation.
    """
    T = np.asarray(T, dtype=np.float64)
    if T.shape != (4, 4):
        raise ValueError(f"{what} has shape {T.shape}; expected 4 rows of 4 numbers.")
    if not np.isfinite(T).all():
        raise ValueError(f"{what} has non-finite numbers:\n{T}\nCalibrate this view again.")
    if not np.array_equal(T[3], (0.0, 0.0, 0.0, 1.0)):
        raise ValueError(f"{what} ends with the row {T[3]}; expected 0 0 0 1. Is the matrix transposed?")
    rotation = T[:3, :3]
    error = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    if error > RIGID_TOLERANCE or np.linalg.det(rotation) < 0.0:
        raise ValueError(
            f"{what} is not a rigid transform: R R^T deviates from the identity by {error:.2g}, det R is "
            f"{np.linalg.det(rotation):.3g}; expected at most {RIGID_TOLERANCE:g} and 1. Check for scale, mirroring or "
            "a typing error."
        )
    return T


def quat_xyzw_from_rotmat(rotmat: FloatArray) -> FloatArray:
    """Return (..., 4) unit quaternions (x, y, z, w), w >= 0, of (..., 3, 3) rotations.

    Source: the largest of the four components is found first (Shepperd, 1978), so that no
    division is by a small number.
    """
    R = np.asarray(rotmat, dtype=np.float64)
    xx, yy, zz = R[..., 0, 0], R[..., 1, 1], R[..., 2, 2]
    # 4 q q^T from the rotation; its row with the largest diagonal is the quaternion up to scale.
    outer = np.empty((*R.shape[:-2], 4, 4))
    outer[..., 0, 0], outer[..., 1, 1] = 1 + xx - yy - zz, 1 - xx + yy - zz
    outer[..., 2, 2], outer[..., 3, 3] = 1 - xx - yy + zz, 1 + xx + yy + zz
    for i, j in ((0, 1), (0, 2), (1, 2)):
        outer[..., i, j] = outer[..., j, i] = R[..., i, j] + R[..., j, i]
        k = 3 - i - j
        sign = -1.0 if (i, j) == (0, 2) else 1.0
        outer[..., k, 3] = outer[..., 3, k] = sign * (R[..., j, i] - R[..., i, j])
    largest = np.diagonal(outer, axis1=-2, axis2=-1).argmax(axis=-1)
    row = np.take_along_axis(outer, largest[..., None, None], axis=-2)[..., 0, :]
    quat = row / np.linalg.norm(row, axis=-1, keepdims=True)
    return np.where(quat[..., 3:] < 0.0, -quat, quat)


def rotmat_from_quat_xyzw(quat_xyzw: FloatArray) -> FloatArray:
    """Return (..., 3, 3) rotations of (..., 4) quaternions (x, y, z, w) of any length but zero."""
    quat = np.asarray(quat_xyzw, dtype=np.float64)
    x, y, z, w = np.moveaxis(quat / np.linalg.norm(quat, axis=-1, keepdims=True), -1, 0)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
