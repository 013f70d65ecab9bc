"""More to do for someone who stands: at work, with things, in sports. The same kind of functions as in `gestures`.

Angles that bring a hand to a place (an ear, a keyboard) were found by trying random arms of an average body within
joint limits and keeping the nearest that goes through nothing.
"""

import math

from egorear_synth.gestures import Angles, Gesture, hold_arm, swing


def _rise(time_s: float, period_s: float) -> float:
    """Return 0 to 1 and back once per period, smoothly."""
    return 0.5 - 0.5 * math.cos(2 * math.pi * time_s / period_s)


def _towards(side: str, angle: float) -> float:
    """Return an angle of turning to the left, for one of turning to a side."""
    return angle if side == "left" else -angle


def sit(time_s: float, side: str, other: str) -> Angles:
    """Sit down on a seat, hands to the knees, and get up again."""
    down = _rise(time_s, 5.5)
    arms: Angles = {}
    for name in (side, other):
        arms |= hold_arm(
            name, flex=0.1 + 0.75 * down, abduct=0.16 + 0.06 * down, twist=0.2, elbow=0.3 + 0.6 * down, curl=0.15
        )
    return arms | {"crouch": 0.48 * down, "trunk_bend_forward": 0.55 * math.sin(math.pi * down) - 0.35 * down}


def phone_call(time_s: float, side: str, other: str) -> Angles:
    """Hold a telephone to the ear and gesticulate with the other hand."""
    move = swing(time_s, 0.6)
    return (
        hold_arm(side, flex=1.28, abduct=0.5, twist=0.08, elbow=2.34, curl=0.8)
        | hold_arm(other, flex=0.35 + 0.25 * move, abduct=0.3, twist=0.2, elbow=1.3 + 0.3 * move, palm=-0.6)
        | {"head_lean_right": -_towards(side, 0.08), "head_turn_left": 0.3 * swing(time_s, 0.23)}
    )


def read_phone(time_s: float, side: str, other: str) -> Angles:
    """Look at a telephone in one hand and type on it with the other."""
    tap = 0.06 * swing(time_s, 2.1)
    return (
        hold_arm(side, flex=0.5, abduct=0.22, twist=0.55, elbow=1.75, palm=-0.7, curl=0.6)
        | hold_arm(other, flex=0.6 + tap, abduct=0.3, twist=0.55, elbow=1.75, palm=0.5, curl=0.5 + 2 * tap)
        | {"head_nod_forward": 0.5}
    )


def type_text(time_s: float, side: str, other: str) -> Angles:
    """Type on a keyboard before the belly."""
    arms: Angles = {}
    for name, phase in ((side, 0.0), (other, 0.17)):
        out = 0.5 + 0.5 * swing(time_s + phase, 0.4)
        tap = 0.12 * swing(time_s + phase, 2.6)
        arms |= hold_arm(
            name, flex=0.24, abduct=0.32, twist=0.62 - 0.3 * out, elbow=1.1, palm=0.9, wrist=tap, curl=0.4 + tap
        )
    return arms | {"head_nod_forward": 0.38 + 0.15 * swing(time_s, 0.21), "trunk_bend_forward": 0.06}


def push(time_s: float, side: str, other: str) -> Angles:
    """Push something heavy away with both hands, one foot behind."""
    out = _rise(time_s, 2.6)
    arms: Angles = {}
    for name in (side, other):
        arms |= hold_arm(
            name, flex=0.35 + 0.95 * out, abduct=0.2, twist=0.3, elbow=2.0 - 1.7 * out, palm=0.9, wrist=-0.8
        )
    return arms | {"trunk_bend_forward": 0.1 + 0.3 * out, "crouch": 0.05 * out, "head_nod_forward": -0.1}


def pull_rope(time_s: float, side: str, other: str) -> Angles:
    """Pull a rope in, hand over hand."""
    arms: Angles = {}
    for name, phase in ((side, 0.0), (other, 0.9)):
        out = _rise(time_s + phase, 1.8)
        arms |= hold_arm(name, flex=0.2 + 1.1 * out, abduct=0.2, twist=0.25, elbow=1.85 - 1.5 * out, curl=1.0)
    return arms | {"trunk_turn_left": 0.2 * swing(time_s, 1 / 1.8), "trunk_bend_forward": -0.1, "crouch": 0.06}


def kick(time_s: float, side: str, other: str) -> Angles:
    """Kick forwards with one foot."""
    up = max(0.0, math.sin(2 * math.pi * time_s / 2.2)) ** 2
    return (
        hold_arm(side, flex=-0.35 * up, abduct=0.35, elbow=0.6)
        | hold_arm(other, flex=0.7 * up, abduct=0.35, elbow=0.6)
        | {
            f"{side}_foot_forward": 0.5 * up,
            f"{side}_foot_up": 0.34 * up,
            f"{side}_toes_down": -0.5 * up,
            "sway_left": _towards(side, -0.35 * min(1.0, 3 * up)),
            "crouch": 0.05,
            "trunk_bend_forward": -0.2 * up,
        }
    )


