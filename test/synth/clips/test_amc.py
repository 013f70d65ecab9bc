from pathlib import Path

import numpy as np
import pytest
from skeletons import random_frames, write_amc

from egorear_synth.clips.amc import read_amc
from egorear_synth.clips.clip import ClipError
from egorear_synth.rotations import rotmat_about


def test_skeleton_and_angles_are_read(tmp_path: Path) -> None:
    frames = [{"position": (1.0, 8.5, 2.0), "root": (0.0, 90.0, 0.0), "ltibia": (30.0, 0.0, 0.0)}, {}]
    clip = read_amc(write_amc(tmp_path, frames), rate_hz=120.0)
    index = {name: joint for joint, name in enumerate(clip.joint_names)}
    assert (clip.frame_count, clip.rate_hz) == (2, 120.0)
    np.testing.assert_allclose(clip.root_positions, [[1.0, 8.5, 2.0], [0, 0, 0]])
    np.testing.assert_allclose(clip.rest_heads[index["ltibia"]], [1.0, -4.5, 0.0], atol=1e-9)
    np.testing.assert_allclose(clip.rest_tails[index["ltibia"]], [1.0, -8.5, 0.0], atol=1e-9)
    np.testing.assert_allclose(clip.rotations[0, index["lfemur"]], rotmat_about("y", np.pi / 2), atol=1e-12)
    expected = rotmat_about("y", np.pi / 2) @ rotmat_about("x", np.pi / 6)
    np.testing.assert_allclose(clip.rotations[0, index["lfoot"]], expected, atol=1e-12)
    np.testing.assert_allclose(clip.rotations[1], np.tile(np.eye(3), (len(index), 1, 1)), atol=1e-12)


def test_the_first_angle_of_a_bone_is_applied_first(tmp_path: Path) -> None:
    clip = read_amc(write_amc(tmp_path, [{"lfemur": (90.0, 0.0, 90.0)}]), 120.0)
    femur = clip.rotations[0, clip.joint_names.index("lfemur")]
    np.testing.assert_allclose(femur @ [0, 1, 0], [0, 0, 1], atol=1e-12)  # about x, and then z keeps it


def test_angles_turn_about_the_bones_own_axes(tmp_path: Path) -> None:
    clip = read_amc(write_amc(tmp_path, [{"lfemur": (90.0, 0.0, 0.0)}], tilt=(0.0, 0.0, 90.0)), 120.0)
    # The bone's x axis, turned a quarter about z, is the world's y axis.
    np.testing.assert_allclose(
        clip.rotations[0, clip.joint_names.index("lfemur")], rotmat_about("y", np.pi / 2), atol=1e-12
    )


def test_skeleton_is_found_by_subject_name_or_alone(tmp_path: Path) -> None:
    path = write_amc(tmp_path, [{}])
    alone = path.rename(tmp_path / "walk.amc")
    assert read_amc(alone, 30.0).frame_count == 1
    (tmp_path / "other.asf").write_text((tmp_path / "07.asf").read_text())
    with pytest.raises(ClipError, match=r"needs its skeleton, walk.asf or walk.asf.*07.asf, other.asf"):
        read_amc(alone, 30.0)


def edit(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ltibia 0.0 0.0 0.0", "ltibia 0.0", "ltibia has 1 values; its skeleton expects 3: rx ry rz"),
        ("ltibia 0.0 0.0 0.0\n", "", r"frame 1 has no values for ltibia. Is the file complete\?$"),
        ("ltibia 0.0", "lshin 0.0", "bone 'lshin' is not in the skeleton"),
        ("ltibia 0.0 0.0 0.0", "ltibia 0.0 nan 0.0", "a number is not finite"),
        ("ltibia 0.0 0.0 0.0", "ltibia 0.0 abc 0.0", "could not convert string to float: 'abc'"),
        ("ltibia 0.0 0.0 0.0", "lfemur 0.0 0.0 0.0", "lfemur stands twice in one frame"),
        (":DEGREES", ":RADIANS", "angles in radians are not supported"),
        ("\n2\n", "\n", "stands twice in one frame"),
    ],
)
def test_damaged_motion_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = edit(write_amc(tmp_path, [{}, {}]), old, new)
    with pytest.raises(ClipError, match=message) as caught:
        read_amc(path, 30.0)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (":hierarchy", ":end", "no :hierarchy section"),
        ("name ltibia", "name shin", "bone 'ltibia' is not in :bonedata"),
        (":root\n", ":other\n", "bone 'root' is not in :bonedata"),
        ("direction 0.0 -1.0 0.0", "direction 0.0 -1.0", "expected 3 numbers, found 2"),
    ],
)
def test_damaged_skeleton_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write_amc(tmp_path, [{}])
    edit(tmp_path / "07.asf", old, new)
    with pytest.raises(ClipError, match=message) as caught:
        read_amc(path, 30.0)
    assert "07.asf" in str(caught.value)


def test_a_truncated_file_is_noticed(tmp_path: Path) -> None:
    path = write_amc(tmp_path, random_frames(3))
    path.write_text(path.read_text()[:-40])
    with pytest.raises(ClipError, match="frame 3|has . values"):
        read_amc(path, 30.0)


def test_no_frames_and_no_text_are_noticed(tmp_path: Path) -> None:
    path = write_amc(tmp_path, [])
    with pytest.raises(ClipError, match="has no frames"):
        read_amc(path, 30.0)
    path.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ClipError, match="is no text file"):
        read_amc(path, 30.0)
