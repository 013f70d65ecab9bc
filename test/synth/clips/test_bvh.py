from pathlib import Path

import numpy as np
import pytest
from skeletons import BONES, random_frames, write_amc, write_bvh

from egorear_synth.clips.amc import read_amc
from egorear_synth.clips.bvh import read_bvh
from egorear_synth.clips.clip import ClipError


def test_both_formats_of_the_same_motion_agree(tmp_path: Path) -> None:
    frames = random_frames(4)
    amc, bvh = read_amc(write_amc(tmp_path, frames), 50.0), read_bvh(write_bvh(tmp_path, frames))
    assert bvh.rate_hz == pytest.approx(50.0)
    np.testing.assert_allclose(bvh.root_positions, amc.root_positions)
    for bone in BONES:
        i, j = amc.joint_names.index(bone.asf), bvh.joint_names.index(bone.bvh)
        np.testing.assert_allclose(bvh.rotations[:, j], amc.rotations[:, i], atol=1e-9)
        np.testing.assert_allclose(bvh.rest_heads[j], amc.rest_heads[i], atol=1e-9)


def test_bones_end_at_their_first_child_or_end_site(tmp_path: Path) -> None:
    clip = read_bvh(write_bvh(tmp_path, [{}]))
    foot, shin = clip.joint_names.index("LeftFoot"), clip.joint_names.index("LeftLeg")
    np.testing.assert_allclose(clip.rest_tails[shin], clip.rest_heads[foot])
    np.testing.assert_allclose(clip.rest_tails[foot] - clip.rest_heads[foot], [0.0, -0.5, 1.5])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("HIERARCHY", "HIERARCHIE", "expected 'HIERARCHY', found 'HIERARCHIE'"),
        ("Frames: 2", "Frames: 3", "announces 3 frames and has 2"),
        ("Frames: 2", "Frames: many", "could not convert string to float"),
        ("Frame Time: 0.02", "Frame Time: 0", "the frame time is 0.0; expected seconds above 0"),
        (
            "CHANNELS 3 Zrotation",
            "CHANNELS 4 Zrotation",
            "announces 4 channels and lists: Zrotation Yrotation Xrotation",
        ),
        ("CHANNELS 3 Zrotation", "CHANNELS 3 Wrotation", "lists: Wrotation"),
        ("OFFSET 0 0 0", "OFFSET 0 0", "expected 3 numbers, found 2"),
        ("OFFSET 0 0 0", "COLOUR 0 0 0", "unknown word 'COLOUR' in joint Hips"),
        ("MOTION", "}", "expected 'MOTION', found '}'"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write_bvh(tmp_path, [{}, {}])
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ClipError, match=message) as caught:
        read_bvh(path)
    assert str(path) in str(caught.value)


def test_a_frame_with_missing_channels_is_named_with_its_line(tmp_path: Path) -> None:
    path = write_bvh(tmp_path, random_frames(3))
    path.write_text(path.read_text().rstrip().rsplit(" ", 2)[0])
    number = len(path.read_text().splitlines())
    with pytest.raises(ClipError, match=rf"line {number}: expected 66 numbers, found 64"):
        read_bvh(path)


def test_a_file_that_ends_early_is_named(tmp_path: Path) -> None:
    path = write_bvh(tmp_path, [{}])
    path.write_text("\n".join(path.read_text().splitlines()[:12]))
    with pytest.raises(ClipError, match="ends too early"):
        read_bvh(path)
