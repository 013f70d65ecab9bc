"""Arm, trunk and head movements, as joint angles over time since the gesture began.

Each gesture returns the channels it controls (see `figure.CHANNELS`), rad; the others go on as
they were. `side` is the arm that leads, `other` the second one.
"""

import math
from collections.abc import Callable

Angles = dict[str, float]
Gesture = Callable[[float, str, str], Angles]


def hold_arm(
    side: str,
    flex: float = 0.0,
    abduct: float = 0.08,
    twist: float = 0.0,
    elbow: float = 0.2,
    palm: float = 0.0,
    wrist: float = 0.0,
    raise_: float = 0.0,
    curl: float = 0.25,
) -> Angles:
    """Return all channels of one arm, rad."""
    return {
        f"{side}_clavicle_raise": raise_,
        f"{side}_shoulder_flex": flex,
        f"{side}_shoulder_abduct": abduct,
        f"{side}_shoulder_twist_in": twist,
        f"{side}_elbow_flex": elbow,
        f"{side}_palm_turn_in": palm,
        f"{side}_wrist_flex": wrist,
        f"{side}_finger_curl": curl,
    }


def swing(time_s: float, frequency_hz: float) -> float:
    """Return a sine of time, beginning at 0."""
    return math.sin(2 * math.pi * frequency_hz * time_s)


def wave_hand(time_s: float, side: str, _other: str) -> Angles:
    """Greet with one raised hand."""
    shake = swing(time_s, 1.1)
    turn = 0.25 if side == "left" else -0.25
    return hold_arm(
        side, flex=0.9, abduct=0.9, twist=-0.9 + 0.35 * shake, elbow=1.5, palm=0.3, raise_=0.15, curl=0.05
    ) | {
        "head_turn_left": turn,
        "head_nod_forward": 0.0,
    }


def reach_up(time_s: float, side: str, other: str) -> Angles:
    """Stretch both arms to something overhead and let them down to the face, twice."""
    high = 0.5 - 0.5 * math.cos(2 * math.pi * time_s / 3.0)
    arms: Angles = {}
    for arm in (side, other):
        arms |= hold_arm(arm, flex=1.2 + 1.5 * high, abduct=0.15, elbow=1.4 - 1.2 * high, raise_=0.35 * high, curl=0.15)
    return arms | {"head_nod_forward": -0.35 * high, "trunk_bend_forward": -0.1 * high}


def reach_forward(time_s: float, side: str, other: str) -> Angles:
    """Take something from a table in front, again and again."""
    out = 0.5 - 0.5 * math.cos(2 * math.pi * time_s / 2.4)
    turn = -0.35 * out if side == "left" else 0.35 * out
    return (
        hold_arm(side, flex=0.5 + 0.8 * out, abduct=0.1, twist=0.3, elbow=1.5 - 1.2 * out, curl=0.1 + 0.35 * (1 - out))
        | hold_arm(other, flex=0.1, elbow=0.5, twist=0.2)
        | {"trunk_bend_forward": 0.15 + 0.25 * out, "trunk_turn_left": turn, "head_nod_forward": 0.35}
    )


def squat(time_s: float, side: str, other: str) -> Angles:
    """Bend the knees with the arms held forward."""
    deep = 0.5 - 0.5 * math.cos(2 * math.pi * time_s / 2.8)
    arms: Angles = {}
    for arm in (side, other):
        arms |= hold_arm(arm, flex=0.2 + 1.2 * deep, abduct=0.1, elbow=0.25, curl=0.1)
    return arms | {"crouch": 0.42 * deep, "trunk_bend_forward": 0.5 * deep, "head_nod_forward": -0.2 * deep}


def pick_up(time_s: float, side: str, other: str) -> Angles:
    """Bend down to the floor with one hand."""
    deep = 0.5 - 0.5 * math.cos(2 * math.pi * time_s / 3.6)
    return (
        hold_arm(side, flex=0.3 + 0.9 * deep, abduct=0.1 + 0.28 * deep, elbow=0.25 + 0.1 * deep, curl=0.1 + 0.3 * deep)
        | hold_arm(other, flex=-0.1 - 0.3 * deep, abduct=0.3 + 0.15 * deep, elbow=0.6)
        | {"crouch": 0.34 * deep, "trunk_bend_forward": 1.0 * deep, "head_nod_forward": 0.25 * deep}
    )


def look_at_hands(time_s: float, side: str, other: str) -> Angles:
    """Hold both hands before the chest and work with them."""
    move = swing(time_s, 0.7)
    return (
        hold_arm(side, flex=0.55 + 0.1 * move, abduct=0.2, twist=0.58, elbow=1.55, palm=-0.4, curl=0.35 + 0.2 * move)
        | hold_arm(other, flex=0.5 - 0.1 * move, abduct=0.2, twist=0.52, elbow=1.6, palm=-0.6, curl=0.4)
        | {"head_nod_forward": 0.45, "trunk_bend_forward": 0.08}
    )


def stretch_sides(time_s: float, side: str, other: str) -> Angles:
    """Hold the arms out sideways and lean to either side."""
    lean = swing(time_s, 0.3)
    arms: Angles = {}
    for arm in (side, other):
        arms |= hold_arm(arm, abduct=1.5, elbow=0.15, raise_=0.2, curl=0.05)
    return arms | {"trunk_lean_right": 0.35 * lean, "trunk_turn_left": 0.25 * swing(time_s, 0.17)}


def march_arms(time_s: float, side: str, other: str) -> Angles:
    """Swing bent arms against each other."""
    pump = swing(time_s, 0.9)
    return (
        hold_arm(side, flex=0.35 + 0.8 * pump, abduct=0.2, elbow=1.5, twist=0.15, curl=0.6)
        | hold_arm(other, flex=0.35 - 0.8 * pump, abduct=0.2, elbow=1.5, twist=0.15, curl=0.6)
        | {"trunk_turn_left": 0.15 * pump if side == "right" else -0.15 * pump}
    )


def point_and_look(time_s: float, side: str, _other: str) -> Angles:
    """Point to the side and look there."""
    turn = (0.7 if side == "left" else -0.7) * (0.8 + 0.2 * swing(time_s, 0.4))
    return hold_arm(side, flex=0.9, abduct=0.75, elbow=0.15, raise_=0.1, curl=0.2) | {
        "head_turn_left": turn,
        "trunk_turn_left": 0.35 * turn,
        "head_nod_forward": -0.05,
    }


def clap(time_s: float, side: str, other: str) -> Angles:
    """Clap before the chest."""
    apart = 0.5 + 0.5 * swing(time_s, 1.6)
    arms: Angles = {}
    for arm in (side, other):
        arms |= hold_arm(arm, flex=0.65, abduct=0.15 + 0.15 * apart, twist=0.51 - 0.42 * apart, elbow=1.45, curl=0.05)
    return arms


STANDING: tuple[Gesture, ...] = (
    squat, reach_up, wave_hand, reach_forward, stretch_sides, pick_up, look_at_hands, point_and_look, march_arms, clap,
)  # fmt: skip
"""Gestures for someone who stands; `activities` has more."""

WALKING: tuple[Gesture, ...] = (wave_hand, look_at_hands, point_and_look)
"""Gestures that go with walking."""
