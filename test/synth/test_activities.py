import numpy as np
import pytest
from synth.flesh import hand_depth

from egorear_synth.activities import ACTIVITIES
from egorear_synth.articulation import place_bones
from egorear_synth.body import Body, make_body
from egorear_synth.figure import CHANNEL_INDEX, CHANNELS, SIDES, Foot, measure_limbs, move_foot, pose_figure
from egorear_synth.gestures import STANDING, Gesture
from egorear_synth.phenotype import Phenotype
from egorear_synth.self_intersection import BodyShapes
from egorear_synth.skinning import Pose, bone_transforms, joint_positions, skin

FLESH_M = 0.015


def pose(body: Body, gesture: Gesture | None, time_s: float, side: str) -> Pose:
    """A gesture of somebody who stands with the feet under the hips."""
    limbs = measure_limbs(body)
    angles = np.zeros(len(CHANNELS))
    for name in SIDES:
        angles[CHANNEL_INDEX[f"{name}_shoulder_abduct"]] = 0.13
        angles[CHANNEL_INDEX[f"{name}_elbow_flex"]] = 0.3
    if gesture is not None:
        for name, value in gesture(time_s, side, "right" if side == "left" else "left").items():
            angles[CHANNEL_INDEX[name]] = value
    left, right = (
        move_foot(limbs, Foot(0.0, y * limbs.hip_width, 0.0, 0.0, 0.0), name, angles)
        for name, y in (("left", 0.5), ("right", -0.5))
    )
    return pose_figure(body, limbs, angles, np.array([0.0, 0.0, limbs.ankle_height + limbs.leg]), 0.0, (left, right))


@pytest.fixture(scope="module")
def heavy() -> Body:
    return make_body(Phenotype(male=0.0, weight=0.9))


def test_there_are_more_gestures_than_stops() -> None:
    names = [gesture.__name__ for gesture in STANDING + ACTIVITIES]
    assert len(set(names)) == len(names) > 30


@pytest.mark.parametrize("gesture", STANDING + ACTIVITIES, ids=lambda gesture: gesture.__name__)
def test_no_gesture_goes_through_the_body_or_the_floor(body: Body, heavy: Body, gesture: Gesture) -> None:
    for somebody in (body, heavy):
        shapes = BodyShapes(somebody, place_bones(somebody, pose(somebody, None, 0.0, "left").rotations[None])[0])
        for side in SIDES:
            poses = [pose(somebody, gesture, float(time_s), side) for time_s in np.arange(0.0, 6.0, 0.3)]
            rotations = np.stack([one.rotations for one in poses])
            assert shapes.excess(place_bones(somebody, rotations)).max() < FLESH_M
    for one in poses[::5]:
        assert hand_depth(heavy, one) < FLESH_M
        assert skin(heavy, bone_transforms(heavy, one), heavy.vertices)[:, 2].min() > -0.02


def test_kicking_lifts_the_leading_foot_and_keeps_the_other_planted(body: Body) -> None:
    from egorear_synth.activities import kick

    for side, own, other in (("left", 12, 13), ("right", 13, 12)):
        joints = np.stack(
            [
                joint_positions(body, bone_transforms(body, pose(body, kick, float(time_s), side)))
                for time_s in np.arange(0.0, 2.2, 0.1)
            ]
        )
        assert np.ptp(joints[:, own, 2]) > 0.2
        assert np.ptp(joints[:, own, 0]) > 0.3
        assert np.ptp(joints[:, other], axis=0).max() < 0.01


def test_hands_get_where_the_names_say(body: Body) -> None:
    from egorear_synth.activities import adjust_helmet, drink, phone_call, screw_overhead

    for side, wrist in (("left", 6), ("right", 7)):
        for gesture, time_s, nearest in ((phone_call, 0.0, 0.25), (drink, 1.6, 0.34), (adjust_helmet, 1.75, 0.3)):
            joints = joint_positions(body, bone_transforms(body, pose(body, gesture, time_s, side)))
            assert np.linalg.norm(joints[wrist] - joints[0]) < nearest
        joints = joint_positions(body, bone_transforms(body, pose(body, screw_overhead, 0.0, side)))
        assert joints[wrist, 2] > joints[0, 2] + 0.15
