"""Random postures of trunk and legs: standing, sitting, kneeling, crawling, lying and what is between."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egorear_ros.structures import FloatArray
from egorear_synth.body import Body
from egorear_synth.figure import Limbs
from egorear_synth.joint_limits import INDEX, NAMES, SIDES
from egorear_synth.leg_placement import place_foot
from egorear_synth.rotations import rotmat_about

ROOT = {"yaw": 0, "pitch": 1, "roll": 2, "spin": 3}
"""Angles of the pelvis: R_z(yaw) R_y(pitch) R_x(roll) R_z(spin); pitch -90 degrees lies on the back."""

FEET = ("left_foot", "right_foot")


@dataclass(frozen=True)
class Posture:
    """One way to be on the floor.

    Attributes:
        sample: fills in trunk, legs and supporting arms of some poses.
        supports: what carries the body: of each inner tuple, something touches the floor.
        next: postures that can follow directly.
        arms_free: whether arms may be anywhere.
        settles: whether the pelvis is pitched so that all supports come down.
    """

    sample: Callable[["Draw"], None]
    supports: tuple[tuple[str, ...], ...]
    next: tuple[str, ...]
    arms_free: bool = True
    settles: bool = False


class Draw:
    """Some random poses in the making.

    Args:
        rng: decides everything.
        count: K, how many.
        body: whose.
        limbs: its measures.
    """

    def __init__(self, rng: np.random.Generator, count: int, body: Body, limbs: Limbs) -> None:
        self.rng, self.count, self.body, self.limbs = rng, count, body, limbs
        self.angles = np.zeros((count, len(NAMES)))
        self.root = np.zeros((count, len(ROOT)))

    def uniform(self, low_deg: float, high_deg: float) -> FloatArray:
        """Return (K,) angles, rad."""
        return np.deg2rad(self.rng.uniform(low_deg, high_deg, self.count))

    def between(self, low: float, high: float) -> FloatArray:
        """Return (K,) numbers."""
        return self.rng.uniform(low, high, self.count)

    def set(self, **ranges_deg: tuple[float, float]) -> None:
        """Draw joint angles, each from a range, degrees; a name without a side is for both, independently."""
        for name, (low, high) in ranges_deg.items():
            for full in (name,) if name in INDEX else tuple(f"{side}_{name}" for side in SIDES):
                self.angles[:, INDEX[full]] = self.uniform(low, high)

    def tilt(self, pitch: tuple[float, float], roll: tuple[float, float] = (-6, 6)) -> None:
        """Draw how the pelvis is turned, degrees."""
        self.root[:, ROOT["pitch"]], self.root[:, ROOT["roll"]] = self.uniform(*pitch), self.uniform(*roll)

    def pelvis(self) -> FloatArray:
        """Return (K, 3, 3) rotations of the pelvis."""
        return root_rotations(self.root)

    def foot(
        self, side: str, height: FloatArray, x: FloatArray, y: FloatArray, heading: FloatArray, pitch: FloatArray
    ) -> None:
        """Stand a foot on the floor; y and heading count outwards."""
        mirror = 1.0 if side == "left" else -1.0
        place = np.stack([x, mirror * y, mirror * heading, pitch], axis=1)
        place_foot(self.limbs, self.angles, self.pelvis(), height, side, place)

    def take_leg(self, side: str, poses: NDArray[np.bool_], angles: FloatArray) -> None:
        """Replace a leg's angles in some poses (K,) by those of (K, D)."""
        for joint in ("hip", "knee", "ankle"):
            for name, index in INDEX.items():
                if name.startswith(f"{side}_{joint}"):
                    self.angles[:, index] = np.where(poses, angles[:, index], self.angles[:, index])

    def side_apart(self, widest: float) -> FloatArray:
        """Return (K,) how far a foot is beside the middle, m: from under the hip outwards."""
        return 0.5 * self.limbs.hip_width * self.between(0.75, 1.15) + self.between(0.0, 1.0) ** 2 * widest


def root_rotations(root: FloatArray) -> FloatArray:
    """Return (K, 3, 3) rotations of the pelvis from (K, 4) angles, see `ROOT`."""
    rotation = rotmat_about("z", root[:, 0])
    for axis, index in (("y", 1), ("x", 2), ("z", 3)):
        rotation = rotation @ rotmat_about(axis, root[:, index])
    return rotation


