"""The turn of the palm, spread over the forearm."""

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.body import Body
from egorear_synth.rotations import rotmat_about

SHARE = 0.5
"""Of the turn that is in the forearm, as for random poses; the rest stays in the wrist."""


def spread_palm_turn(body: Body, rotations: FloatArray) -> FloatArray:
    """Return rotations with half of each hand's turn about its forearm moved into the forearm.

    Recordings such as CMU's turn the palm at the wrist alone. With one bone for the forearm the skin would be
    pinched there like a wrung towel. Joints and hands stay where they are: the forearm turns about itself.

    Args:
        body: whose bones.
        rotations: (T, B, 3, 3) of moments one after the other, from the standing reference pose, limbs down.
    """
    spread = rotations.copy()
    for side in "lr":
        fore, hand = body.bone(f"lowerarm_{side}"), body.bone(f"hand_{side}")
        # Half a turn either way is the same palm; in the course of time it must not jump from one to the other.
        turn = np.unwrap(turn_about_z(rotations[:, fore].swapaxes(1, 2) @ rotations[:, hand]))
        spread[:, fore] = rotations[:, fore] @ rotmat_about("z", SHARE * turn)
    return spread


def turn_about_z(rotmat: FloatArray) -> FloatArray:
    """Return (...) angles, rad, by which rotations (..., 3, 3) turn about z before they tilt it."""
    return np.arctan2(rotmat[..., 1, 0] - rotmat[..., 0, 1], rotmat[..., 0, 0] + rotmat[..., 1, 1])