def climb(time_s: float, side: str, other: str) -> Angles:
    """Climb on the spot: knees and hands up in turn, as on a ladder."""
    wave = math.sin(2 * math.pi * time_s / 2.4)
    angles: Angles = {"crouch": 0.06, "trunk_bend_forward": 0.12, "head_nod_forward": -0.3}
    for name, sign in ((side, 1.0), (other, -1.0)):
        knee, hand = max(0.0, sign * wave) ** 2, 0.5 - 0.5 * sign * wave
        angles |= hold_arm(name, flex=1.1 + 1.3 * hand, abduct=0.15, twist=0.2, elbow=1.5 - 0.9 * hand, curl=0.9)
        angles |= {f"{name}_foot_up": 0.4 * knee, f"{name}_foot_forward": 0.32 * knee}
    return angles | {"sway_left": -0.3 * _towards(side, wave)}


def box(time_s: float, side: str, other: str) -> Angles:
    """Punch with one fist after the other from a guard before the chin."""
    angles: Angles = {"crouch": 0.08, "trunk_bend_forward": 0.12}
    turn = 0.0
    for name, phase in ((side, 0.0), (other, 0.6)):
        out = max(0.0, math.sin(2 * math.pi * (time_s + phase) / 1.2)) ** 3
        angles |= hold_arm(name, flex=0.46 + 1.0 * out, abduct=0.2 - 0.25 * out, twist=0.3 + 0.4 * out,
                           elbow=2.05 - 1.85 * out, palm=0.9 * out, raise_=0.1 * out, curl=1.2)  # fmt: skip
        turn -= _towards(name, 0.4 * out)
    return angles | {"trunk_turn_left": turn, "head_turn_left": -0.7 * turn}


def dance(time_s: float, side: str, other: str) -> Angles:
    """Dance on the spot: hips from side to side, arms in waves, now and then overhead."""
    beat, bar = swing(time_s, 0.8), _rise(time_s, 5.0)
    angles: Angles = {"sway_left": 0.28 * beat, "crouch": 0.05 + 0.05 * swing(time_s, 1.6) ** 2}
    for name, sign in ((side, 1.0), (other, -1.0)):
        angles |= hold_arm(name, flex=0.5 + 1.6 * bar + 0.25 * sign * beat, abduct=0.45, twist=-0.3 + 0.4 * sign * beat,
                           elbow=1.3 - 0.3 * sign * beat, wrist=0.4 * beat)  # fmt: skip
    return angles | {"trunk_lean_right": 0.18 * beat, "trunk_turn_left": 0.25 * swing(time_s, 0.4)}


def stretch_back(time_s: float, side: str, other: str) -> Angles:
    """Put the hands behind the back and arch it."""
    far = _rise(time_s, 4.5)
    arms: Angles = {}
    for name in (side, other):
        arms |= hold_arm(name, flex=-0.35 - 0.45 * far, abduct=0.38, twist=0.25, elbow=0.9, raise_=-0.03, curl=0.4)
    return arms | {"trunk_bend_forward": -0.25 * far, "head_nod_forward": -0.35 * far}


def stretch_arm(time_s: float, side: str, other: str) -> Angles:
    """Draw one arm across the chest with the other hand."""
    far = _rise(time_s, 4.0)
    return (
        hold_arm(side, flex=1.25, abduct=-0.05 - 0.3 * far, twist=0.3, elbow=0.25, palm=0.3)
        | hold_arm(other, flex=0.75, abduct=0.1, twist=0.55, elbow=2.0, curl=0.8)
        | {"trunk_turn_left": -_towards(side, 0.35 * far), "head_turn_left": _towards(side, 0.3 * far)}
    )


def look_around(time_s: float, side: str, other: str) -> Angles:
    """Look over both shoulders, up and down."""
    turn = swing(time_s, 0.22)
    return (
        hold_arm(side, flex=0.05, abduct=0.16, elbow=0.35)
        | hold_arm(other, flex=0.05, abduct=0.16, elbow=0.35)
        | {
            "head_turn_left": _towards(side, 0.95 * turn),
            "trunk_turn_left": _towards(side, 0.4 * turn),
            "head_nod_forward": 0.4 * swing(time_s, 0.37),
        }
    )


def shade_eyes(time_s: float, side: str, other: str) -> Angles:
    """Hold a hand over the eyes and look into the distance."""
    return (
        hold_arm(side, flex=1.35, abduct=0.28, twist=0.38, elbow=1.85, palm=0.7, curl=0.05)
        | hold_arm(other, flex=0.05, abduct=0.16, elbow=0.35)
        | {"head_turn_left": 0.6 * swing(time_s, 0.2), "trunk_bend_forward": 0.1, "head_nod_forward": -0.05}
    )


