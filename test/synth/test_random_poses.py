import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synth.flesh import hand_depth

from egorear_synth.body import Body
from egorear_synth.joint_limits import INDEX, LIMITS_DEG, NAMES, angles_from_shares, highest_raise, shares_from_angles
from egorear_synth.person import make_person
from egorear_synth.postures import POSTURES
from egorear_synth.random_poses import BLEND_S, FASTEST_JOINT, KEYS, SINK_M, RandomPoses, _heights
from egorear_synth.skin import Skin
from egorear_synth.skinning import Pose, bone_transforms, joint_positions, skin

SEEDS = (0, 1, 2)
BONES = ((2, 4), (4, 6), (3, 5), (5, 7), (8, 10), (10, 12), (9, 11), (11, 13), (12, 14), (13, 15), (8, 9))


@pytest.fixture(scope="module")
def motions(body: Body) -> list[RandomPoses]:
    return [RandomPoses(body, seed) for seed in SEEDS]


def half_way(motion: RandomPoses, step_s: float) -> np.ndarray:
    return np.arange(0.0, motion.period_s / 2, step_s)


def joints_of(body: Body, pose: Pose) -> np.ndarray:
    return joint_positions(body, bone_transforms(body, pose))


def feet_of(body: Body) -> np.ndarray:
    """Return the vertices of both shoes."""
    parts = [body.part_names.index(f"{side}_foot") for side in ("left", "right")]
    return np.unique(body.faces[np.isin(body.face_parts, parts)])


def direction(joints: np.ndarray, start: int, end: int) -> np.ndarray:
    along = joints[end] - joints[start]
    return along / np.linalg.norm(along)


def angle_deg(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.rad2deg(np.arccos(np.clip(one @ other, -1, 1))))


@given(st.lists(st.floats(0.0, 1.0), min_size=len(NAMES), max_size=len(NAMES)))
def test_shares_of_ranges_are_angles_within_limits_and_back(shares: list[float]) -> None:
    angles = angles_from_shares(np.array(shares))
    for name, (low, high) in LIMITS_DEG.items():
        if not name.endswith("shoulder_twist_in"):
            assert low - 1e-9 <= np.rad2deg(angles[INDEX[name]]) <= high + 1e-9
    for side in ("left", "right"):
        plane = angles[INDEX[f"{side}_shoulder_plane"]]
        assert angles[INDEX[f"{side}_shoulder_raise"]] <= highest_raise(plane) + 1e-9
    np.testing.assert_allclose(shares_from_angles(angles), shares, atol=1e-9)


@given(st.floats(0.02, 0.98), st.floats(-1.2, 1.2))
def test_an_arm_straight_up_is_the_same_whichever_way_it_came(twist: float, turn: float) -> None:
    from egorear_synth.articulation import raised_arm

    shares = np.full((2, len(NAMES)), 0.5)
    shares[:, INDEX["left_shoulder_plane"]] = (np.deg2rad([30.0, 80.0]) + np.pi / 2) / np.deg2rad(220.0)
    shares[:, INDEX["left_shoulder_raise"]], shares[:, INDEX["left_shoulder_twist_in"]] = (
        np.pi / np.deg2rad(175.0),
        twist,
    )
    angles = angles_from_shares(shares)
    arms = [
        raised_arm(1.0, *(row[INDEX[f"left_shoulder_{name}"]] for name in ("raise", "plane", "twist_in")))
        for row in angles
    ]
    np.testing.assert_allclose(arms[0], arms[1], atol=1e-9)


def test_joints_measured_on_the_posed_body_keep_to_their_ranges(body: Body, motions: list[RandomPoses]) -> None:
    for motion in motions:
        for time_s in half_way(motion, 0.4):
            pose = motion.pose_at(float(time_s))
            joints = joints_of(body, pose)
            chest, pelvis = pose.rotations[body.bone("spine_03")], pose.rotations[0]
            for shoulder, elbow, wrist, hip, knee, ankle in ((2, 4, 6, 8, 10, 12), (3, 5, 7, 9, 11, 13)):
                upper, thigh = direction(joints, shoulder, elbow), direction(joints, hip, knee)
                assert angle_deg(upper, direction(joints, elbow, wrist)) < 150.5
                bend = direction(joints, knee, ankle)
                assert angle_deg(thigh, bend) < 145.5
                # Behind the back an arm goes no higher than its shoulder.
                local = chest.T @ upper
                if local[0] < -0.6:
                    assert local[2] < 0.15
                # Thighs go to the rear by 30 degrees, and knees bend to the rear.
                forward = np.rad2deg(np.arctan2((pelvis.T @ thigh)[0], -(pelvis.T @ thigh)[2]))
                assert -30.5 < forward < 120.5
                shank = (pose.rotations[body.bone("thigh_l" if hip == 8 else "thigh_r")]).T @ bend
                assert shank[0] < 1e-6
            turned = pelvis.T @ chest
            assert angle_deg(turned[:, 2], np.array([0.0, 0.0, 1.0])) < 95


def test_the_body_is_on_the_floor_and_does_not_sink(body: Body, motions: list[RandomPoses]) -> None:
    for motion in motions:
        for time_s in half_way(motion, 0.6):
            vertices = skin(body, bone_transforms(body, motion.pose_at(float(time_s))), body.vertices)
            assert -0.02 < vertices[:, 2].min() < 0.025


