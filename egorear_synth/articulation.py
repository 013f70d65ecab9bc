"""From joint angles to the rotations of all bones, many poses at a time."""

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.body import Body
from egorear_synth.joint_limits import INDEX, SIDES
from egorear_synth.rotations import rotmat_about

_FINGERS = ("index", "middle", "ring", "pinky")
_PHALANGES = ("01", "02", "03")


def articulate(body: Body, angles: FloatArray, root: FloatArray) -> FloatArray:
    """Return (T, B, 3, 3) rotations of all bones from the standing reference pose to the world.

    Args:
        body: whose bones.
        angles: (T, D) rad, as `joint_limits.NAMES` lists them.
        root: (T, 3, 3) rotation of the pelvis.
    """
    rotations = np.empty((len(angles), len(body.bone_names), 3, 3))
    bone = {name: index for index, name in enumerate(body.bone_names)}
    get = {name: angles[:, index] for name, index in INDEX.items()}
    rotations[:, bone["pelvis"]] = rotation = root
    step = _turn(get["trunk_bend_forward"], get["trunk_turn_left"], get["trunk_lean_right"], 1 / 3)
    for name in ("spine_01", "spine_02", "spine_03"):
        rotations[:, bone[name]] = rotation = rotation @ step
    chest = rotation
    step = _turn(get["head_nod_forward"], get["head_turn_left"], get["head_lean_right"], 1 / 2)
    for name in ("neck_01", "head"):
        rotations[:, bone[name]] = rotation = rotation @ step
    for side in SIDES:
        own = {name.removeprefix(f"{side}_"): value for name, value in get.items() if name.startswith(side)}
        _pose_arm(rotations, bone, chest, side, own)
        _pose_leg(rotations, bone, root, side, own)
    return rotations


def _turn(forward: FloatArray, left: FloatArray, right: FloatArray, share: float) -> FloatArray:
    return rotmat_about("z", share * left) @ rotmat_about("y", share * forward) @ rotmat_about("x", share * right)


def raised_arm(mirror: float, raised: FloatArray, plane: FloatArray, twist_in: FloatArray) -> FloatArray:
    """Return (..., 3, 3) rotations of an upper arm from hanging: raised in a plane, turned about itself.

    Args:
        mirror: 1 for the left arm, -1 for the right one.
        raised: (...) rad.
        plane: (...) 0 to the side, pi / 2 to the front.
        twist_in: (...) rad.
    """
    towards = rotmat_about("z", -mirror * plane)
    return towards @ rotmat_about("x", mirror * raised) @ rotmat_about("z", mirror * (plane - twist_in))


def _pose_arm(
    rotations: FloatArray, bone: dict[str, int], chest: FloatArray, side: str, get: dict[str, FloatArray]
) -> None:
    mirror, end = (1.0 if side == "left" else -1.0), side[0]
    rotations[:, bone[f"clavicle_{end}"]] = chest @ rotmat_about("x", mirror * get["clavicle_raise"])
    upper = chest @ raised_arm(mirror, get["shoulder_raise"], get["shoulder_plane"], get["shoulder_twist_in"])
    # Half of the turn of the palm is in the forearm, or the skin of the wrist would wring.
    half_turn = rotmat_about("z", -0.5 * mirror * get["palm_turn_in"])
    fore = upper @ rotmat_about("y", -get["elbow_flex"]) @ half_turn
    hand = fore @ half_turn @ rotmat_about("x", -mirror * get["wrist_flex"]) @ rotmat_about("y", -get["wrist_tilt_in"])
    rotations[:, bone[f"upperarm_{end}"]], rotations[:, bone[f"lowerarm_{end}"]] = upper, fore
    rotations[:, bone[f"hand_{end}"]] = hand
    curl = rotmat_about("x", -mirror * get["finger_curl"])
    for finger in _FINGERS:
        rotation = hand
        for phalanx in _PHALANGES:
            rotations[:, bone[f"{finger}_{phalanx}_{end}"]] = rotation = rotation @ curl
    for phalanx in _PHALANGES:
        rotations[:, bone[f"thumb_{phalanx}_{end}"]] = hand


def _pose_leg(
    rotations: FloatArray, bone: dict[str, int], root: FloatArray, side: str, get: dict[str, FloatArray]
) -> None:
    mirror, end = (1.0 if side == "left" else -1.0), side[0]
    thigh = root @ rotmat_about("y", -get["hip_flex"]) @ rotmat_about("x", mirror * get["hip_abduct"])
    thigh = thigh @ rotmat_about("z", mirror * get["hip_turn_out"])
    shank = thigh @ rotmat_about("y", get["knee_flex"])
    foot = shank @ rotmat_about("y", -get["ankle_raise"]) @ rotmat_about("x", mirror * get["ankle_tilt_out"])
    foot = foot @ rotmat_about("z", mirror * get["ankle_turn_out"])
    rotations[:, bone[f"thigh_{end}"]], rotations[:, bone[f"calf_{end}"]] = thigh, shank
    rotations[:, bone[f"foot_{end}"]] = rotations[:, bone[f"ball_{end}"]] = foot


def hinge_angles(rotmat: FloatArray, mirror: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return (...) angles a, b, c of rotations (..., 3, 3) = R_y(-a) R_x(mirror b) R_z(mirror c), rad.

    That is flexion, abduction and outward turn of a thigh in its hip, and the same of a foot.
    """
    b = np.arcsin(np.clip(-rotmat[..., 1, 2], -1.0, 1.0))
    a = -np.arctan2(rotmat[..., 0, 2], rotmat[..., 2, 2])
    c = np.arctan2(rotmat[..., 1, 0], rotmat[..., 1, 1])
    return a, mirror * b, mirror * c


def place_bones(body: Body, rotations: FloatArray) -> FloatArray:
    """Return (T, B, 4, 4) transforms of each bone from rest, with the root bone's head at the origin.

    Args:
        body: whose bones.
        rotations: (T, B, 3, 3) from the standing reference pose.
    """
    turned = rotations @ body.alignment
    heads = np.zeros((*turned.shape[:2], 3))
    for index, parent in enumerate(body.bone_parents):
        if index != parent:
            heads[:, index] = heads[:, parent] + turned[:, parent] @ (body.bone_heads[index] - body.bone_heads[parent])
    T = np.zeros((*turned.shape[:2], 4, 4))
    T[..., :3, :3], T[..., 3, 3] = turned, 1.0
    T[..., :3, 3] = heads - np.einsum("tbij,bj->tbi", turned, body.bone_heads)
    return T
