"""How far adult joints move, and poses as points of the cube that these ranges span.

Every joint angle has a share of its range from 0 to 1. What is between two poses in shares, is within
the limits too, so a movement that is a straight line there needs no further check of its angles.
"""

import numpy as np

from egorear_ros.structures import FloatArray

_ARM_DEG = {
    "clavicle_raise": (-5.0, 35.0),
    "shoulder_raise": (0.0, 180.0),
    "shoulder_plane": (-90.0, 130.0),
    "shoulder_twist_in": (-90.0, 80.0),
    "elbow_flex": (0.0, 150.0),
    "palm_turn_in": (-80.0, 80.0),
    "wrist_flex": (-70.0, 80.0),
    "wrist_tilt_in": (-30.0, 20.0),
    "finger_curl": (0.0, 80.0),
}
_LEG_DEG = {
    "hip_flex": (-30.0, 120.0),
    "hip_abduct": (-30.0, 45.0),
    "hip_turn_out": (-45.0, 45.0),
    "knee_flex": (0.0, 145.0),
    "ankle_raise": (-50.0, 35.0),
    "ankle_tilt_out": (-35.0, 20.0),
    "ankle_turn_out": (-30.0, 30.0),
}
SIDES = ("left", "right")

LIMITS_DEG: dict[str, tuple[float, float]] = {
    "trunk_bend_forward": (-25.0, 80.0),
    "trunk_turn_left": (-45.0, 45.0),
    "trunk_lean_right": (-35.0, 35.0),
    "head_nod_forward": (-45.0, 45.0),
    "head_turn_left": (-60.0, 60.0),
    "head_lean_right": (-45.0, 45.0),
    **{f"{side}_{name}": limits for side in SIDES for name, limits in (_ARM_DEG | _LEG_DEG).items()},
}
"""Ranges from standing with the limbs straight down.

`shoulder_raise` is the angle between upper arm and trunk, in the plane `shoulder_plane`: 0 to the side, 90 to
the front, beyond across the chest, below 0 to the rear. How high the arm goes depends on the plane
(`highest_raise`), and how it turns about itself on both (`twist_range`); the range here is that of a hanging arm.

Source: American Academy of Orthopaedic Surgeons, "Joint motion: method of measuring and recording", 1965:
thoracolumbar and cervical spine, shoulder (180 up, 60 to the rear, 130 across, turning 70 to 80 in and 90 out), elbow
150, forearm 80, wrist 80/70 and 20/30, hip 120/30, 45/30 and 45, ankle 50 down, 35 and 20 sideways. Wider than there:
the knee (145; 135 is measured lying prone, squats reach more) and the raised ankle (35, not 20), which bears weight
in a squat (weight-bearing lunge test, Bennell et al., Australian Journal of Physiotherapy 44, 1998). The shoulder
girdle's range is that of the clavicle, Inman et al., "Observations on the function of the shoulder joint", 1944.
"""

NAMES: tuple[str, ...] = tuple(LIMITS_DEG)
INDEX = {name: index for index, name in enumerate(NAMES)}
_LOW, _HIGH = np.deg2rad(np.array(list(LIMITS_DEG.values())).T)

_PLANES_DEG = (-90.0, -45.0, 0.0, 100.0, 130.0)
_HIGHEST_DEG = (60.0, 95.0, 175.0, 175.0, 115.0)


def highest_raise(plane: FloatArray) -> FloatArray:
    """Return (...) how far an arm is raised at most in planes (...), rad."""
    return np.deg2rad(np.interp(np.rad2deg(plane), _PLANES_DEG, _HIGHEST_DEG))


def twist_range(raised: FloatArray, plane: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the least and greatest inward turn (...) of a raised upper arm about itself, rad.

    An arm that points up is the same one whichever way it came, but its turn counts from that way: from the
    front to the side by 180 degrees (Codman's paradox). Overhead, a bent forearm points backwards to inwards.

    Args:
        raised: (...) `shoulder_raise`, rad.
        plane: (...) `shoulder_plane`, rad.
    """
    share = np.clip(raised / (np.pi / 2) - 1.0, 0.0, 1.0)
    codman = 2.0 * (np.pi / 2 - plane)
    low, high = np.deg2rad(LIMITS_DEG["left_shoulder_twist_in"])
    over_low, over_high = np.deg2rad(-20.0) - codman, np.deg2rad(110.0) - codman
    return low + share * (over_low - low), high + share * (over_high - high)


def angles_from_shares(shares: FloatArray) -> FloatArray:
    """Return the (..., D) joint angles, rad, of (..., D) shares of their ranges.

    Args:
        shares: in the order of `NAMES`.
    """
    angles = _LOW + shares * (_HIGH - _LOW)
    for side in SIDES:
        plane = angles[..., INDEX[f"{side}_shoulder_plane"]]
        raised = shares[..., INDEX[f"{side}_shoulder_raise"]] * highest_raise(plane)
        low, high = twist_range(raised, plane)
        angles[..., INDEX[f"{side}_shoulder_raise"]] = raised
        twist = INDEX[f"{side}_shoulder_twist_in"]
        angles[..., twist] = low + shares[..., twist] * (high - low)
    return angles


def shares_from_angles(angles: FloatArray) -> FloatArray:
    """Return the (..., D) shares of (..., D) joint angles, rad; below 0 or above 1 beyond the limits."""
    shares = (angles - _LOW) / (_HIGH - _LOW)
    for side in SIDES:
        plane, raised = (angles[..., INDEX[f"{side}_{name}"]] for name in ("shoulder_plane", "shoulder_raise"))
        low, high = twist_range(raised, plane)
        shares[..., INDEX[f"{side}_shoulder_raise"]] = raised / highest_raise(plane)
        twist = INDEX[f"{side}_shoulder_twist_in"]
        shares[..., twist] = (angles[..., twist] - low) / (high - low)
    return shares
