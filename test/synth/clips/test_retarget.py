import json
from pathlib import Path

import numpy as np
import pytest
from skeletons import random_frames, write_amc, write_bvh

from egorear_ros.structures import Rig
from egorear_synth.body import Body
from egorear_synth.clips.bvh import read_bvh
from egorear_synth.clips.clip import ClipError
from egorear_synth.clips.load import load_clip
from egorear_synth.clips.retarget import ClipMotion
from egorear_synth.skinning import bone_transforms, joint_positions, skin
from egorear_synth.wearer import make_wearer

STANDING = {"position": (0.0, 9.0, 0.0)}


def joints_of(body: Body, motion: ClipMotion, time_s: float) -> np.ndarray:
    return joint_positions(body, bone_transforms(body, motion.pose_at(time_s)))


def along(joints: np.ndarray, start: int, end: int) -> np.ndarray:
    limb = joints[end] - joints[start]
    return limb / np.linalg.norm(limb)


def test_t_pose_arrives_as_t_pose(tmp_path: Path, body: Body) -> None:
    joints = joints_of(body, ClipMotion(body, read_bvh(write_bvh(tmp_path, [STANDING]))), 0.0)
    for upper, middle, end, side in ((2, 4, 6, 1.0), (3, 5, 7, -1.0)):
        np.testing.assert_allclose(along(joints, upper, middle), [0, side, 0], atol=1e-6)
        np.testing.assert_allclose(along(joints, middle, end), [0, side, 0], atol=1e-6)
    for upper, end in ((8, 10), (10, 12), (9, 11), (11, 13)):
        np.testing.assert_allclose(along(joints, upper, end), [0, 0, -1], atol=1e-6)
    assert along(joints, 12, 14)[0] > 0.7


def test_recorded_angles_become_the_bodys_angles(tmp_path: Path, body: Body) -> None:
    # About y (up) by -90 degrees the left arm, which points to +x, comes to point forward (+z).
    frame = {**STANDING, "lhumerus": (0.0, -90.0, 0.0), "lradius": (0.0, -50.0, 0.0), "rtibia": (70.0, 0.0, 0.0)}
    joints = joints_of(body, ClipMotion(body, read_bvh(write_bvh(tmp_path, [frame]))), 0.0)
    np.testing.assert_allclose(along(joints, 2, 4), [1, 0, 0], atol=1e-6)
    assert np.degrees(np.arccos(along(joints, 2, 4) @ along(joints, 4, 6))) == pytest.approx(50.0, abs=1e-3)
    assert along(joints, 4, 6)[1] < 0
    assert np.degrees(np.arccos(along(joints, 9, 11) @ along(joints, 11, 13))) == pytest.approx(70.0, abs=1e-3)
    assert along(joints, 11, 13)[0] < -0.9
    np.testing.assert_allclose(along(joints, 3, 5), [0, -1, 0], atol=1e-6)


