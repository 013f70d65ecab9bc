"""Rotation matrices from angles, axes and directions, batched.

Frames here are x forward, y left, z up (REP 103) unless a name says otherwise.
"""

import numpy as np

from egorear_ros.structures import FloatArray

_AXES = {"x": 0, "y": 1, "z": 2}


def rotmat_from_rotvec(rotvec: FloatArray) -> FloatArray:
    """Return (..., 3, 3) rotations of (..., 3) rotation vectors, rad (Rodrigues' formula)."""
    rotvec = np.asarray(rotvec, dtype=np.float64)
    angle = np.linalg.norm(rotvec, axis=-1)[..., None, None]
    cross = _cross_matrix(rotvec)
    # sinc is smooth at zero, where the axis is undefined.
    return np.eye(3) + np.sinc(angle / np.pi) * cross + 0.5 * np.sinc(angle / (2 * np.pi)) ** 2 * (cross @ cross)


def rotmat_about(axis: str, angle: FloatArray | float) -> FloatArray:
    """Return (..., 3, 3) rotations by (...) rad about "x", "y" or "z"."""
    angle = np.asarray(angle, dtype=np.float64)
    i = _AXES[axis]
    j, k = (i + 1) % 3, (i + 2) % 3
    rotmat = np.zeros((*angle.shape, 3, 3))
    rotmat[..., i, i] = 1.0
    rotmat[..., j, j] = rotmat[..., k, k] = np.cos(angle)
    rotmat[..., k, j] = np.sin(angle)
    rotmat[..., j, k] = -rotmat[..., k, j]
    return rotmat


def rotmat_from_euler(order: str, angles: FloatArray) -> FloatArray:
    """Return (..., 3, 3) rotations R = R_order[0] R_order[1] ..., of (..., len(order)) angles, rad.

    The product is intrinsic: the last letter's rotation is applied to a point first.
    """
    angles = np.asarray(angles, dtype=np.float64)
    rotmat = np.broadcast_to(np.eye(3), (*angles.shape[:-1], 3, 3))
    for index, axis in enumerate(order):
        rotmat = rotmat @ rotmat_about(axis, angles[..., index])
    return rotmat


def rotmat_between(source: FloatArray, target: FloatArray) -> FloatArray:
    """Return the smallest rotation that turns one direction into another, (3, 3).

    Opposite directions are turned about the forward axis x, or about z where they lie along x.
    """
    a, b = source / np.linalg.norm(source), target / np.linalg.norm(target)
    axis = np.cross(a, b)
    sine, cosine = float(np.linalg.norm(axis)), float(a @ b)
    if sine < 1e-9:
        if cosine > 0:
            return np.eye(3)
        axis = np.array([0.0, 0.0, 1.0]) if abs(a[0]) > 0.9 else np.array([1.0, 0.0, 0.0])
        axis -= a * (a @ axis)
        sine = float(np.linalg.norm(axis))
    return rotmat_from_rotvec(axis / sine * np.arctan2(sine if cosine > -1 else 0.0, cosine))


def interpolate_rotmats(first: FloatArray, second: FloatArray, share: float) -> FloatArray:
    """Return (..., 3, 3) rotations on the shortest way from `first` (share 0) to `second` (share 1)."""
    return first @ rotmat_from_rotvec(share * rotvec_from_rotmat(first.swapaxes(-1, -2) @ second))


def rotvec_from_rotmat(rotmat: FloatArray) -> FloatArray:
    """Return (..., 3) rotation vectors, rad, of (..., 3, 3) rotations by less than half a turn."""
    skew = 0.5 * (rotmat - rotmat.swapaxes(-1, -2))
    vector = np.stack([skew[..., 2, 1], skew[..., 0, 2], skew[..., 1, 0]], axis=-1)
    sine = np.linalg.norm(vector, axis=-1)
    cosine = 0.5 * (np.trace(rotmat, axis1=-2, axis2=-1) - 1.0)
    angle = np.arctan2(sine, cosine)
    scale = np.where(sine > 1e-9, angle / np.where(sine > 1e-9, sine, 1.0), 1.0)
    return vector * scale[..., None]


def _cross_matrix(vector: FloatArray) -> FloatArray:
    matrix = np.zeros((*vector.shape, 3))
    x, y, z = vector[..., 0], vector[..., 1], vector[..., 2]
    matrix[..., 0, 1], matrix[..., 0, 2], matrix[..., 1, 2] = -z, y, -x
    matrix[..., 1, 0], matrix[..., 2, 0], matrix[..., 2, 1] = z, -y, x
    return matrix
