"""Legs of one movement under trunk and arms of another: recorded movements go further that way."""

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.articulation import place_bones
from egorear_synth.body import Body
from egorear_synth.floor_contact import ContactPoints
from egorear_synth.random_poses import relaxed_bones
from egorear_synth.self_intersection import BodyShapes
from egorear_synth.skinning import Pose
from egorear_synth.wearer import Motion

DEEPEST_M = 0.02
"""So much deeper than touching parts of the body may be in each other, or as deep as in a recording on its own: bodies
are of other girths than who was recorded."""

LOWEST_M = -0.03
"""Hands may reach this far below the floor, whose height a recording does not say."""


class MixedMotion:
    """Pelvis and legs as in one movement, all above as in another one, by the angles of its joints.

    The spine turns with the pelvis under it, so no joint bends further than it did in one of the two.

    Args:
        body: who moves.
        lower: gives pelvis, legs and place.
        upper: gives trunk, arms and head.
    """

    def __init__(self, body: Body, lower: Motion, upper: Motion) -> None:
        self._lower, self._upper = lower, upper
        self._is_upper = np.array([_is_above(body, bone) for bone in range(len(body.bone_names))])

    def pose_at(self, time_s: float) -> Pose:
        """Return the pose at a time, s."""
        lower, upper = self._lower.pose_at(time_s), self._upper.pose_at(time_s)
        turn = lower.rotations[0] @ upper.rotations[0].T
        rotations = np.where(self._is_upper[:, None, None], turn @ upper.rotations, lower.rotations)
        return Pose(lower.root_position, rotations)


class LaterMotion:
    """A movement that is some time ahead.

    Args:
        motion: the movement.
        later_s: how much further it is, s.
    """

    def __init__(self, motion: Motion, later_s: float) -> None:
        self._motion, self._later_s = motion, later_s

    def pose_at(self, time_s: float) -> Pose:
        """Return the pose at a time, s."""
        return self._motion.pose_at(time_s + self._later_s)


class Clearance:
    """Tells how far movements keep a body out of itself and above the floor.

    Args:
        body: whose.
        times_s: (T,) the moments at which that counts, s.
    """

    def __init__(self, body: Body, times_s: FloatArray) -> None:
        self._body, self._times_s = body, times_s
        self._shapes = BodyShapes(body, relaxed_bones(body))
        self._contacts = ContactPoints(body)

    def depth_and_height(self, motion: Motion) -> tuple[float, float]:
        """Return how deep the body is in itself at worst and how high its lowest point is, m."""
        poses = [motion.pose_at(float(time_s)) for time_s in self._times_s]
        T_bones = place_bones(self._body, np.stack([pose.rotations for pose in poses]))
        pelvis = np.array([pose.root_position[2] for pose in poses])
        return float(self._shapes.excess(T_bones).max()), float((self._contacts.lowest(T_bones) + pelvis).min())

    def allows(self, mixed: Motion, *parts: Motion) -> bool:
        """Return whether a mixture is possible, if the movements that it is made of are."""
        depth, height = self.depth_and_height(mixed)
        return height > LOWEST_M and (
            depth <= DEEPEST_M or depth <= max(self.depth_and_height(part)[0] for part in parts)
        )


def _is_above(body: Body, bone: int) -> bool:
    """Return whether a bone is part of trunk, arms or head."""
    while body.bone_names[bone] != "spine_01":
        if body.bone_parents[bone] == bone:
            return False
        bone = int(body.bone_parents[bone])
    return True