def _trunk(draw: Draw, bend: tuple[float, float], nod: tuple[float, float] = (-30, 40), turn: float = 35.0) -> None:
    draw.set(
        trunk_bend_forward=bend,
        trunk_turn_left=(-turn, turn),
        trunk_lean_right=(-25, 25),
        head_nod_forward=nod,
        head_turn_left=(-55, 55),
        head_lean_right=(-20, 20),
    )


def _upright(draw: Draw, height: tuple[float, float], reach: float, bend: tuple[float, float]) -> None:
    """Both feet on the floor, sometimes a heel up."""
    heights = draw.limbs.leg * draw.between(*height) + draw.limbs.ankle_height
    for side in SIDES:
        heel_up = draw.uniform(0, 35) * (draw.between(0, 1) < 0.25)
        draw.foot(side, heights, draw.between(-reach, reach), draw.side_apart(0.3), draw.uniform(-8, 35), heel_up)
    _trunk(draw, bend)


def stand(draw: Draw) -> None:
    """On both feet, with nearly straight or bent knees."""
    draw.tilt((-6, 22))
    _upright(draw, (0.88, 0.99), 0.22, (-15, 45))


def bow(draw: Draw) -> None:
    """Bent forward, so that hands reach down."""
    draw.tilt((20, 65))
    _upright(draw, (0.7, 0.97), 0.2, (15, 65))


def crouch(draw: Draw) -> None:
    """Deep in the knees."""
    draw.tilt((-5, 40))
    heights = draw.limbs.leg * draw.between(0.3, 0.8) + draw.limbs.ankle_height
    for side in SIDES:
        # The deeper, the more the heels are up and the feet ahead of the hips.
        deep = np.clip((0.85 - heights / draw.limbs.leg) / 0.5, 0, 1)
        ahead, pitch = draw.between(-0.05, 0.25), deep * draw.uniform(0, 60)
        draw.foot(side, heights, ahead, draw.side_apart(0.25), draw.uniform(0, 35), pitch)
    _trunk(draw, (-5, 45))


def lunge(draw: Draw) -> None:
    """One foot far ahead, the heel of the other up."""
    draw.tilt((-5, 25))
    heights = draw.limbs.leg * draw.between(0.6, 0.88) + draw.limbs.ankle_height
    front = draw.between(0, 1) < 0.5
    for side in SIDES:
        ahead = front if side == "left" else ~front
        x = np.where(ahead, draw.between(0.2, 0.5), -draw.between(0.2, 0.5)) * draw.limbs.leg / 0.8
        pitch = np.where(ahead, 0.0, draw.uniform(15, 60))
        draw.foot(side, heights, x, draw.side_apart(0.12), draw.uniform(-5, 25), pitch)
    _trunk(draw, (-10, 40))


def one_leg(draw: Draw) -> None:
    """On one foot, the other leg anywhere: kicking, climbing, balancing."""
    draw.tilt((-10, 25), (-12, 12))
    heights = draw.limbs.leg * draw.between(0.85, 0.99) + draw.limbs.ankle_height
    draw.set(hip_flex=(-20, 100), hip_abduct=(-5, 40), hip_turn_out=(-20, 30))
    draw.set(knee_flex=(5, 120), ankle_raise=(-40, 10))
    free = draw.angles.copy()
    standing_left = draw.between(0, 1) < 0.5
    for side in SIDES:
        under = 0.5 * draw.limbs.hip_width * draw.between(0.1, 0.8)
        draw.foot(side, heights, draw.between(-0.06, 0.06), under, draw.uniform(-5, 20), np.zeros(draw.count))
        draw.take_leg(side, ~standing_left if side == "left" else standing_left, free)
    _trunk(draw, (-15, 40))


def chair(draw: Draw) -> None:
    """On a seat 0.32 to 0.52 m high for a leg of 0.8 m, both feet on the floor."""
    draw.tilt((-22, 30))
    heights = draw.limbs.leg * draw.between(0.5, 0.75)
    for side in SIDES:
        heel_up = draw.uniform(0, 40) * (draw.between(0, 1) < 0.3)
        ahead = draw.between(0.2, 0.68) * draw.limbs.leg / 0.8
        draw.foot(side, heights, ahead, draw.side_apart(0.25), draw.uniform(-8, 35), heel_up)
    _trunk(draw, (-5, 50))


