import numpy as np
import pytest

from egorear_synth.body import JOINT_BONES, Body
from egorear_synth.mixed_motion import DEEPEST_M, Clearance, LaterMotion, MixedMotion
from egorear_synth.procedural import ProceduralMotion
from egorear_synth.random_poses import RandomPoses
from egorear_synth.rotations import rotmat_about
from egorear_synth.skinning import Pose, bone_transforms, joint_positions

LEGS = [
    index for index, bone in enumerate(JOINT_BONES.values()) if bone.split("_")[0] in ("thigh", "calf", "foot", "ball")
]
ABOVE = [index for index in range(16) if index not in LEGS]
LATER_S = 3.7


class Still:
    """Stands upright, with one change."""

    def __init__(self, body: Body, bones: tuple[str, ...] = (), turn: np.ndarray | None = None, lift_m: float = 0.0):
        rotations = np.tile(np.eye(3), (len(body.bone_names), 1, 1))
        for bone in bones:
            rotations[body.bone(bone)] = turn
        standing = Pose(np.zeros(3), rotations)
        lowest = (bone_transforms(body, standing) @ np.append(body.vertices[0], 1.0))[0, 2]
        self._pose = Pose(np.array([0.0, 0.0, lift_m - lowest + 2.0]), rotations)

    def pose_at(self, time_s: float) -> Pose:
        return self._pose


@pytest.fixture(scope="module")
def parts(body: Body) -> tuple[ProceduralMotion, RandomPoses]:
    return ProceduralMotion(body, 3), RandomPoses(body, 4)


def test_legs_are_of_one_movement_and_all_above_of_the_other(
    body: Body, parts: tuple[ProceduralMotion, RandomPoses]
) -> None:
    lower, upper = parts
    mixed = MixedMotion(body, lower, LaterMotion(upper, LATER_S))
    for time_s in (0.0, 1.3, 20.0):
        legs, rest = lower.pose_at(time_s), upper.pose_at(time_s + LATER_S)
        found = joint_positions(body, bone_transforms(body, mixed.pose_at(time_s)))
        below = joint_positions(body, bone_transforms(body, legs))
        np.testing.assert_allclose(found[LEGS], below[LEGS], atol=1e-9)
        # Seen from the pelvis, trunk and arms are where they were in their own movement.
        above = joint_positions(body, bone_transforms(body, rest))
        seen = (found[ABOVE] - legs.root_position) @ legs.rotations[0]
        expected = (above[ABOVE] - rest.root_position) @ rest.rotations[0]
        np.testing.assert_allclose(seen, expected, atol=1e-9)
        assert np.linalg.norm(found[ABOVE] - below[ABOVE], axis=1).max() > 0.1, "and that is another place"


def test_a_movement_mixed_with_itself_is_itself(body: Body, parts: tuple[ProceduralMotion, RandomPoses]) -> None:
    pose, same = (motion.pose_at(2.2) for motion in (parts[0], MixedMotion(body, parts[0], parts[0])))
    np.testing.assert_allclose(same.rotations, pose.rotations, atol=1e-12)
    np.testing.assert_array_equal(same.root_position, pose.root_position)


def test_arms_through_the_trunk_are_not_allowed(body: Body) -> None:
    arm = ("upperarm_l", "lowerarm_l", "hand_l")
    clearance = Clearance(body, np.zeros(1))
    legs = Still(body)
    across = Still(body, arm, rotmat_about("x", np.array(-0.6)))
    aside = Still(body, arm, rotmat_about("x", np.array(0.6)))
    assert clearance.depth_and_height(across)[0] > DEEPEST_M
    assert clearance.allows(MixedMotion(body, legs, aside), legs, aside)
    assert not clearance.allows(MixedMotion(body, legs, across), legs, aside)
    assert clearance.allows(MixedMotion(body, legs, across), legs, across), "its own recording is no better"


def test_nothing_goes_through_the_floor(body: Body) -> None:
    clearance = Clearance(body, np.zeros(1))
    standing = Still(body)
    height = clearance.depth_and_height(standing)[1]
    for above_m, allowed in ((0.0, True), (-0.02, True), (-0.05, False)):
        legs = Still(body, lift_m=above_m - height)
        assert clearance.depth_and_height(legs)[1] == pytest.approx(above_m)
        assert clearance.allows(MixedMotion(body, legs, standing), legs, standing) == allowed


class Between:
    """One movement before a moment, another one from then on."""

    def __init__(self, before: Still, after: Still, moment_s: float) -> None:
        self._before, self._after, self._moment_s = before, after, moment_s

    def pose_at(self, time_s: float) -> Pose:
        return (self._before if time_s < self._moment_s else self._after).pose_at(time_s)


def test_a_recording_excuses_only_the_moment_that_is_shown(body: Body) -> None:
    arm = ("upperarm_l", "lowerarm_l", "hand_l")
    legs, aside = Still(body), Still(body, arm, rotmat_about("x", np.array(0.6)))
    across = Still(body, arm, rotmat_about("x", np.array(-0.6)))
    clearance = Clearance(body, np.zeros(1))
    late, early = Between(aside, across, 1.0), Between(across, aside, 1.0)
    shown = LaterMotion(late, 2.0)
    assert clearance.allows(MixedMotion(body, legs, shown), legs, shown), "as deep as it was recorded at that moment"
    assert not clearance.allows(MixedMotion(body, legs, shown), legs, late), "not at this one"
    assert clearance.allows(MixedMotion(body, legs, LaterMotion(early, 2.0)), legs, LaterMotion(early, 2.0))