@pytest.mark.parametrize("index", [386, 537])
def test_feet_that_come_down_fast_do_not_sink(index: int) -> None:
    """People and movements of a data set whose feet sank by up to 2.7 cm where heights were only smoothed."""
    person = make_person(np.random.default_rng([1, 1, index])).body
    motion = RandomPoses(person, 1_000_000 + index)
    soles, posed = feet_of(person), Skin(person).posed
    for time_s in half_way(motion, 0.1):
        T_bones = bone_transforms(person, motion.pose_at(float(time_s)))
        assert posed(T_bones, person.vertices)[0][soles, 2].min() > -0.012


@given(st.lists(st.floats(-1.2, -0.2), min_size=40, max_size=90))
def test_no_height_lets_the_lowest_point_sink(lowest: list[float]) -> None:
    """Also for points that jump, which no body does."""
    assert (np.array(lowest) + _heights(np.array(lowest))).min() > -SINK_M - 1e-9


def test_a_body_at_rest_is_left_on_the_floor() -> None:
    np.testing.assert_allclose(_heights(np.full(100, -0.9)), 0.9, atol=1e-12)


def test_upright_poses_stand_on_their_feet(body: Body, motions: list[RandomPoses]) -> None:
    shoes = feet_of(body)
    upright = ("stand", "bow", "crouch", "lunge", "one_leg", "chair")
    seen = 0
    for motion in motions:
        for key, time_s in zip(motion.keys, motion.key_times, strict=True):
            if key.posture in upright:
                vertices = skin(body, bone_transforms(body, motion.pose_at(float(time_s))), body.vertices)
                assert abs(vertices[shoes, 2].min()) < 0.02
                assert np.delete(vertices, shoes, axis=0)[:, 2].min() > 0.01
                seen += 1
    assert seen > 5


def test_nothing_goes_through_itself_on_the_way_either(body: Body, motions: list[RandomPoses]) -> None:
    for motion in motions:
        assert motion.self_intersection(half_way(motion, 0.04)).max() < 0.01
        # The same from the skin, which capsules only stand for.
        depths = [hand_depth(body, motion.pose_at(float(time_s))) for time_s in half_way(motion, 0.8)]
        assert max(depths) < 0.025


def test_movement_is_continuous_everywhere_also_where_it_turns_back(body: Body, motions: list[RandomPoses]) -> None:
    motion = motions[0]
    rate = 60.0
    for start in (0.0, 11.0, motion.period_s / 2 - 1.0, motion.period_s - 1.0, 1.7e9):
        path = np.stack([joints_of(body, motion.pose_at(start + step / rate)) for step in range(120)])
        speed = np.linalg.norm(np.diff(path, axis=0), axis=-1) * rate
        assert speed.max() < 9.0
        assert np.abs(np.diff(speed, axis=0)).max() < 2.5


def test_joints_turn_no_faster_than_said_and_poses_take_their_time(motions: list[RandomPoses]) -> None:
    for motion in motions:
        times = np.arange(0.0, motion.period_s / 2, 1 / 200)
        assert np.abs(np.diff(motion.joint_angles(times), axis=0)).max() * 200 < 1.05 * FASTEST_JOINT
        assert np.diff(motion.key_times).min() >= BLEND_S[0]


def test_bones_keep_their_length_and_left_is_left(body: Body, motions: list[RandomPoses]) -> None:
    rest = joints_of(body, Pose(np.zeros(3), np.broadcast_to(np.eye(3), (len(body.bone_names), 3, 3))))
    for motion in motions:
        for time_s in half_way(motion, 1.1):
            pose = motion.pose_at(float(time_s))
            joints = joints_of(body, pose)
            for a, b in BONES:
                assert np.linalg.norm(joints[a] - joints[b]) == pytest.approx(np.linalg.norm(rest[a] - rest[b]))
            assert (joints[2] - joints[3]) @ pose.rotations[body.bone("spine_03")][:, 1] > 0.2
            assert (joints[8] - joints[9]) @ pose.rotations[0][:, 1] > 0.1


def test_a_function_of_seed_and_time(body: Body, motions: list[RandomPoses]) -> None:
    again = RandomPoses(body, SEEDS[1])
    for time_s in (12.3, 0.0, 1e9 + 0.5):
        one, two = motions[1].pose_at(time_s), again.pose_at(time_s)
        np.testing.assert_array_equal(one.rotations, two.rotations)
        np.testing.assert_array_equal(one.root_position, two.root_position)
    assert not np.allclose(motions[0].pose_at(1.0).rotations, motions[1].pose_at(1.0).rotations)


@given(st.floats(-1e6, 2e9))
def test_every_moment_has_a_finite_pose_of_rotations(motions: list[RandomPoses], time_s: float) -> None:
    pose = motions[2].pose_at(time_s)
    assert np.isfinite(pose.root_position).all()
    identity = pose.rotations @ pose.rotations.swapaxes(1, 2)
    np.testing.assert_allclose(identity, np.broadcast_to(np.eye(3), identity.shape), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(pose.rotations), 1.0, atol=1e-9)


def test_seeds_show_every_posture(body: Body) -> None:
    seen: set[str] = set()
    for seed in range(12):
        motion = RandomPoses(body, seed)
        counts = json.loads(json.dumps(motion.facts))["postures"]
        assert sum(counts.values()) == KEYS == len(motion.keys)
        seen |= set(counts)
        held = sum(one is other for one, other in zip(motion.keys, motion.keys[1:], strict=False))
        assert held <= 3
    assert seen == set(POSTURES)
