"""Built-in motion: walking a figure of eight, stopping for gestures."""

from dataclasses import dataclass

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.activities import ACTIVITIES
from egorear_synth.body import Body
from egorear_synth.figure import CHANNEL_INDEX, CHANNELS, SIDES, measure_limbs, move_foot, pose_figure
from egorear_synth.gestures import STANDING, WALKING, Gesture
from egorear_synth.skinning import Pose
from egorear_synth.steps import ClosedPath, Walk

STRETCHES = 10
BLEND_S = 0.7
"""Time in which a gesture fades in and out."""

ARM_SWING = 0.42
"""Swing of the arms per step length that the opposite foot is ahead, rad."""


@dataclass(frozen=True)
class Scheduled:
    """A gesture from `begin_s` to `end_s` of the period, led by one side."""

    gesture: Gesture
    begin_s: float
    end_s: float
    side: str


class ProceduralMotion:
    """Walking and gestures; a function of seed and time alone, repeating after about 100 s.

    Args:
        body: who moves.
        seed: decides path, order of gestures and small movements.
    """

    def __init__(self, body: Body, seed: int) -> None:
        rng = np.random.default_rng([seed, 1])
        self._body, self._limbs = body, measure_limbs(body)
        stops = [(int(rng.integers(4, 10)), float(rng.uniform(4.5, 7.0))) for _ in range(STRETCHES)]
        # An even number of steps, so that the next round starts with the same foot.
        if sum(count for count, _ in stops) % 2:
            stops[0] = (stops[0][0] + 1, stops[0][1])
        self._walk = Walk(ClosedPath(rng), self._limbs, stops)
        self._schedule = self._make_schedule(rng)
        self._cycles = rng.integers(8, 30, (3, len(CHANNELS)))
        self._phases = rng.uniform(0, 2 * np.pi, (3, len(CHANNELS)))

    @property
    def period_s(self) -> float:
        """Time after which the motion repeats."""
        return self._walk.period_s

    @property
    def facts(self) -> dict[str, object]:
        """What a data set says about this movement, JSON values only."""
        return {"period_s": round(self.period_s, 3), "gestures": sorted({name for name, _, _ in self.gestures})}

    @property
    def gestures(self) -> list[tuple[str, float, float]]:
        """Name, beginning and end, s, of every gesture of a period."""
        return [(item.gesture.__name__, item.begin_s, item.end_s) for item in self._schedule]

    def pose_at(self, time_s: float) -> Pose:
        """Return the pose at a time, s, of any size and sign."""
        time_s = time_s % self._walk.period_s
        pelvis, heading = self._walk.pelvis(time_s)
        angles = self._relaxed(time_s)
        for item in self._schedule:
            weight = _envelope(time_s, item.begin_s, item.end_s)
            if weight > 0.0:
                other = "right" if item.side == "left" else "left"
                for name, value in item.gesture(time_s - item.begin_s, item.side, other).items():
                    index = CHANNEL_INDEX[name]
                    angles[index] += weight * (value - angles[index])
        left, right = (
            move_foot(self._limbs, self._walk.foot(index, time_s), side, angles) for index, side in enumerate(SIDES)
        )
        # The hip of the leg that is ahead is ahead as well.
        heading -= 0.12 * self._walk.stride(time_s)
        return pose_figure(self._body, self._limbs, angles, pelvis, heading, (left, right))

    def _relaxed(self, time_s: float) -> FloatArray:
        """Arms that hang and swing against the legs, a head that looks around, a trunk that sways."""
        stride = self._walk.stride(time_s)
        angles = np.zeros(len(CHANNELS))
        values = {"head_nod_forward": 0.12, "trunk_bend_forward": 0.04, "trunk_turn_left": 0.2 * stride}
        for side, ahead in (("left", stride), ("right", -stride)):
            swing = -ARM_SWING * ahead
            values |= {
                f"{side}_shoulder_flex": 0.05 + swing,
                f"{side}_shoulder_abduct": 0.13,
                f"{side}_shoulder_twist_in": 0.15,
                f"{side}_elbow_flex": 0.3 + 0.4 * max(swing, 0.0),
                f"{side}_wrist_flex": 0.1,
                f"{side}_finger_curl": 0.3,
            }
        for name, value in values.items():
            angles[CHANNEL_INDEX[name]] = value
        return angles + self._sway(time_s)

    def _sway(self, time_s: float) -> FloatArray:
        """Slow movements of every channel, a few degrees; the head's are larger."""
        waves = np.sin(2 * np.pi * self._cycles * time_s / self._walk.period_s + self._phases).sum(axis=0)
        size = np.full(len(CHANNELS), 0.015)
        for name in (
            "crouch",
            "sway_left",
            *(channel for channel in CHANNELS if "foot" in channel or "toes" in channel),
        ):
            size[CHANNEL_INDEX[name]] = 0.0
        size[CHANNEL_INDEX["head_turn_left"]] = 0.22
        size[CHANNEL_INDEX["head_nod_forward"]] = 0.08
        for name in (
            "head_lean_right",
            "left_shoulder_flex",
            "right_shoulder_flex",
            "left_elbow_flex",
            "right_elbow_flex",
        ):
            size[CHANNEL_INDEX[name]] = 0.03
        return size * waves

    def _make_schedule(self, rng: np.random.Generator) -> list[Scheduled]:
        """Give each stop one gesture of a shuffled list, and some stretches of walking one as well."""
        schedule = []
        gestures = STANDING + ACTIVITIES
        order = rng.permutation(len(gestures))
        for index, (begin_s, end_s) in enumerate(self._walk.standing):
            gesture = gestures[order[index % len(order)]]
            schedule.append(Scheduled(gesture, begin_s + 0.1, end_s, _side(rng)))
        for begin_s, end_s in self._walk.walking:
            if end_s - begin_s > 3.5 and rng.random() < 0.6:
                schedule.append(Scheduled(WALKING[rng.integers(len(WALKING))], begin_s + 0.4, end_s - 0.2, _side(rng)))
        return schedule


def _side(rng: np.random.Generator) -> str:
    return "left" if rng.random() < 0.5 else "right"


def _envelope(time_s: float, begin_s: float, end_s: float) -> float:
    """Return 0 outside, 1 inside, blended with zero slope over `BLEND_S` within the ends."""
    u = min(time_s - begin_s, end_s - time_s) / BLEND_S
    u = min(max(u, 0.0), 1.0)
    return u * u * u * (10.0 - 15.0 * u + 6.0 * u * u)