def test_path_is_scaled_by_leg_length_and_heading_kept(tmp_path: Path, body: Body) -> None:
    frames = [{"position": (0.0, 9.0, 0.0)}, {"position": (0.0, 9.0, 4.0)}]
    motion = ClipMotion(body, read_bvh(write_bvh(tmp_path, frames, rate_hz=1.0)))
    legs = np.linalg.norm(
        np.diff(body.bone_heads[[body.bone(f"{name}_l") for name in ("thigh", "calf", "foot")]], axis=0), axis=1
    )
    moved = motion.pose_at(1.0).root_position - motion.pose_at(0.0).root_position
    np.testing.assert_allclose(moved, [legs.sum() * 4.0 / 8.0, 0.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(
        motion.pose_at(0.5).root_position - motion.pose_at(0.0).root_position, 0.5 * moved, atol=1e-9
    )


def test_both_formats_give_the_same_motion(tmp_path: Path, body: Body) -> None:
    frames = random_frames(3)
    one = ClipMotion(body, load_clip(str(write_amc(tmp_path, frames)), amc_rate_hz=50.0))
    two = ClipMotion(body, load_clip(str(write_bvh(tmp_path, frames, rate_hz=50.0, prefix="mixamorig:"))))
    assert one.duration_s == pytest.approx(two.duration_s)
    for time_s in (0.0, 0.013, 0.04, 0.07):
        np.testing.assert_allclose(joints_of(body, one, time_s), joints_of(body, two, time_s), atol=1e-6)


def test_a_crouch_keeps_the_feet_on_the_floor(tmp_path: Path, body: Body) -> None:
    deep = {"lfemur": (-60.0, 0, 0), "ltibia": (120.0, 0, 0), "lfoot": (-60.0, 0, 0)}
    deep |= {"r" + name[1:]: angles for name, angles in deep.items()}
    # The recorded hips are too high for this pose: floor contact must come from the feet.
    frames = [STANDING] * 20 + [{**deep, "position": (0.0, 5.5, 0.0)}] * 20
    motion = ClipMotion(body, read_bvh(write_bvh(tmp_path, frames, rate_hz=30.0)))
    for time_s in (0.1, 1.2):
        lowest = skin(body, bone_transforms(body, motion.pose_at(time_s)), body.vertices)[:, 2].min()
        assert abs(lowest) < 0.02
    assert motion.pose_at(1.2).root_position[2] < 0.7 * motion.pose_at(0.1).root_position[2]


def test_missing_limbs_are_named_with_the_joints_there_are(tmp_path: Path, body: Body) -> None:
    path = write_bvh(tmp_path, [{}])
    path.write_text(path.read_text().replace("LeftForeArm", "Bone17"))
    with pytest.raises(
        ClipError, match="no joint found for left lowerarm. Joints in the file: Hips, LHipJoint.*Bone17"
    ):
        ClipMotion(body, read_bvh(path))


def test_a_lying_zero_pose_is_refused(tmp_path: Path, body: Body) -> None:
    path = write_bvh(tmp_path, [{}])
    path.write_text(path.read_text().replace("OFFSET 0.0 -4.0 0.0", "OFFSET 0.0 0.0 4.0"))
    with pytest.raises(ClipError, match="zero pose does not stand upright"):
        ClipMotion(body, read_bvh(path))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.bvh", "there is no motion clip"),
        ("clip.fbx", "expected .amc or .bvh"),
        ("07.asf", "give one of its .amc files"),
    ],
)
def test_wrong_files_are_named(tmp_path: Path, rig: Rig, name: str, message: str) -> None:
    if name != "none.bvh":
        (tmp_path / name).write_text("")
    with pytest.raises(ClipError, match=message):
        make_wearer(rig, motion_path=str(tmp_path / name))


@pytest.mark.shared
@pytest.mark.parametrize("name", ["02_01", "02_09"])
def test_recorded_clips_arrive_whole(shared: Path, body: Body, name: str) -> None:
    clip = load_clip(str(shared / "motion" / "cmu" / f"{name}.amc"), amc_rate_hz=30.0)
    motion = ClipMotion(body, clip)
    tibia, femur = clip.joint_names.index("ltibia"), clip.joint_names.index("lfemur")
    lengths, lowest = [], []
    for frame in range(0, clip.frame_count, 7):
        T = bone_transforms(body, motion.pose_at(frame / clip.rate_hz))
        joints = joint_positions(body, T)
        relative = clip.rotations[frame, femur].T @ clip.rotations[frame, tibia]
        recorded = np.arccos(np.clip((np.trace(relative) - 1) / 2, -1, 1))
        assert np.arccos(along(joints, 8, 10) @ along(joints, 10, 12)) == pytest.approx(recorded, abs=0.02)
        lengths.append(np.linalg.norm(np.diff(joints[[2, 4, 6]], axis=0), axis=1))
        lowest.append(skin(body, T, body.vertices)[:, 2].min())
        assert np.isfinite(joints).all()
    assert np.ptp(lengths, axis=0).max() < 1e-9
    assert min(lowest) > -0.02
    assert np.median(lowest) < 0.03