def kneel(draw: Draw) -> None:
    """On both knees, upright to sitting on the heels."""
    draw.tilt((-10, 35))
    ahead = draw.uniform(-12, 38)
    for side in SIDES:
        own = ahead + draw.uniform(-3, 3)
        _rest_shank(draw, side, own)
    draw.set(hip_abduct=(0, 22), hip_turn_out=(-8, 8))
    _trunk(draw, (-15, 50))


def _rest_shank(draw: Draw, side: str, ahead: FloatArray) -> None:
    """Lay a shank on the floor behind its knee; the thigh leans `ahead` of vertical, rad."""
    draw.angles[:, INDEX[f"{side}_hip_flex"]] = ahead + draw.root[:, ROOT["pitch"]]
    # The foot is under the shank, so the ankle is a little higher than the knee.
    draw.angles[:, INDEX[f"{side}_knee_flex"]] = np.pi / 2 + ahead + draw.uniform(5, 16)
    draw.angles[:, INDEX[f"{side}_ankle_raise"]] = draw.uniform(-50, -38)


def half_kneel(draw: Draw) -> None:
    """On one knee, the other foot ahead on the floor."""
    draw.tilt((-5, 30))
    ahead = draw.uniform(-20, 25)
    left_down = draw.between(0, 1) < 0.5
    girth = 0.05
    heights = draw.limbs.thigh * np.cos(ahead) + girth
    draw.set(hip_abduct=(-3, 10), hip_turn_out=(-8, 8))
    for side in SIDES:
        _rest_shank(draw, side, ahead)
    kneeling = draw.angles.copy()
    for side in SIDES:
        in_front = draw.between(0.25, 0.6) * draw.limbs.leg / 0.8
        draw.foot(side, heights, in_front, draw.side_apart(0.15), draw.uniform(-5, 25), np.zeros(draw.count))
        draw.take_leg(side, left_down if side == "left" else ~left_down, kneeling)
    _trunk(draw, (-10, 45))


def crawl(draw: Draw) -> None:
    """On hands and knees."""
    draw.tilt((62, 95))
    for side in SIDES:
        ahead = draw.uniform(-22, 22)
        draw.angles[:, INDEX[f"{side}_hip_flex"]] = ahead + draw.root[:, ROOT["pitch"]]
        draw.angles[:, INDEX[f"{side}_knee_flex"]] = np.pi / 2 + ahead + draw.uniform(-5, 8)
    draw.set(hip_abduct=(-3, 20), ankle_raise=(-50, -30))
    _trunk(draw, (-15, 20), nod=(-45, 5), turn=12.0)
    draw.set(trunk_lean_right=(-10, 10))
    _prop(draw, 25)


def _prop(draw: Draw, spread_deg: float) -> None:
    """Arms that stand on the floor under a body that faces it."""
    upright = draw.root[:, ROOT["pitch"]] + draw.angles[:, INDEX["trunk_bend_forward"]]
    draw.set(shoulder_plane=(65, 105), shoulder_twist_in=(-15, 30), elbow_flex=(0, 45))
    draw.set(palm_turn_in=(0, 70), wrist_flex=(-70, -40), finger_curl=(0, 40))
    for side in SIDES:
        draw.angles[:, INDEX[f"{side}_shoulder_raise"]] = upright + draw.uniform(-spread_deg, spread_deg)


def sit_on_floor(draw: Draw) -> None:
    """On the floor: legs out, drawn up, or crossed."""
    draw.tilt((-25, 12))
    kind = draw.rng.integers(0, 3, draw.count)
    out = draw.angles.copy()
    choices = (
        {"hip_flex": (55, 100), "hip_abduct": (-2, 35), "hip_turn_out": (-10, 30), "knee_flex": (0, 40)},
        {"hip_flex": (80, 119), "hip_abduct": (-2, 30), "hip_turn_out": (-15, 25), "knee_flex": (75, 135)},
        {"hip_flex": (75, 115), "hip_abduct": (25, 44), "hip_turn_out": (25, 45), "knee_flex": (90, 140)},
    )
    for number, ranges in enumerate(choices):
        draw.set(ankle_raise=(-40, 10), **ranges)
        out[kind == number] = draw.angles[kind == number]
    draw.angles[:] = out
    _trunk(draw, (0, 50))


