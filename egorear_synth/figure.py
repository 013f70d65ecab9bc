"""From joint angles and foot placements to a pose of the whole body.

Angles are anatomical, from the standing reference pose, rad; positive as the channel names say.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.body import Body
from egorear_synth.rotations import rotmat_about
from egorear_synth.skinning import Pose

_ARM_CHANNELS = (
    "clavicle_raise",
    "shoulder_flex",
    "shoulder_abduct",
    "shoulder_twist_in",
    "elbow_flex",
    "palm_turn_in",
    "wrist_flex",
    "finger_curl",
)

_FOOT_CHANNELS = ("foot_forward", "foot_up", "toes_down")

CHANNELS: tuple[str, ...] = (
    "crouch",
    "trunk_bend_forward",
    "trunk_turn_left",
    "trunk_lean_right",
    "head_nod_forward",
    "head_turn_left",
    "head_lean_right",
    *(f"left_{name}" for name in _ARM_CHANNELS),
    *(f"right_{name}" for name in _ARM_CHANNELS),
    "sway_left",
    *(f"{side}_{name}" for side in ("left", "right") for name in _FOOT_CHANNELS),
)
"""What gestures control. `crouch` is the share of the leg length by which the pelvis is lowered, `sway_left` the
share of the hips' width by which it goes to the side; feet move from where they stand by shares of the leg length."""

CHANNEL_INDEX = {name: index for index, name in enumerate(CHANNELS)}

SIDES = ("left", "right")

LONGEST_LEG = 0.985
"""Share of a leg's full length that walking uses: knees are never locked."""


@dataclass(frozen=True)
class Foot:
    """Where one foot is.

    Attributes:
        x, y: the ankle's place on the ground were the foot flat, world, m.
        heading: direction of the toes from world x, rad.
        pitch: rotation about ball (positive, heel up) or heel (negative, toes up), rad.
        lift: height of the sole above the floor, m.
    """

    x: float
    y: float
    heading: float
    pitch: float
    lift: float


@dataclass(frozen=True)
class Limbs:
    """Lengths and heights of one body that feet and legs are placed with, m."""

    thigh: float
    shank: float
    ankle_height: float
    ball: FloatArray
    heel: FloatArray
    hip_width: float
    hip_height: float

    @property
    def leg(self) -> float:
        """Longest distance from hip to ankle that is used."""
        return LONGEST_LEG * (self.thigh + self.shank)


def measure_limbs(body: Body) -> Limbs:
    """Return the lengths of a body's left leg; bodies are symmetric."""
    hip, knee, ankle, ball = (body.bone_heads[body.bone(f"{name}_l")] for name in ("thigh", "calf", "foot", "ball"))
    shoe = body.part_vertices("left_foot")
    root = body.bone_heads[0]
    return Limbs(
        thigh=float(np.linalg.norm(knee - hip)),
        shank=float(np.linalg.norm(ankle - knee)),
        ankle_height=float(ankle[2]),
        ball=np.array([ball[0] - ankle[0], 0.0, -ankle[2]]),
        heel=np.array([shoe[:, 0].min() + 0.02 - ankle[0], 0.0, -ankle[2]]),
        hip_width=float(2 * hip[1]),
        hip_height=float(hip[2] - root[2]),
    )


def ankle_position(limbs: Limbs, foot: Foot) -> FloatArray:
    """Return the (3,) world position of the ankle."""
    pivot = limbs.ball if foot.pitch > 0 else limbs.heel
    offset = pivot - rotmat_about("y", foot.pitch) @ pivot
    turned = rotmat_about("z", foot.heading) @ offset
    return np.array([foot.x, foot.y, limbs.ankle_height + foot.lift]) + turned


def move_foot(limbs: Limbs, foot: Foot, side: str, angles: FloatArray) -> Foot:
    """Return a foot moved from where it stands, as the channels of its side say."""
    forward, up, pitch = (angles[CHANNEL_INDEX[f"{side}_{name}"]] for name in _FOOT_CHANNELS)
    if forward == up == pitch == 0.0:
        return foot
    ahead = forward * limbs.leg
    x, y = foot.x + ahead * np.cos(foot.heading), foot.y + ahead * np.sin(foot.heading)
    return Foot(float(x), float(y), foot.heading, foot.pitch + float(pitch), foot.lift + float(up) * limbs.leg)


def pose_figure(
    body: Body, limbs: Limbs, angles: FloatArray, pelvis: FloatArray, heading: float, feet: tuple[Foot, Foot]
) -> Pose:
    """Return the pose with the given joint angles and both feet where they should be.

    Args:
        body: whose pose.
        limbs: its measures.
        angles: (len(CHANNELS),) rad.
        pelvis: (3,) middle between the hips before crouching, world, m.
        heading: direction the pelvis faces, from world x, rad.
        feet: left and right.
    """
    angle = dict(zip(CHANNELS, angles, strict=True))
    rotations = np.broadcast_to(np.eye(3), (len(body.bone_names), 3, 3)).copy()
    crouch = angle["crouch"]
    facing = rotmat_about("z", heading)
    root = facing @ rotmat_about("y", 0.9 * crouch + 0.3 * angle["trunk_bend_forward"])
    hips = pelvis + facing @ np.array([-0.5 * crouch * limbs.leg, angle["sway_left"] * limbs.hip_width, 0.0])
    hips[2] -= crouch * limbs.leg
    bone = _bone_index(body.bone_names)
    rotations[bone["pelvis"]] = root
    chest = _pose_trunk(rotations, bone, root, angle)
    for side in SIDES:
        _pose_arm(rotations, bone, chest, side, angle)
    root_position = hips - root @ np.array([_hip_forward(body), 0.0, limbs.hip_height])
    for side, foot in zip(SIDES, feet, strict=True):
        offset = body.bone_heads[bone[f"thigh_{side[0]}"]] - body.bone_heads[0]
        _pose_leg(rotations, bone, limbs, side, root_position + root @ offset, facing, foot)
    return Pose(root_position, rotations)