@pytest.mark.shared
def test_a_recorded_walk_goes_where_it_faces(shared: Path, body: Body) -> None:
    motion = ClipMotion(body, load_clip(str(shared / "motion" / "cmu" / "02_01.amc"), amc_rate_hz=30.0))
    start, end = motion.pose_at(0.3), motion.pose_at(2.3)
    walked = end.root_position - start.root_position
    assert 1.5 < np.linalg.norm(walked[:2]) < 4.0
    assert walked @ start.rotations[0][:, 0] / np.linalg.norm(walked) > 0.9
    # That skeleton's zero pose has its legs apart, and the feet with them; soles must be flat all the same.
    for foot in ("foot_l", "foot_r"):
        sideways = [motion.pose_at(time_s).rotations[body.bone(foot)][2, 1] for time_s in np.arange(0, 2.5, 0.1)]
        assert abs(np.median(sideways)) < 0.12


def test_a_clip_goes_on_after_its_end_without_a_jump(tmp_path: Path, body: Body) -> None:
    frames = [{"position": (0.0, 9.0, 0.3 * step), "lhumerus": (0.0, -2.0 * step, 0.0)} for step in range(31)]
    motion = ClipMotion(body, read_bvh(write_bvh(tmp_path, frames, rate_hz=30.0)))
    assert motion.duration_s == pytest.approx(1.0)
    path = np.stack([joints_of(body, motion, time_s) for time_s in np.arange(0.0, 4.2, 1 / 90)])
    assert np.linalg.norm(np.diff(path, axis=0), axis=-1).max() < 0.05
    for time_s in (0.2, 0.9):
        for again in (2.0 - time_s, 2.0 + time_s, -time_s):
            np.testing.assert_allclose(joints_of(body, motion, again), joints_of(body, motion, time_s), atol=1e-9)


def test_facts_tell_speed_and_whether_the_feet_are_on_the_ground(tmp_path: Path, body: Body) -> None:
    walk = [{"position": (0.0, 9.0, 0.1 * step)} for step in range(31)]
    facts = ClipMotion(body, read_bvh(write_bvh(tmp_path, walk, rate_hz=30.0))).facts
    assert json.loads(json.dumps(facts)) == facts
    assert facts["duration_s"] == 1.0
    assert facts["airborne_share"] == 0.0
    assert facts["uneven_ground"] is False
    legs = np.linalg.norm(
        np.diff(body.bone_heads[[body.bone(f"{name}_l") for name in ("thigh", "calf", "foot")]], axis=0), axis=1
    )
    assert facts["mean_speed_m_s"] == pytest.approx(3.0 * legs.sum() / 8.0, rel=0.02)
    # Half of the time half a metre higher: on a step, which a clip does not describe.
    stairs = [{"position": (0.0, 9.0 + (5.0 if step >= 15 else 0.0), 0.1 * step)} for step in range(31)]
    facts = ClipMotion(body, read_bvh(write_bvh(tmp_path, stairs, rate_hz=30.0))).facts
    assert facts["airborne_share"] == pytest.approx(0.5, abs=0.15)
    assert facts["uneven_ground"] is True


@pytest.mark.shared
@pytest.mark.parametrize("name", ["01_01", "02_05", "03_01"])
def test_planted_feet_of_recorded_clips_neither_sink_nor_slide(shared: Path, body: Body, name: str) -> None:
    clip = load_clip(str(shared / "motion" / "cmu" / f"{name}.amc"), amc_rate_hz=30.0)
    motion = ClipMotion(body, clip)
    toes = [body.bone("ball_l"), body.bone("ball_r")]
    times = np.arange(0.0, min(motion.duration_s, 15.0), 1 / 30)
    T = np.stack([bone_transforms(body, motion.pose_at(time_s)) for time_s in times])
    feet = T[:, toes]
    heads = np.einsum("tbij,bj->tbi", feet[..., :3, :3], body.bone_heads[toes]) + feet[..., :3, 3]
    down = (heads[1:, :, 2] < 0.05) & (heads[:-1, :, 2] < 0.05)
    slid = np.linalg.norm(np.diff(heads[..., :2], axis=0), axis=-1) * 30.0
    assert down.mean() > 0.02
    assert np.median(slid[down]) < 0.25
    assert motion.facts["lowest_foot_m"] > -0.02
