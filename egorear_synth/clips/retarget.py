"""Transfer a recorded movement to a body: its joint angles, its steps, its contact with the floor."""

from dataclasses import dataclass

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.body import DOWN, Body
from egorear_synth.clips.clip import Clip, ClipError
from egorear_synth.clips.forearm import spread_palm_turn
from egorear_synth.clips.roles import find_roles
from egorear_synth.rotations import interpolate_rotmats, rotmat_about, rotmat_between
from egorear_synth.skinning import Pose, bone_transforms

_ALIGNED = ("upperarm", "lowerarm", "thigh", "calf")
_FINGERS = ("index", "middle", "ring", "pinky")
FINGER_CURL = 0.25

CONTACT_M = 0.08
"""Feet lower than this above the clip's floor are meant to touch it."""

SMOOTHING_S = 0.1

MOSTLY_AIRBORNE = 0.35
"""Share of frames without a foot on the floor beyond which a clip is said to be of uneven ground."""


class ClipMotion:
    """A clip as the motion of a body; after its end it is played backwards, so that it goes on without a jump.

    Every bone keeps its recorded rotation from standing straight; forearms share the turn of the palm. Lengths are
    the body's own; the path is scaled by the length of the legs, and the height is corrected so that feet that touch
    the floor in the recording touch it here.

    Args:
        body: who moves.
        clip: the recording.

    Raises:
        ClipError: limbs are missing, or its zero pose does not stand upright.
    """

    def __init__(self, body: Body, clip: Clip) -> None:
        roles = find_roles(clip)
        axes = _person_axes(clip, roles)
        self._rate_hz = clip.rate_hz
        self._count = clip.frame_count
        self._rotations = _target_rotations(body, clip, roles, axes)
        self._root = _root_positions(body, clip, roles, axes, self._rotations)
        raised = _floor_correction(body, self._root, self._rotations, clip.rate_hz)
        self._root[:, 2] += raised.height
        self.facts = clip_facts(clip.rate_hz, self._root, raised.lowest + raised.height)

    @property
    def duration_s(self) -> float:
        """Time from the first frame to the last."""
        return (self._count - 1) / self._rate_hz

    def pose_at(self, time_s: float) -> Pose:
        """Return the pose at a time, s, between the two nearest frames; forwards and backwards in turn."""
        phase_s = time_s % (2 * self.duration_s) if self.duration_s > 0 else 0.0
        frame = min(phase_s, 2 * self.duration_s - phase_s) * self._rate_hz
        first = min(int(frame), self._count - 1)
        second = min(first + 1, self._count - 1)
        share = frame - first if second > first else 0.0
        root = (1 - share) * self._root[first] + share * self._root[second]
        return Pose(root, interpolate_rotmats(self._rotations[first], self._rotations[second], share))


def clip_facts(rate_hz: float, root: FloatArray, lowest: FloatArray) -> dict[str, object]:
    """Return what a data set says about a clip on a body, JSON values only.

    Args:
        rate_hz: frames per second.
        root: (T, 3) positions of the pelvis, m.
        lowest: (T,) height of the lowest point of both shoes, m.

    Returns:
        Duration, speed and height of the pelvis, and `airborne_share`: of the frames whose feet are both more than
        `CONTACT_M` above the floor. A clip that is in the air for long is no jump: it was recorded on uneven ground,
        on furniture, or hanging.
    """
    speed = np.linalg.norm(np.diff(root, axis=0), axis=1) * rate_hz if len(root) > 1 else np.zeros(1)
    airborne = float((lowest > CONTACT_M).mean())
    return {
        "duration_s": round((len(root) - 1) / rate_hz, 3),
        "mean_speed_m_s": round(float(speed.mean()), 4),
        "top_speed_m_s": round(float(speed.max()), 4),
        "pelvis_height_m": [round(float(root[:, 2].min()), 4), round(float(root[:, 2].max()), 4)],
        "lowest_foot_m": round(float(lowest.min()), 4),
        "airborne_share": round(airborne, 4),
        "uneven_ground": airborne > MOSTLY_AIRBORNE,
    }


