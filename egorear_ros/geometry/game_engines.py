"""Points and rotations of `rig_link` and `device` in the axes of Unity and Unreal, which are left-handed.

| frame      | x       | y       | z    | handed | unit |
| ---------- | ------- | ------- | ---- | ------ | ---- |
| `rig_link` | forward | left    | up   | right  | m    |
| `device`   | right   | to rear | down | right  | m    |
| Unity      | right   | up      | forward | left | m   |
| Unreal     | forward | right   | up   | left   | cm   |
"""

import numpy as np

from egorear_ros.geometry.transforms import T_RIG_DEVICE
from egorear_ros.structures import FloatArray

UNITY_RIG: FloatArray = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
"""(3, 3) axes of rig_link in Unity's; its determinant is -1, because one of the two is left-handed."""

UNREAL_RIG: FloatArray = np.array([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]])
"""(3, 3) axes of rig_link in Unreal's; likewise."""

CM_PER_M = 100.0


def unity_from_rig(points_rig: FloatArray) -> FloatArray:
    """Return (..., 3) points of rig_link, m, in Unity's axes, m: (-y, z, x)."""
    return _mapped(points_rig, UNITY_RIG)


def unity_from_device(points_device: FloatArray) -> FloatArray:
    """Return (..., 3) points of the device frame, m, in Unity's axes, m: (x, -z, -y)."""
    return _mapped(points_device, UNITY_RIG @ T_RIG_DEVICE[:3, :3])


def unreal_cm_from_rig(points_rig: FloatArray) -> FloatArray:
    """Return (..., 3) points of rig_link, m, in Unreal's axes, cm: 100 (x, -y, z)."""
    return CM_PER_M * _mapped(points_rig, UNREAL_RIG)


def unreal_cm_from_device(points_device: FloatArray) -> FloatArray:
    """Return (..., 3) points of the device frame, m, in Unreal's axes, cm: 100 (-y, x, -z)."""
    return CM_PER_M * _mapped(points_device, UNREAL_RIG @ T_RIG_DEVICE[:3, :3])


def unity_quat_xyzw_from_ros(quat_xyzw: FloatArray) -> FloatArray:
    """Return (..., 4) rotations of a ROS frame (x forward, y left, z up) in Unity's axes: (y, -z, -x, w)."""
    return _turned(quat_xyzw, UNITY_RIG)


def unreal_quat_xyzw_from_ros(quat_xyzw: FloatArray) -> FloatArray:
    """Return (..., 4) rotations of a ROS frame (x forward, y left, z up) in Unreal's axes: (-x, y, -z, w)."""
    return _turned(quat_xyzw, UNREAL_RIG)


def _mapped(points: FloatArray, axes: FloatArray) -> FloatArray:
    if points.shape[-1:] != (3,):
        raise ValueError(f"points have shape {points.shape}; expected (..., 3).")
    mapped: FloatArray = points @ axes.T
    return mapped


def _turned(quat_xyzw: FloatArray, axes: FloatArray) -> FloatArray:
    """A mirrored rotation turns the other way: the axis of a quaternion gets the sign of the determinant."""
    if quat_xyzw.shape[-1:] != (4,):
        raise ValueError(f"quaternions have shape {quat_xyzw.shape}; expected (..., 4) as x, y, z, w.")
    axis = np.sign(np.linalg.det(axes)) * quat_xyzw[..., :3] @ axes.T
    return np.concatenate((axis, quat_xyzw[..., 3:]), axis=-1)
