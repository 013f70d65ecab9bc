import numpy as np
import pytest

from egorear_synth.body import Body
from egorear_synth.figure import CHANNELS, Foot, ankle_position, measure_limbs, pose_figure
from egorear_synth.gestures import STANDING, WALKING
from egorear_synth.procedural import ProceduralMotion
from egorear_synth.skinning import bone_transforms, joint_positions, skin

TIMES = np.arange(0.0, 100.0, 0.37)


@pytest.fixture(scope="module")
def motion(body: Body) -> ProceduralMotion:
    return ProceduralMotion(body, seed=2)


@pytest.fixture(scope="module")
def joints(body: Body, motion: ProceduralMotion) -> np.ndarray:
    return np.stack([joint_positions(body, bone_transforms(body, motion.pose_at(time_s))) for time_s in TIMES])


@pytest.mark.parametrize("gesture", [*STANDING, *WALKING])
def test_gestures_use_known_channels_of_sane_size(gesture) -> None:  # type: ignore[no-untyped-def]
    for time_s in np.linspace(0, 7, 50):
        angles = gesture(float(time_s), "left", "right")
        assert set(angles) <= set(CHANNELS)
        assert max(abs(value) for value in angles.values()) < np.pi


def test_feet_stand_on_the_floor_and_do_not_sink(body: Body, motion: ProceduralMotion) -> None:
    shoes = np.unique(
        body.faces[np.isin(body.face_parts, [body.part_names.index(f"{side}_foot") for side in ("left", "right")])]
    )
    lowest = []
    for time_s in TIMES:
        vertices = skin(body, bone_transforms(body, motion.pose_at(time_s)), body.vertices)
        assert vertices[:, 2].min() > -0.02
        lowest.append(vertices[shoes, 2].min())
    assert np.max(lowest) < 0.02


def test_a_planted_foot_does_not_slide(body: Body, motion: ProceduralMotion) -> None:
    moments = np.arange(0.0, 12.0, 1 / 60)
    ankles = np.stack(
        [joint_positions(body, bone_transforms(body, motion.pose_at(time_s)))[[12, 13]] for time_s in moments]
    )
    speed = np.linalg.norm(np.diff(ankles, axis=0), axis=-1) * 60
    # At every moment at least one ankle is nearly at rest: it rolls over the ball, no more.
    assert np.quantile(speed.min(axis=1), 0.95) < 0.35
    assert speed.max() > 1.0


def test_rigid_bones_keep_their_length(joints: np.ndarray) -> None:
    for parent, child in (
        (2, 4),
        (4, 6),
        (3, 5),
        (5, 7),
        (8, 10),
        (10, 12),
        (9, 11),
        (11, 13),
        (12, 14),
        (13, 15),
        (8, 9),
    ):
        lengths = np.linalg.norm(joints[:, parent] - joints[:, child], axis=1)
        assert np.ptp(lengths) < 1e-9
        assert lengths[0] > 0.08


def test_knees_and_elbows_bend_the_human_way(body: Body, motion: ProceduralMotion, joints: np.ndarray) -> None:
    for index, time_s in enumerate(TIMES[::5]):
        forward = motion.pose_at(time_s).rotations[0][:, 0]
        for hip, knee, ankle in ((8, 10, 12), (9, 11, 13)):
            a, b, c = joints[5 * index, [hip, knee, ankle]]
            ahead = b - (a + (c - a) * ((b - a) @ (c - a)) / ((c - a) @ (c - a)))
            assert ahead @ forward > -0.02


def test_motion_is_smooth_and_continues_over_the_period(body: Body, motion: ProceduralMotion) -> None:
    rate = 60
    for start in (0.0, 20.0, 40.0, 60.0, motion.period_s - 2.0, 1.7e9):
        moments = start + np.arange(0, 4, 1 / rate)
        path = np.stack([joint_positions(body, bone_transforms(body, motion.pose_at(time_s))) for time_s in moments])
        speed = np.linalg.norm(np.diff(path, axis=0), axis=-1) * rate
        assert speed.max() < 7.0
        acceleration = np.linalg.norm(np.diff(path, n=2, axis=0), axis=-1) * rate**2
        assert acceleration.max() < 80.0


def test_motion_is_a_function_of_seed_and_time(body: Body, motion: ProceduralMotion) -> None:
    again = ProceduralMotion(body, seed=2)
    other = ProceduralMotion(body, seed=3)
    backwards = [again.pose_at(time_s).rotations for time_s in (31.0, 7.0)]
    np.testing.assert_array_equal(motion.pose_at(7.0).rotations, backwards[1])
    np.testing.assert_array_equal(motion.pose_at(31.0).rotations, backwards[0])
    assert not np.allclose(motion.pose_at(7.0).rotations, other.pose_at(7.0).rotations)


def test_arms_and_legs_use_their_range(joints: np.ndarray) -> None:
    assert joints[:, 6, 2].max() - joints[:, 6, 2].min() > 0.8
    assert joints[:, 8, 2].max() - joints[:, 8, 2].min() > 0.2
    assert np.ptp(joints[:, 0, :2], axis=0).min() > 1.0


@pytest.mark.parametrize("pitch", [-0.3, 0.0, 0.5])
def test_rolling_foot_touches_the_floor_with_ball_or_heel(body: Body, pitch: float) -> None:
    limbs = measure_limbs(body)
    foot = Foot(0.0, 0.0, 0.4, pitch, 0.0)
    assert ankle_position(limbs, foot)[2] >= limbs.ankle_height - 0.01
    pelvis = np.array([0.0, 0.0, limbs.ankle_height + 0.9 * limbs.leg])
    pose = pose_figure(body, limbs, np.zeros(len(CHANNELS)), pelvis, 0.4, (foot, foot))
    ankle = joint_positions(body, bone_transforms(body, pose))[12]
    np.testing.assert_allclose(ankle, ankle_position(limbs, foot), atol=1e-6)
