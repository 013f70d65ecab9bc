"""Scores and tables against values worked out by hand."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from egorear_eval.clip import Clip, EvaluationError, load_clips, make_clip, save_clips
from egorear_eval.compare import compare, compare_runs
from egorear_eval.scores import COLUMNS, jitter_mm, score
from egorear_eval.tables import compared_markdown, markdown, write_tables
from egorear_ros.skeleton import EGO4VIEW


def poses(count: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 16, 3))


def clip(predicted: np.ndarray, truth: np.ndarray, name: str = "walk", group: str = "") -> Clip:
    return make_clip(name, [str(index) for index in range(len(truth))], list(predicted), list(truth), group=group)


def test_columns_cover_every_joint_once() -> None:
    assert sorted(joint for joints in COLUMNS.values() for joint in joints) == sorted(EGO4VIEW.joint_names)


def test_error_of_one_joint_appears_in_its_column_only() -> None:
    truth = poses()
    predicted = truth.copy()
    predicted[:, EGO4VIEW.index("left_wrist"), 0] += 0.08
    means = score([clip(predicted, truth)]).means
    assert means["hands_mm"] == pytest.approx(40.0)
    assert means["left_wrist_mm"] == pytest.approx(80.0)
    assert means["mpjpe_mm"] == pytest.approx(5.0)
    assert sum(means[f"{name}_mm"] for name in COLUMNS) == pytest.approx(40.0)
    assert means["pck_percent"] == 100.0


def test_no_poses_is_an_error() -> None:
    with pytest.raises(ValueError, match="no poses"):
        score([])
    with pytest.raises(ValueError, match="no poses"):
        score([clip(poses(0), poses(0))])


def test_one_recording_has_no_interval_and_two_have_one() -> None:
    truth = poses()
    near, far = clip(truth + 0.01, truth, "a"), clip(truth + 0.03, truth, "b")
    assert score([near]).intervals == {}
    both = score([near, far])
    low, high = both.intervals["mpjpe_mm"]
    assert low == pytest.approx(np.sqrt(3) * 10)
    assert high == pytest.approx(np.sqrt(3) * 30)
    assert both.mpjpe_mm == pytest.approx(np.sqrt(3) * 20)
    assert score([near, clip(truth + 0.03, truth, "b", group="a")]).intervals == {}


def test_jitter_is_the_second_difference() -> None:
    steady = np.arange(6)[:, None, None] * np.ones((1, 16, 3)) * 0.01
    assert jitter_mm(steady).max() < 1e-9
    shaking = steady.copy()
    shaking[3, :, 0] += 0.002
    np.testing.assert_allclose(jitter_mm(shaking), [0.0, 2.0, 4.0, 2.0], atol=1e-9)


def test_files_agree(tmp_path: Path) -> None:
    truth = poses()
    tables = {"By views": {"all four": score([clip(truth + 0.01, truth)])}}
    write_tables(tables, {"model": "x"}, tmp_path / "new")
    content = json.loads((tmp_path / "new" / "scores.json").read_text())
    expected = np.sqrt(3) * 10.0
    assert content["scores"]["By views"]["all four"]["means"]["mpjpe_mm"] == pytest.approx(expected)
    with (tmp_path / "new" / "scores.csv").open() as file:
        row = next(csv.DictReader(file))
    assert float(row["mpjpe_mm"]) == pytest.approx(expected)
    assert row["name"] == "all four"
    assert "| all four | 5 | 17.3 | 0.0 |" in markdown(tables["By views"])


def test_clips_survive_the_disk(tmp_path: Path) -> None:
    truth = poses()
    save_clips(tmp_path / "poses.npz", [clip(truth + 0.01, truth, "a/b", "g"), clip(truth, truth, "c")])
    first, second = load_clips(tmp_path)
    assert (first.name, first.group, first.frames) == ("a/b", "g", ("0", "1", "2", "3", "4"))
    np.testing.assert_array_equal(first.predicted, truth + 0.01)
    assert second.group == "c"
    (tmp_path / "poses.npz").write_bytes(b"PK\3\4 cut off")
    with pytest.raises(EvaluationError, match=r"poses\.npz"):
        load_clips(tmp_path)


def test_comparison_is_paired() -> None:
    """Errors vary far more between frames than between the two runs; only pairs show who is better."""
    rng = np.random.default_rng(1)
    first, second = [], []
    for name in "abcdef":
        truth = poses(20, ord(name))
        error = rng.normal(size=(20, 1, 1)) * 0.05 * np.array([1.0, 0.0, 0.0])
        first.append(clip(truth + error, truth, name))
        second.append(clip(truth + 0.95 * error, truth, name))
    frames, rows = compare(first, second)
    assert frames == 120
    row = rows["mpjpe_mm"]
    assert row.difference == pytest.approx(-0.05 * row.first)
    assert row.clear and row.high < 0
    assert "**" in compared_markdown(compare_runs(("A", "B"), (first, second)))
    same = compare(first, first)[1]["mpjpe_mm"]
    assert same.difference == 0.0 and not same.clear


def test_runs_without_common_frames_or_truth_are_refused() -> None:
    truth = poses()
    with pytest.raises(EvaluationError, match="no frame in common"):
        compare([clip(truth, truth, "a")], [clip(truth, truth, "b")])
    with pytest.raises(EvaluationError, match="different ground truth"):
        compare([clip(truth, truth)], [clip(truth, truth + 0.1)])
