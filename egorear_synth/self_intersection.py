"""Whether a body goes through itself: capsules around its limbs and across its trunk."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egorear_ros.structures import FloatArray
from egorear_synth.body import Body

TOUCH_M = 0.008
"""Flesh gives way by this much where two parts touch."""

RIG_AHEAD_M, RIG_BEHIND_M, RIG_HALF_WIDTH_M = 0.07, 0.12, 0.09
"""Where a rig has its cameras: ahead of the nose, behind the head, to either side of the middle."""

HELMET_M = 0.02
HAND_RADIUS_M = 0.034

_TRUNK = ("pelvis", "spine_01", "spine_02", "chest_low", "chest_high")
_BLOCKED = (*_TRUNK, "neck", "head_low", "head_high", "rig_front", "rig_back")


@dataclass(frozen=True)
class Capsule:
    """All points within `radius` of the segment between two rest points of one bone, m."""

    name: str
    bone: int
    start: FloatArray
    end: FloatArray
    radius: float


class BodyShapes:
    """A body as capsules, and which of them must not meet.

    Parts that meet in a relaxed stance, as the thighs of heavy people do, may do so everywhere as deeply.

    Args:
        body: whose.
        relaxed: (B, 4, 4) bones of the relaxed stance, from rest.
    """

    def __init__(self, body: Body, relaxed: FloatArray) -> None:
        self.capsules = make_capsules(body)
        index = {capsule.name: number for number, capsule in enumerate(self.capsules)}
        pairs = [(index[a], index[b]) for a, b in _pairs()]
        self.pair_names = tuple(_pairs())
        self._first, self._second = np.array(pairs).T
        self._bones: NDArray[np.int64] = np.array([capsule.bone for capsule in self.capsules])
        self._starts = np.stack([capsule.start for capsule in self.capsules])
        self._ends = np.stack([capsule.end for capsule in self.capsules])
        radii = np.array([capsule.radius for capsule in self.capsules])
        self._reach = radii[self._first] + radii[self._second]
        self._allowed = TOUCH_M + np.maximum(self.depths(relaxed[None])[0], 0.0)

    def depths(self, T_bones: FloatArray) -> FloatArray:
        """Return (T, P) how deep the parts of each pair are in each other, m; negative: apart."""
        own = T_bones[:, self._bones]
        starts = np.einsum("tcij,cj->tci", own[..., :3, :3], self._starts) + own[..., :3, 3]
        ends = np.einsum("tcij,cj->tci", own[..., :3, :3], self._ends) + own[..., :3, 3]
        a, b = self._first, self._second
        return self._reach - segment_distances(starts[:, a], ends[:, a], starts[:, b], ends[:, b])

    def excess(self, T_bones: FloatArray) -> FloatArray:
        """Return (T,) by how much the worst pair is deeper in each other than touching, m; 0 or less: none is.

        Args:
            T_bones: (T, B, 4, 4) from rest.
        """
        return (self.depths(T_bones) - self._allowed).max(axis=1)


def segment_distances(p0: FloatArray, p1: FloatArray, q0: FloatArray, q1: FloatArray) -> FloatArray:
    """Return (...) distances between segments p0 p1 and q0 q1, each (..., 3).

    Source: Ericson, "Real-time collision detection", 2005, section 5.1.9.
    """
    d1, d2, r = p1 - p0, q1 - q0, p0 - q0
    a = np.maximum((d1 * d1).sum(axis=-1), 1e-12)
    e = np.maximum((d2 * d2).sum(axis=-1), 1e-12)
    b, c, f = (d1 * d2).sum(axis=-1), (d1 * r).sum(axis=-1), (d2 * r).sum(axis=-1)
    det = a * e - b * b
    s = np.where(det > 1e-12, np.clip((b * f - c * e) / np.maximum(det, 1e-12), 0.0, 1.0), 0.0)
    t = np.clip((b * s + f) / e, 0.0, 1.0)
    s = np.clip((b * t - c) / a, 0.0, 1.0)
    return np.linalg.norm(r + s[..., None] * d1 - t[..., None] * d2, axis=-1)


def make_capsules(body: Body) -> list[Capsule]:
    """Return the capsules of a body, measured on its mesh at rest."""
    owner = body.skin_weights.argmax(axis=1)
    sides = [capsule for side in ("left", "right") for capsule in (*_limbs(body, owner, side), *_ends(body, side))]
    return [*_trunk(body, owner), *_head(body, owner), *sides]


def _limbs(body: Body, owner: NDArray[np.int64], side: str) -> list[Capsule]:
    """Capsules around the long bones; the outer halves of upper arm and thigh once more, as elbow and knee."""
    capsules = []
    for name, stem, child, begin in (
        ("upper_arm", "upperarm", "lowerarm", 0.0),
        ("elbow", "upperarm", "lowerarm", 0.6),
        ("forearm", "lowerarm", "hand", 0.0),
        ("knee", "thigh", "calf", 0.55),
        ("thigh", "thigh", "calf", 0.0),
        ("shank", "calf", "foot", 0.0),
    ):
        bone = body.bone(f"{stem}_{side[0]}")
        head, tail = body.bone_heads[bone], body.bone_heads[body.bone(f"{child}_{side[0]}")]
        start = head + begin * (tail - head)
        capsules.append(Capsule(f"{side}_{name}", bone, start, tail, _girth(body, owner, bone, start, tail)))
    return capsules


def _ends(body: Body, side: str) -> list[Capsule]:
    """Hand and foot; fingers count up to their second joints, for they bend."""
    hand, foot = body.bone(f"hand_{side[0]}"), body.bone(f"foot_{side[0]}")
    fingers = body.bone_heads[body.bone(f"middle_02_{side[0]}")]
    shoe = body.part_vertices(f"{side}_foot")
    radius = 0.5 * float(np.ptp(shoe[:, 1]))
    y, z = 0.5 * (shoe[:, 1].min() + shoe[:, 1].max()), 0.9 * radius
    heel, toe = np.array([shoe[:, 0].min() + radius, y, z]), np.array([shoe[:, 0].max() - radius, y, z])
    return [
        Capsule(f"{side}_hand", hand, body.bone_heads[hand], fingers, HAND_RADIUS_M),
        Capsule(f"{side}_foot", foot, heel, toe, radius),
    ]


def _girth(body: Body, owner: NDArray[np.int64], bone: int, start: FloatArray, end: FloatArray) -> float:
    """Return the usual distance of a bone's skin from a segment of it, m."""
    points = body.vertices[owner == bone]
    along = (points - start) @ (end - start) / ((end - start) @ (end - start))
    beside = (along > 0.1) & (along < 0.95)
    nearest = start + along[beside, None] * (end - start)
    return float(np.quantile(np.linalg.norm(points[beside] - nearest, axis=1), 0.7))