def _person_axes(clip: Clip, roles: dict[str, int]) -> FloatArray:
    """Return the rotation from the clip's axes to x forward, y left, z up, from the person's zero pose."""
    heads = clip.rest_heads
    hips = heads[roles["thigh_l"]] - heads[roles["thigh_r"]]
    trunk = heads[roles["head"]] - 0.5 * (heads[roles["thigh_l"]] + heads[roles["thigh_r"]])
    up = np.zeros(3)
    axis = int(np.abs(trunk).argmax())
    up[axis] = np.sign(trunk[axis])
    left = hips - up * (up @ hips)
    legs = [heads[roles[f"foot_{side}"]] - heads[roles[f"thigh_{side}"]] for side in "lr"]
    upright = trunk @ up > 0.8 * np.linalg.norm(trunk) and all(leg @ up < -0.7 * np.linalg.norm(leg) for leg in legs)
    if not upright or np.linalg.norm(left) < 1e-6:
        raise ClipError(
            f"{clip.source}: its zero pose does not stand upright (legs down, head up), so joint angles cannot be "
            "transferred. Export the clip with a T-pose or A-pose as zero pose."
        )
    left /= np.linalg.norm(left)
    return np.stack([np.cross(left, up), left, up])


def _target_rotations(body: Body, clip: Clip, roles: dict[str, int], axes: FloatArray) -> FloatArray:
    """Return (T, B, 3, 3) rotations of our bones from the standing reference pose."""
    recorded = axes @ clip.rotations @ axes.T
    zero_pose = _zero_pose(clip, roles, axes)
    rotations = np.empty((clip.frame_count, len(body.bone_names), 3, 3))
    for index, name in enumerate(body.bone_names):
        parent = body.bone_parents[index]
        stem, side = name.split("_")[0], name[-1]
        if name in roles:
            rotations[:, index] = recorded[:, roles[name]] @ zero_pose.get(name, np.eye(3))
        elif stem in _FINGERS:
            rotations[:, index] = rotations[:, parent] @ rotmat_about("x", -FINGER_CURL if side == "l" else FINGER_CURL)
        else:
            rotations[:, index] = rotations[:, parent]
    return spread_palm_turn(body, rotations)


def _zero_pose(clip: Clip, roles: dict[str, int], axes: FloatArray) -> dict[str, FloatArray]:
    """Return by limb bone the rotation from our reference pose (limbs down) to the clip's zero pose."""
    tail_of = {"upperarm": "lowerarm", "lowerarm": "hand", "thigh": "calf", "calf": "foot"}
    turned: dict[str, FloatArray] = {}
    for side in "lr":
        for bone in _ALIGNED:
            joint = roles[f"{bone}_{side}"]
            end = roles.get(f"{tail_of[bone]}_{side}")
            tail = clip.rest_heads[end] if end is not None else clip.rest_tails[joint]
            direction = axes @ (tail - clip.rest_heads[joint])
            if np.linalg.norm(direction) < 1e-9:
                raise ClipError(f"{clip.source}: the bone {clip.joint_names[joint]} has no length.")
            turned[f"{bone}_{side}"] = rotmat_between(DOWN, direction)
        turned[f"hand_{side}"] = turned[f"lowerarm_{side}"]
        turned[f"foot_{side}"] = turned[f"ball_{side}"] = _foot_zero_pose(
            clip, roles, axes, turned[f"calf_{side}"], side
        )
    return turned


def _foot_zero_pose(clip: Clip, roles: dict[str, int], axes: FloatArray, shank: FloatArray, side: str) -> FloatArray:
    """A flat foot at a right angle to its shank, turned to where the clip's toes point."""
    foot = roles[f"foot_{side}"]
    toes = shank.T @ axes @ (clip.rest_tails[foot] - clip.rest_heads[foot])
    heading = float(np.arctan2(toes[1], toes[0])) if np.hypot(toes[0], toes[1]) > 1e-6 else 0.0
    # Skeletons whose feet end at the sole say nothing about where toes point.
    return shank @ rotmat_about("z", heading if abs(heading) < np.pi / 3 else 0.0)