@lru_cache(maxsize=4)
def _bone_index(names: tuple[str, ...]) -> dict[str, int]:
    return {name: index for index, name in enumerate(names)}


def _hip_forward(body: Body) -> float:
    return float(body.bone_heads[body.bone("thigh_l"), 0] - body.bone_heads[0, 0])


def _pose_trunk(rotations: FloatArray, bone: dict[str, int], root: FloatArray, angle: dict[str, float]) -> FloatArray:
    """Spread bending over spine, neck and head; return the chest's rotation."""
    rotation = root
    step = _turn(0.7 * angle["trunk_bend_forward"], angle["trunk_turn_left"], angle["trunk_lean_right"], 1 / 3)
    for name in ("spine_01", "spine_02", "spine_03"):
        rotation = rotation @ step
        rotations[bone[name]] = rotation
    chest = rotation
    step = _turn(angle["head_nod_forward"], angle["head_turn_left"], angle["head_lean_right"], 1 / 2)
    for name in ("neck_01", "head"):
        rotation = rotation @ step
        rotations[bone[name]] = rotation
    return chest


def _turn(forward: float, left: float, right: float, share: float) -> FloatArray:
    return rotmat_about("z", share * left) @ rotmat_about("y", share * forward) @ rotmat_about("x", share * right)


def _pose_arm(
    rotations: FloatArray, bone: dict[str, int], chest: FloatArray, side: str, angle: dict[str, float]
) -> None:
    mirror = 1.0 if side == "left" else -1.0
    end = side[0]
    get = {name: angle[f"{side}_{name}"] for name in _ARM_CHANNELS}
    clavicle = chest @ rotmat_about("x", mirror * get["clavicle_raise"])
    upper = chest @ rotmat_about("y", -get["shoulder_flex"]) @ rotmat_about("x", mirror * get["shoulder_abduct"])
    upper = upper @ rotmat_about("z", -mirror * get["shoulder_twist_in"])
    fore = upper @ rotmat_about("y", -get["elbow_flex"])
    # Half of the turn of the palm is in the forearm, or the skin of the wrist would wring.
    half_turn = rotmat_about("z", -0.5 * mirror * get["palm_turn_in"])
    fore = fore @ half_turn
    hand = fore @ half_turn @ rotmat_about("x", -mirror * get["wrist_flex"])
    rotations[bone[f"clavicle_{end}"]], rotations[bone[f"upperarm_{end}"]] = clavicle, upper
    rotations[bone[f"lowerarm_{end}"]], rotations[bone[f"hand_{end}"]] = fore, hand
    curl = rotmat_about("x", -mirror * get["finger_curl"])
    for finger in ("index", "middle", "ring", "pinky"):
        rotation = hand
        for phalanx in ("01", "02", "03"):
            rotation = rotation @ curl
            rotations[bone[f"{finger}_{phalanx}_{end}"]] = rotation
    for phalanx in ("01", "02", "03"):
        rotations[bone[f"thumb_{phalanx}_{end}"]] = hand


def _pose_leg(
    rotations: FloatArray,
    bone: dict[str, int],
    limbs: Limbs,
    side: str,
    hip: FloatArray,
    facing: FloatArray,
    foot: Foot,
) -> None:
    """Bend hip and knee so that the ankle is where the foot wants it; the knee points with the toes."""
    end = side[0]
    toes = rotmat_about("z", foot.heading)
    outward = facing[:, 1] * (0.15 if side == "left" else -0.15)
    thigh, shank = leg_rotations(
        limbs, hip, ankle_position(limbs, foot), 0.6 * toes[:, 0] + 0.4 * facing[:, 0] + outward
    )
    rotations[bone[f"thigh_{end}"]], rotations[bone[f"calf_{end}"]] = thigh, shank
    rotations[bone[f"foot_{end}"]] = toes @ rotmat_about("y", foot.pitch)
    # Toes stay on the floor while the heel rises.
    rotations[bone[f"ball_{end}"]] = toes @ rotmat_about(
        "y", min(foot.pitch, 0.0) + 0.4 * max(foot.pitch, 0.0) * (foot.lift > 0.01)
    )


def leg_rotations(
    limbs: Limbs, hip: FloatArray, ankle: FloatArray, knee_direction: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the (3, 3) rotations of thigh and shank that bring the ankle to its place, as near as the leg reaches.

    Args:
        limbs: lengths.
        hip: (3,) world, m.
        ankle: (3,) world, m.
        knee_direction: (3,) where the knee points.
    """
    down = ankle - hip
    distance = float(np.linalg.norm(down))
    down = down / distance
    reach = min(max(distance, abs(limbs.thigh - limbs.shank) + 1e-3), 0.9995 * (limbs.thigh + limbs.shank))
    side = np.cross(-down, knee_direction)
    side /= np.linalg.norm(side)
    front = np.cross(side, -down)
    cosine = (limbs.thigh**2 + reach**2 - limbs.shank**2) / (2 * limbs.thigh * reach)
    sine = np.sqrt(max(0.0, 1.0 - cosine**2))
    knee = limbs.thigh * (cosine * down + sine * front)
    return _hinge(knee, side), _hinge(reach * down - knee, side)


def _hinge(direction: FloatArray, side: FloatArray) -> FloatArray:
    up = -direction / np.linalg.norm(direction)
    return np.stack([np.cross(side, up), side, up], axis=1)
