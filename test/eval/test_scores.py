"""Scores and tables against values worked out by hand."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from egorear_eval.scores import COLUMNS, score
from egorear_eval.tables import markdown, write_tables
from egorear_ros.skeleton import EGO4VIEW


def poses(count: int = 5) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 16, 3))


def test_columns_cover_every_joint_once() -> None:
    assert sorted(joint for joints in COLUMNS.values() for joint in joints) == sorted(EGO4VIEW.joint_names)


def test_error_of_one_joint_appears_in_its_column_only() -> None:
    truth = poses()
    predicted = truth.copy()
    predicted[:, EGO4VIEW.index("left_wrist"), 0] += 0.08
    scores = score(predicted, truth)
    assert scores.columns_mm["hands"] == pytest.approx(40.0)
    assert scores.joints_mm["left_wrist"] == pytest.approx(80.0)
    assert scores.mpjpe_mm == pytest.approx(5.0)
    assert sum(scores.columns_mm.values()) == pytest.approx(40.0)
    assert scores.pck_percent == 100.0


def test_no_poses_is_an_error() -> None:
    with pytest.raises(ValueError, match="no poses"):
        score(np.zeros((0, 16, 3)), np.zeros((0, 16, 3)))


def test_files_agree(tmp_path: Path) -> None:
    truth = poses()
    rows = {"walk": score(truth + 0.01, truth)}
    write_tables(rows, {"model": "x"}, tmp_path / "new")
    content = json.loads((tmp_path / "new" / "scores.json").read_text())
    assert content["scores"]["walk"]["mpjpe_mm"] == pytest.approx(np.sqrt(3) * 10.0)
    with (tmp_path / "new" / "scores.csv").open() as file:
        row = next(csv.DictReader(file))
    assert row["MPJPE mm"] == "17.32" and row["PA-MPJPE mm"] == "0.00"
    assert "| walk | 5 | 17.32 |" in markdown(rows)