def _root_positions(
    body: Body, clip: Clip, roles: dict[str, int], axes: FloatArray, rotations: FloatArray
) -> FloatArray:
    """Return (T, 3) positions of our root, so that the hips follow the recorded hips, scaled by leg length."""
    hips = [roles["thigh_l"], roles["thigh_r"]]
    offset = clip.rest_heads[hips].mean(axis=0)
    recorded = clip.root_positions + clip.rotations[:, 0] @ offset
    scale = _leg_length_body(body) / _leg_length_clip(clip, roles)
    middle = scale * recorded @ axes.T
    middle[:, :2] -= middle[0, :2]
    own = body.bone_heads[[body.bone("thigh_l"), body.bone("thigh_r")]].mean(axis=0) - body.bone_heads[0]
    return middle - rotations[:, 0] @ own


def _leg_length_body(body: Body) -> float:
    chain = body.bone_heads[[body.bone(name) for name in ("thigh_l", "calf_l", "foot_l")]]
    return float(np.linalg.norm(np.diff(chain, axis=0), axis=1).sum())


def _leg_length_clip(clip: Clip, roles: dict[str, int]) -> float:
    chain = clip.rest_heads[[roles[name] for name in ("thigh_l", "calf_l", "foot_l")]]
    return float(np.linalg.norm(np.diff(chain, axis=0), axis=1).sum())


@dataclass(frozen=True, eq=False)
class _Raised:
    """How a clip is put on the floor: (T,) by which it is raised, and its lowest foot (T,) before that, m."""

    height: FloatArray
    lowest: FloatArray


def _floor_correction(body: Body, root: FloatArray, rotations: FloatArray, rate_hz: float) -> _Raised:
    """Return how to raise the body: feet meant to touch the floor do, none sinks into it."""
    recorded = _lowest_foot(body, root, rotations)
    floor = float(np.percentile(recorded, 5))
    lowest = recorded - floor
    touching = np.clip((2 * CONTACT_M - lowest) / CONTACT_M, 0.0, 1.0)
    correction = _smooth(-lowest * touching, SMOOTHING_S * rate_hz)
    sunk = np.maximum(-(lowest + correction), 0.0)
    reach = round(2 * SMOOTHING_S * rate_hz)
    padded = np.pad(sunk, reach, mode="edge")
    deepest = np.max([padded[shift : shift + len(sunk)] for shift in range(2 * reach + 1)], axis=0)
    return _Raised(correction + _smooth(deepest, 0.5 * SMOOTHING_S * rate_hz) - floor, recorded)


def _lowest_foot(body: Body, root: FloatArray, rotations: FloatArray) -> FloatArray:
    """Return (T,) height of the lowest point of both shoes."""
    lowest = np.full(len(root), np.inf)
    soles = [
        np.unique(body.faces[body.face_parts == body.part_names.index(f"{side}_foot")]) for side in ("left", "right")
    ]
    shoes = np.concatenate(soles)
    weights = body.skin_weights[shoes]
    bones = np.flatnonzero(weights.max(axis=0) > 0)
    for frame, (position, rotation) in enumerate(zip(root, rotations, strict=True)):
        T = bone_transforms(body, Pose(position, rotation))[bones]
        heights = body.vertices[shoes] @ T[:, 2, :3].T + T[:, 2, 3]
        lowest[frame] = (heights * weights[:, bones]).sum(axis=1).min()
    return lowest


def _smooth(values: FloatArray, sigma: float) -> FloatArray:
    """Return values convolved with a Gaussian of `sigma` samples, the ends held."""
    reach = max(1, round(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-6)) ** 2)
    return np.convolve(np.pad(values, reach, mode="edge"), kernel / kernel.sum(), mode="valid")