def recline(draw: Draw) -> None:
    """On the back, the trunk raised: behind a helmed head there is no room for the floor."""
    draw.tilt((-85, -40))
    draw.set(hip_flex=(-5, 90), knee_flex=(0, 120), hip_abduct=(-2, 30), hip_turn_out=(-15, 40), ankle_raise=(-45, 10))
    _trunk(draw, (15, 70), nod=(10, 44), turn=15.0)


def lie_on_side(draw: Draw) -> None:
    """On one side, the head lifted."""
    draw.tilt((-95, -80), (-5, 5))
    left_down = np.where(draw.between(0, 1) < 0.5, 1.0, -1.0)
    draw.root[:, ROOT["spin"]] = left_down * draw.uniform(65, 100)
    draw.set(hip_flex=(0, 95), knee_flex=(5, 120), hip_abduct=(-5, 25), ankle_raise=(-45, 0))
    _trunk(draw, (-5, 40), nod=(-10, 30), turn=20.0)
    draw.angles[:, INDEX["trunk_lean_right"]] = left_down * draw.uniform(5, 30)
    draw.angles[:, INDEX["head_lean_right"]] = left_down * draw.uniform(15, 44)


def lie_on_front(draw: Draw) -> None:
    """On the belly, propped up on forearms or hands."""
    draw.tilt((70, 96))
    draw.set(hip_flex=(-28, 12), knee_flex=(0, 90), hip_abduct=(0, 30), hip_turn_out=(-10, 30), ankle_raise=(-50, -30))
    _trunk(draw, (-25, -5), nod=(-45, -15), turn=12.0)
    draw.set(trunk_lean_right=(-10, 10))
    _prop(draw, 30)
    draw.set(elbow_flex=(5, 110))


_KNEES = ("left_knee", "right_knee")
_BOTH_KNEES = (("left_knee",), ("right_knee",))
_ARMS = ("left_hand", "right_hand", "left_forearm", "right_forearm")
_ON_FEET = (FEET,)

POSTURES: dict[str, Posture] = {
    "stand": Posture(stand, _ON_FEET, ("stand", "bow", "crouch", "lunge", "one_leg", "chair")),
    "bow": Posture(bow, _ON_FEET, ("stand", "bow", "crouch", "lunge", "chair")),
    "crouch": Posture(crouch, _ON_FEET, ("stand", "bow", "crouch", "lunge", "half_kneel", "sit_on_floor")),
    "lunge": Posture(lunge, _ON_FEET, ("stand", "lunge", "half_kneel", "one_leg")),
    "one_leg": Posture(one_leg, _ON_FEET, ("stand", "one_leg", "lunge")),
    "chair": Posture(chair, _ON_FEET, ("chair", "stand", "crouch", "bow")),
    "kneel": Posture(kneel, (*_BOTH_KNEES, FEET), ("kneel", "half_kneel", "crawl", "sit_on_floor"), settles=True),
    "half_kneel": Posture(half_kneel, (_KNEES, FEET), ("half_kneel", "kneel", "lunge", "crouch", "stand")),
    "crawl": Posture(
        crawl, (_ARMS, (*_KNEES, *FEET)), ("kneel", "half_kneel", "lie_on_front"), arms_free=False, settles=True
    ),
    "sit_on_floor": Posture(
        sit_on_floor, (("seat",), FEET), ("sit_on_floor", "recline", "kneel", "crouch", "lie_on_side"), settles=True
    ),
    "recline": Posture(
        recline, (("seat", "back"), (*FEET, "back")), ("recline", "sit_on_floor", "lie_on_side"), settles=True
    ),
    "lie_on_side": Posture(
        lie_on_side, (("seat",), (*_KNEES, *FEET)), ("recline", "lie_on_side", "sit_on_floor"), settles=True
    ),
    "lie_on_front": Posture(
        lie_on_front, (_ARMS, ("seat", "back", *_KNEES)), ("crawl", "kneel"), arms_free=False, settles=True
    ),
}

assert all(name in POSTURES for posture in POSTURES.values() for name in posture.next)
