"""Any number of runs against the first, from their folders."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report_data import walk

from egorear_eval.clip import Clip, EvaluationError, save_clips
from egorear_eval.compare import JOINTS, compare, compare_runs, load_run, run_names
from egorear_eval.tables import compared_markdown

CLIPS = [walk("data/a", 30, seed=1), walk("data/b", 30, seed=2), walk("data/c", 30, seed=3)]


def closer(clips: list[Clip], share: float) -> list[Clip]:
    """Return clips whose errors are a share of those given."""
    return [replace(clip, predicted=clip.truth + share * (clip.predicted - clip.truth)) for clip in clips]


def test_three_runs_in_one_table() -> None:
    found = compare_runs(("old", "new", "newer"), (CLIPS, closer(CLIPS, 0.9), closer(CLIPS, 0.5)))
    assert (found.frames, found.recordings) == (90, 3)
    for share, rows in zip((0.9, 0.5), found.differences, strict=True):
        assert rows["mpjpe_mm"].second == pytest.approx(share * rows["mpjpe_mm"].first)
        assert rows["left_toe_mm"].difference == pytest.approx((share - 1.0) * rows["left_toe_mm"].first)
    table = compared_markdown(found)
    assert "| | A: old | B: new | C: newer | B − A | C − A |" in table
    assert "left toe" not in table
    joints = compared_markdown(found, joints=True)
    assert all(f"| {key.removesuffix('_mm').replace('_', ' ')} mm |" in joints for key in JOINTS)
    assert joints.count("| head mm |") == 1


def test_joints_differ_as_a_naive_mean_says() -> None:
    rows = compare(CLIPS, closer(CLIPS, 0.5))[1]
    errors = np.concatenate([1000 * np.linalg.norm(clip.predicted - clip.truth, axis=-1) for clip in CLIPS])
    assert rows["left_wrist_mm"].first == pytest.approx(errors[:, 6].mean())
    assert rows["left_wrist_mm"].clear


def test_only_frames_that_all_have_count_and_the_rest_is_said() -> None:
    shorter = closer(CLIPS[:2], 0.5)
    found = compare_runs(("a", "b", "c"), (CLIPS, CLIPS, shorter))
    assert (found.frames, found.own_frames, found.recordings) == (60, (90, 90, 60), 2)
    assert found.differences[0]["mpjpe_mm"].first == found.differences[1]["mpjpe_mm"].first
    assert "30 of a, 30 of b" in compared_markdown(found)


def test_one_recording_gives_no_interval_and_says_so() -> None:
    table = compared_markdown(compare_runs(("a", "b"), (CLIPS[:1], closer(CLIPS[:1], 0.9))))
    assert "no intervals" in table and "[" not in table


def test_same_recordings_in_other_folders_are_found() -> None:
    moved = [replace(clip, name=clip.name.replace("data", "/mnt/disk")) for clip in closer(CLIPS, 0.9)]
    assert compare_runs(("here", "there"), (CLIPS, moved)).frames == 90


def test_runs_that_cannot_be_compared_are_named() -> None:
    other = [walk("x/other", seed=9)]
    with pytest.raises(EvaluationError, match="mine against yours: the two runs have no frame in common: data/a"):
        compare_runs(("mine", "yours"), (CLIPS, other))
    with pytest.raises(EvaluationError, match="differs by a factor of 1000: one of them has another unit"):
        compare(CLIPS, [replace(clip, truth=1000 * clip.truth, predicted=1000 * clip.predicted) for clip in CLIPS])
    with pytest.raises(EvaluationError, match="up to 200 mm apart"):
        compare(CLIPS, [replace(clip, truth=clip.truth + np.array([0.2, 0.0, 0.0])) for clip in CLIPS])
    with pytest.raises(EvaluationError, match="two or more"):
        compare_runs(("one",), (CLIPS,))
    with pytest.raises(EvaluationError, match="no frame that all of them have"):
        compare_runs(("a", "b", "c"), (CLIPS, CLIPS[:1], CLIPS[1:]))


def test_a_run_is_its_folder_or_a_file_in_it(tmp_path: Path) -> None:
    save_clips(tmp_path / "poses.npz", CLIPS)
    for path in (tmp_path, tmp_path / "scores.json", tmp_path / "poses.npz"):
        assert [clip.name for clip in load_run(path)] == ["data/a", "data/b", "data/c"]
    with pytest.raises(EvaluationError, match="nowhere"):
        load_run(tmp_path / "nowhere" / "scores.json")
    save_clips(tmp_path / "poses.npz", [replace(clip, truth=100 * clip.truth) for clip in CLIPS])
    with pytest.raises(EvaluationError, match="looks like cm"):
        load_run(tmp_path)


def test_runs_are_named_by_as_much_as_tells_them_apart() -> None:
    paths = [Path("/out/old/eval"), Path("/out/new/eval/scores.json"), Path("/out/old/other")]
    assert run_names(paths) == ("old/eval", "new/eval", "old/other")
    assert run_names([Path("/a/x"), Path("/a/y")]) == ("x", "y")


def test_a_run_that_is_not_there_is_named_without_numbers_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"There is no .*nope\. Expected the folder that") as caught:
        load_run(tmp_path / "nope")
    assert "Errno" not in str(caught.value)
    with pytest.raises(EvaluationError, match=r"has no poses\.npz\. Expected the folder"):
        load_run(tmp_path)
