"""Random arms: anywhere within the limits, or with the hand near a place on the body."""

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.articulation import raised_arm
from egorear_synth.body import Body
from egorear_synth.joint_limits import INDEX, SIDES, angles_from_shares, shares_from_angles
from egorear_synth.rotations import rotmat_about

FREE_SHARE = 0.5
"""Of arms that are anywhere; the others reach for something."""

TRIALS = 60
"""Random arms of which the hand nearest to its target is taken."""

_NEAR_M = 0.04
_SHOULDER_AND_ELBOW = ("clavicle_raise", "shoulder_raise", "shoulder_plane", "shoulder_twist_in", "elbow_flex")
_ARM_BONES = ("clavicle", "upperarm", "lowerarm", "hand", "middle_01")

TARGETS: dict[str, tuple[str, tuple[float, float, float]]] = {
    "helmet_top": ("head", (0.0, 0.03, 0.16)),
    "helmet_side": ("head", (0.0, 0.13, 0.06)),
    "helmet_front": ("head", (0.10, 0.09, 0.10)),
    "ear": ("head", (-0.01, 0.12, -0.02)),
    "mouth": ("head", (0.15, 0.02, -0.09)),
    "other_shoulder": ("spine_03", (0.10, -0.17, 0.20)),
    "chest": ("spine_03", (0.24, 0.02, 0.08)),
    "before_chest": ("spine_03", (0.38, 0.03, 0.02)),
    "low_front": ("spine_01", (0.30, 0.08, -0.02)),
    "across_low": ("pelvis", (0.28, -0.15, 0.08)),
    "back": ("spine_02", (-0.17, 0.02, 0.0)),
    "hip": ("pelvis", (0.05, 0.24, 0.06)),
    "seat": ("pelvis", (-0.16, 0.14, -0.05)),
    "own_knee": ("calf", (0.10, 0.03, 0.03)),
    "own_shin": ("calf", (0.10, 0.06, -0.22)),
    "own_foot": ("foot", (0.12, 0.06, 0.08)),
    "other_knee": ("calf_other", (0.10, 0.03, 0.03)),
}
"""Places, by the bone they go with: ahead of it, towards the side of the hand, and above it at rest, m. The other
leg's is told from that leg."""


def sample_arms(rng: np.random.Generator, body: Body, angles: FloatArray, T_bones: FloatArray) -> None:
    """Draw the arms of some poses.

    Args:
        rng: decides everything.
        body: whose.
        angles: (K, D) rad; the arms' own are overwritten.
        T_bones: (K, B, 4, 4) from rest, of the same poses with any arms.
    """
    names = list(TARGETS)
    for side in SIDES:
        own = [index for name, index in INDEX.items() if name.startswith(side) and _is_arm(name)]
        shares = _random_shares(rng, len(angles) * TRIALS, angles, own)
        trials = angles_from_shares(shares)
        chest = np.repeat(T_bones[:, body.bone("spine_03")], TRIALS, axis=0)
        hands = hand_positions(body, side, trials, chest).reshape(len(angles), TRIALS, 3)
        chosen = np.zeros(len(angles), dtype=int)
        for pose in range(len(angles)):
            if rng.random() >= FREE_SHARE:
                target = _target(body, T_bones[pose], side, names[rng.integers(len(names))])
                # Not the nearest: those for whom many arms are near would all look alike.
                distances = np.maximum(np.linalg.norm(hands[pose] - target, axis=1), _NEAR_M)
                chosen[pose] = int(distances.argmin())
        picked = trials.reshape(len(angles), TRIALS, -1)[np.arange(len(angles)), chosen]
        angles[:, own] = picked[:, own]


def _is_arm(name: str) -> bool:
    return name.split("_")[1] in ("clavicle", "shoulder", "elbow", "palm", "wrist", "finger")


def _random_shares(rng: np.random.Generator, count: int, angles: FloatArray, own: list[int]) -> FloatArray:
    shares = np.repeat(shares_from_angles(angles), count // len(angles), axis=0)
    shares[:, own] = rng.random((count, len(own)))
    for side in SIDES:
        for name, middle in (("wrist_flex", 0.47), ("wrist_tilt_in", 0.6), ("clavicle_raise", 0.2)):
            index = INDEX[f"{side}_{name}"]
            if index in own:
                # Ends of these ranges are rarely used.
                shares[:, index] = rng.triangular(0.0, middle, 1.0, count)
    return shares


def hand_positions(body: Body, side: str, angles: FloatArray, T_chest: FloatArray) -> FloatArray:
    """Return (T, 3) where the roots of the middle fingers are.

    Args:
        body: whose.
        side: left or right.
        angles: (T, D) rad.
        T_chest: (T, 4, 4) of the chest's bone from rest.
    """
    mirror, end = (1.0 if side == "left" else -1.0), side[0]
    get = {name: angles[:, INDEX[f"{side}_{name}"]] for name in _SHOULDER_AND_ELBOW}
    head = {name: body.bone_heads[body.bone(f"{name}_{end}")] for name in _ARM_BONES}
    lifted = rotmat_about("x", mirror * get["clavicle_raise"]) @ (head["upperarm"] - head["clavicle"])
    upper = raised_arm(mirror, get["shoulder_raise"], get["shoulder_plane"], get["shoulder_twist_in"])
    fore = upper @ rotmat_about("y", -get["elbow_flex"])
    down = np.array([0.0, 0.0, -1.0])
    reach = np.linalg.norm(head["hand"] - head["lowerarm"]) + np.linalg.norm(head["middle_01"] - head["hand"])
    local = head["clavicle"] + lifted + np.linalg.norm(head["lowerarm"] - head["upperarm"]) * upper @ down
    local = local + reach * fore @ down
    return np.einsum("tij,tj->ti", T_chest[:, :3, :3], local) + T_chest[:, :3, 3]


def _target(body: Body, T_bones: FloatArray, side: str, name: str) -> FloatArray:
    bone, offset = TARGETS[name]
    mirror = 1.0 if side == "left" else -1.0
    leg = ("r" if side == "left" else "l") if bone.endswith("_other") else side[0]
    stem = bone.removesuffix("_other")
    index = body.bone(f"{stem}_{leg}" if stem in ("calf", "foot") else stem)
    at_rest = body.bone_heads[index] if stem != "head" else body.head_joint
    local: FloatArray = at_rest + np.array(offset) * [1.0, mirror, 1.0]
    return T_bones[index, :3, :3] @ local + T_bones[index, :3, 3]
