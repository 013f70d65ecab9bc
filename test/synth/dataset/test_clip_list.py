import shutil
from pathlib import Path

import pytest
from tiny import make, tiny_settings

from egorear_synth.clips.clip import ClipError
from egorear_synth.dataset import clip_list
from egorear_synth.dataset.clip_list import ClipFile, check_clips, find_clips, split_clips
from egorear_synth.dataset.errors import SynthError


def clip(name: str) -> ClipFile:
    return ClipFile(name, Path(name), "", 100)


def test_an_empty_folder_of_clips_is_named(tmp_path: Path) -> None:
    with pytest.raises(SynthError, match=r"no .amc or .bvh file in this folder or below"):
        find_clips(str(tmp_path))
    with pytest.raises(SynthError, match="there is no such folder"):
        find_clips(str(tmp_path / "missing"))


def test_clips_are_found_below_and_named_with_slashes(inputs: Path, tmp_path: Path) -> None:
    shutil.copytree(inputs / "clips", tmp_path / "all" / "cmu")
    assert [name for name, _ in find_clips(str(tmp_path / "all"))] == [f"cmu/0{n}_01.amc" for n in (1, 2, 3)]
    assert [name for name, _ in find_clips(str(tmp_path / "all/cmu/02_01.amc"))] == ["02_01.amc"]


def test_bad_clips_are_all_named_before_anything_is_generated(inputs: Path, tmp_path: Path) -> None:
    clips = shutil.copytree(inputs / "clips", tmp_path / "clips")
    lines = (clips / "02_01.amc").read_text().splitlines()
    bone = next(index for index, line in enumerate(lines) if line.startswith("lfemur"))
    (clips / "02_01.amc").write_text("\n".join([*lines[:bone], lines[bone].rsplit(" ", 1)[0], *lines[bone + 1 :]]))
    from skeletons import write_bvh

    bvh = write_bvh(clips, [{}])
    bvh.write_text(bvh.read_text().replace("LeftUpLeg", "Tail").replace("LeftLeg", "Fin"))
    with pytest.raises(SynthError) as error:
        make(tiny_settings(inputs, motion=str(clips)), tmp_path / "set")
    assert "2 of 4 motion clips cannot be used" in str(error.value)
    assert "02_01.amc" in str(error.value) and "lfemur has 2 values; its skeleton expects 3" in str(error.value)
    assert "clip.bvh: no joint found for left thigh" in str(error.value)
    assert not (tmp_path / "set").exists()


def test_a_clip_with_numbers_that_are_not_finite_is_refused(inputs: Path, tmp_path: Path) -> None:
    clips = shutil.copytree(inputs / "clips", tmp_path / "clips")
    text = (clips / "01_01.amc").read_text().splitlines()
    bone = next(index for index, line in enumerate(text) if line.startswith("lfemur"))
    text[bone] = "lfemur nan 0 0"
    (clips / "01_01.amc").write_text("\n".join(text))
    with pytest.raises(SynthError, match=r"01_01.amc"):
        check_clips(str(clips), 30.0)


def test_clips_that_were_checked_before_are_not_read_again(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = shutil.copytree(inputs / "clips", tmp_path / "clips")
    checked = check_clips(str(clips), 30.0)
    known = {one.name: {"sha256": one.sha256, "frames": one.frame_count} for one in checked}

    def read(path: str, rate_hz: float) -> None:
        raise ClipError(f"{Path(path).name} is read")

    monkeypatch.setattr(clip_list, "load_clip", read)
    assert check_clips(str(clips), 30.0, known=known) == checked
    for changed in ("02_01.amc", "03.asf"):
        (clips / changed).write_text((clips / changed).read_text() + "\n")
    with pytest.raises(SynthError, match=r"2 of 3 motion clips cannot be used:\n02_01.amc is read\n03_01.amc is read"):
        check_clips(str(clips), 30.0, known=known)


def test_subjects_stay_together_if_shares_allow() -> None:
    clips = [clip(f"{subject:02d}_{number:02d}.amc") for subject in range(1, 21) for number in range(5)]
    by_split, kept = split_clips(clips, (0.8, 0.1, 0.1), seed=1)
    assert kept == "subject"
    assert {split: len(part) for split, part in by_split.items()} == {"train": 80, "validation": 10, "test": 10}
    subjects = [{one.subject for one in part} for part in by_split.values()]
    assert not (subjects[0] & subjects[1] or subjects[0] & subjects[2] or subjects[1] & subjects[2])


def test_few_subjects_are_dealt_out_by_clip_and_every_clip_once() -> None:
    clips = [
        clip(f"{subject:02d}_{number:02d}.amc")
        for subject, count in ((1, 12), (2, 7), (3, 3))
        for number in range(count)
    ]
    by_split, kept = split_clips(clips, (0.8, 0.1, 0.1), seed=1)
    assert kept == "clip"
    assert [len(part) for part in by_split.values()] == [18, 2, 2]
    assert sorted(one.name for part in by_split.values() for one in part) == sorted(one.name for one in clips)


def test_every_split_with_a_share_gets_a_clip() -> None:
    by_split, _ = split_clips([clip("a.bvh"), clip("b.bvh"), clip("c.bvh")], (0.98, 0.01, 0.01), seed=0)
    assert [len(part) for part in by_split.values()] == [1, 1, 1]
    by_split, _ = split_clips([clip("a.bvh"), clip("b.bvh")], (0.5, 0.5, 0.0), seed=0)
    assert [len(part) for part in by_split.values()] == [1, 1, 0]
    with pytest.raises(SynthError, match="2 motion clips for 3 splits"):
        split_clips([clip("a.bvh"), clip("b.bvh")], (0.8, 0.1, 0.1), seed=0)
