"""Legs that bring feet to places on the floor, many poses at a time."""

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.articulation import hinge_angles
from egorear_synth.figure import Limbs
from egorear_synth.joint_limits import INDEX
from egorear_synth.rotations import rotmat_about


def place_foot(
    limbs: Limbs, angles: FloatArray, root: FloatArray, height: FloatArray, side: str, foot: FloatArray
) -> None:
    """Set the leg's joint angles so that a foot is where it should be.

    A foot out of reach is pointed at, with the leg straight: it will not touch the floor.

    Args:
        limbs: whose.
        angles: (K, D) rad; the leg's own are overwritten.
        root: (K, 3, 3) rotations of the pelvis, facing x.
        height: (K,) of the middle between the hips over the floor, m.
        side: left or right.
        foot: (K, 4) place x and y of a flat foot's ankle from that middle, m; heading, rad; pitch, rad: heel up.
    """
    mirror = 1.0 if side == "left" else -1.0
    hip = root @ np.array([0.0, 0.5 * mirror * limbs.hip_width, 0.0])
    hip[:, 2] += height
    toes = rotmat_about("z", foot[:, 2])
    tilt = rotmat_about("y", foot[:, 3])
    ankle = (toes @ (limbs.ball - tilt @ limbs.ball)[..., None])[..., 0]
    ankle += np.stack([foot[:, 0], foot[:, 1], np.full(len(foot), limbs.ankle_height)], axis=1)
    knee_direction = 0.7 * toes[..., 0] + 0.3 * root[..., 0] + root[..., 1] * (0.15 * mirror)
    thigh, shank = _bend(limbs, ankle - hip, knee_direction)
    prefix = f"{side}_"
    local = root.swapaxes(1, 2) @ thigh
    hip_angles = hinge_angles(local, mirror)
    foot_angles = hinge_angles(shank.swapaxes(1, 2) @ toes @ tilt, mirror)
    bent = thigh.swapaxes(1, 2) @ shank
    angles[:, INDEX[prefix + "knee_flex"]] = np.arctan2(bent[:, 0, 2], bent[:, 0, 0])
    for name, value in zip(("hip_flex", "hip_abduct", "hip_turn_out"), hip_angles, strict=True):
        angles[:, INDEX[prefix + name]] = value
    for name, value in zip(("ankle_raise", "ankle_tilt_out", "ankle_turn_out"), foot_angles, strict=True):
        angles[:, INDEX[prefix + name]] = value


def _bend(limbs: Limbs, reach: FloatArray, knee_direction: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return (K, 3, 3) rotations of thigh and shank for (K, 3) vectors from hip to ankle (law of cosines)."""
    distance = np.linalg.norm(reach, axis=1, keepdims=True)
    down = reach / distance
    length = np.clip(distance, abs(limbs.thigh - limbs.shank) + 1e-3, 0.999 * (limbs.thigh + limbs.shank))
    side = np.cross(-down, knee_direction)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    front = np.cross(side, -down)
    cosine = (limbs.thigh**2 + length**2 - limbs.shank**2) / (2 * limbs.thigh * length)
    knee = limbs.thigh * (cosine * down + np.sqrt(np.maximum(1.0 - cosine**2, 0.0)) * front)
    return _hinge(knee, side), _hinge(length * down - knee, side)


def _hinge(direction: FloatArray, side: FloatArray) -> FloatArray:
    up = -direction / np.linalg.norm(direction, axis=1, keepdims=True)
    return np.stack([np.cross(side, up), side, up], axis=-1)