def adjust_helmet(time_s: float, side: str, other: str) -> Angles:
    """Take hold of what is on the head with both hands."""
    near = _rise(time_s, 3.5)
    arms: Angles = {}
    for name in (side, other):
        arms |= hold_arm(name, flex=0.7 + 0.93 * near, abduct=0.3 - 0.16 * near, twist=0.1, elbow=1.4 + 0.62 * near)
    return arms | {"head_nod_forward": 0.15 * swing(time_s, 0.6)}


def drink(time_s: float, side: str, other: str) -> Angles:
    """Bring a cup from before the belly to the mouth."""
    up = _rise(time_s, 3.2)
    return (
        hold_arm(side, 0.25 + 0.55 * up, 0.2 + 0.1 * up, twist=0.35 + 0.25 * up, elbow=1.5 + 0.6 * up, curl=0.9)
        | hold_arm(other, flex=0.05, abduct=0.16, elbow=0.35)
        | {"head_nod_forward": -0.15 * up}
    )


def hands_on_hips(time_s: float, side: str, other: str) -> Angles:
    """Stand with the hands on the hips, shifting weight."""
    arms: Angles = {}
    for name in (side, other):
        arms |= hold_arm(name, flex=-0.5, abduct=0.62, twist=0.3, elbow=1.55, palm=0.3, curl=0.5)
    shift = swing(time_s, 0.25)
    return arms | {"sway_left": 0.2 * shift, "crouch": 0.02, "head_turn_left": 0.5 * swing(time_s, 0.17)}


def steer(time_s: float, side: str, other: str) -> Angles:
    """Turn a large wheel."""
    turn = swing(time_s, 0.35)
    arms: Angles = {}
    for name, sign in ((side, 1.0), (other, -1.0)):
        high = 0.5 + 0.5 * sign * turn
        flex, abduct = 0.55 + 0.55 * high, 0.25 - 0.1 * high
        arms |= hold_arm(name, flex, abduct, twist=0.3, elbow=1.3 - 0.1 * high, curl=0.9)
    return arms | {"trunk_lean_right": _towards(side, 0.08 * turn)}


def screw_overhead(time_s: float, side: str, other: str) -> Angles:
    """Screw in a bulb overhead, one hand steadying it."""
    turn = 0.8 * swing(time_s, 0.9)
    return (
        hold_arm(side, flex=2.25, abduct=0.1, twist=0.3, elbow=0.6, palm=turn, raise_=0.35, curl=0.9)
        | hold_arm(other, flex=1.75, abduct=0.15, twist=0.3, elbow=0.9, raise_=0.2, curl=0.5)
        | {"head_nod_forward": -0.6, "trunk_bend_forward": -0.12}
    )


def throw(time_s: float, side: str, other: str) -> Angles:
    """Throw a ball from behind the head."""
    far = _rise(time_s, 2.0)
    return (
        hold_arm(side, 2.2 - 1.1 * far, 0.5 - 0.3 * far, twist=-0.1 + 0.3 * far, elbow=1.7 - 1.45 * far, curl=0.6)
        | hold_arm(other, flex=0.8 - 0.7 * far, abduct=0.3, elbow=0.7)
        | {"trunk_turn_left": _towards(side, 0.4 - 0.75 * far), "trunk_bend_forward": -0.1 + 0.4 * far}
    )


def carry(time_s: float, side: str, other: str) -> Angles:
    """Lift a box from the knees to the chest."""
    up = _rise(time_s, 4.0)
    arms: Angles = {}
    for name in (side, other):
        arms |= hold_arm(
            name, flex=1.05 - 0.65 * up, abduct=0.22, twist=0.32, elbow=0.3 + 1.1 * up, palm=-0.2, curl=0.5
        )
    return arms | {"crouch": 0.36 * (1 - up), "trunk_bend_forward": 0.5 * (1 - up) - 0.08, "head_nod_forward": 0.2}


def wipe(time_s: float, side: str, other: str) -> Angles:
    """Wipe a board or a window in circles."""
    across, along = swing(time_s, 0.55), math.cos(2 * math.pi * 0.55 * time_s)
    return (
        hold_arm(side, flex=1.35 + 0.4 * along, abduct=0.35 + 0.35 * across, twist=0.1, elbow=0.6, palm=0.8, wrist=-0.7)
        | hold_arm(other, flex=0.1, abduct=0.2, elbow=0.7)
        | {"trunk_turn_left": _towards(side, 0.15 * across), "head_nod_forward": -0.1}
    )


ACTIVITIES: tuple[Gesture, ...] = (
    sit, phone_call, read_phone, type_text, push, pull_rope, kick, climb, box, dance, stretch_back, stretch_arm,
    look_around, shade_eyes, adjust_helmet, drink, hands_on_hips, steer, screw_overhead, throw, carry, wipe,
)  # fmt: skip
"""More gestures for someone who stands."""