def _trunk(body: Body, owner: NDArray[np.int64]) -> list[Capsule]:
    """Capsules from left to right across the trunk, as thick as it is deep."""
    bones = [body.bone(name) for name in ("pelvis", "spine_01", "spine_02", "spine_03", "clavicle_l", "clavicle_r")]
    skin = body.vertices[np.isin(owner, bones)]
    chest = body.vertices[owner == bones[3]][:, 2]
    heights = [_middle_height(body.vertices[owner == bone]) for bone in bones[:3]]
    heights += [chest.min() + 0.2 * np.ptp(chest), chest.min() + 0.6 * np.ptp(chest)]
    capsules = []
    for name, bone, height in zip(_TRUNK, (*bones[:4], bones[3]), heights, strict=True):
        around = skin[np.abs(skin[:, 2] - height) < 0.045]
        (back, right), (front, left) = np.quantile(around[:, :2], [0.015, 0.985], axis=0)
        radius = 0.5 * float(front - back)
        half = max(0.5 * float(left - right) - radius, 0.005)
        middle = np.array([0.5 * (front + back), 0.0, height])
        across = np.array([0.0, half, 0.0])
        capsules.append(Capsule(name, bone, middle + across, middle - across, radius))
    return capsules


def _middle_height(points: FloatArray) -> float:
    return float(0.5 * (points[:, 2].min() + points[:, 2].max()))


def _head(body: Body, owner: NDArray[np.int64]) -> list[Capsule]:
    """The head in a helmet, the neck, and bars where a rig has its cameras."""
    bone, neck = body.bone("head"), body.bone("neck_01")
    skin = body.vertices[owner == bone]
    low, high = skin.min(axis=0), skin.max(axis=0)
    radius = 0.5 * float(high[1] - low[1])
    back, front = low[0] + radius, high[0] - radius
    base, top = body.bone_heads[neck], body.bone_heads[bone]
    capsules = [Capsule("neck", neck, base, top, _girth(body, owner, neck, base, top))]
    for name, height, extra in (("head_low", low[2] + radius, 0.0), ("head_high", high[2] - radius, HELMET_M)):
        start, end = np.array([back, 0.0, height]), np.array([front, 0.0, height])
        capsules.append(Capsule(name, bone, start, end, radius + extra))
    for name, ahead in (("rig_front", high[0] + RIG_AHEAD_M - 0.03), ("rig_back", low[0] - RIG_BEHIND_M + 0.02)):
        left, right = (np.array([ahead, y, high[2] + 0.04]) for y in (RIG_HALF_WIDTH_M, -RIG_HALF_WIDTH_M))
        capsules.append(Capsule(name, bone, left, right, 0.03))
    return capsules


def _pairs() -> list[tuple[str, str]]:
    """Return the names of parts that must not meet; neighbours always do and are left out."""
    pairs = [(f"left_{part}", f"right_{part}") for part in ("knee", "shank", "foot", "hand", "forearm")]
    for side, other in (("left", "right"), ("right", "left")):
        legs = [f"{leg}_{limb}" for leg in (side, other) for limb in ("thigh", "shank", "foot")]
        blocks = {
            "hand": (*_BLOCKED, *legs, f"{other}_forearm", f"{other}_elbow", f"{other}_upper_arm", f"{side}_upper_arm"),
            "forearm": (*_BLOCKED, *legs, f"{other}_elbow"),
            "elbow": (*_TRUNK[:4], "head_low", "head_high", "rig_front"),
            "knee": (*_TRUNK[2:], "head_low", "rig_front"),
            "shank": ("pelvis", f"{other}_knee"),
            "foot": ("pelvis", f"{other}_knee", f"{other}_shank"),
        }
        pairs += [(f"{side}_{part}", blocked) for part, blocking in blocks.items() for blocked in blocking]
    return pairs
