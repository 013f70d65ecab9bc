"""Which sequences and views the arguments of an evaluation name."""

from pathlib import Path

import pytest

from egorear_eval.clip import EvaluationError
from egorear_eval.dataset import find_sequences, view_sets
from egorear_ros.geometry.rig_file import load_rig

RIG = load_rig("ego4view_syn")


def sequence(folder: Path) -> Path:
    for name in ("fisheye_rgb", "json_smplx_gendered"):
        (folder / name).mkdir(parents=True)
    return folder


def test_roots_characters_and_sequences(tmp_path: Path) -> None:
    one, two = sequence(tmp_path / "p-1" / "json_1"), sequence(tmp_path / "p-1" / "seq 2")
    other = sequence(tmp_path / "p-2" / "only")
    (tmp_path / "test.txt").write_text("p-1\n\n")
    (tmp_path / "train.txt").write_text("p-2\n")
    assert find_sequences([str(tmp_path)], "test") == [str(one), str(two)]
    assert find_sequences([str(tmp_path)], "train") == [str(other)]
    assert find_sequences([str(tmp_path / "p-1"), str(other)], "test") == [str(one), str(two), str(other)]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="no folder"):
        find_sequences([str(tmp_path / "nowhere")], "test")
    with pytest.raises(EvaluationError, match="holds none"):
        find_sequences([str(tmp_path)], "test")
    (tmp_path / "test.txt").write_text("gone\n")
    with pytest.raises(EvaluationError, match=r"test\.txt.*gone"):
        find_sequences([str(tmp_path)], "test")


def test_an_empty_split_is_told_with_those_that_are_not(tmp_path: Path) -> None:
    """A data set of few sequences has none for testing."""
    sequence(tmp_path / "p-1" / "only")
    (tmp_path / "train.txt").write_text("p-1\n")
    (tmp_path / "test.txt").write_text("\n")
    with pytest.raises(EvaluationError, match=r"no sequence: .* the test split\. Not empty: train\.txt\. .*--split"):
        find_sequences([str(tmp_path)], "test")


def test_sets_of_views() -> None:
    assert view_sets("", RIG) == [RIG.views]
    every = view_sets("every", RIG)
    assert len(every) == 11 and every[0] == RIG.views and len(set(every)) == 11
    assert view_sets("back_left, front_left;front_right,front_left", RIG) == [
        ("front_left", "back_left"),
        ("front_left", "front_right"),
    ]
    with pytest.raises(EvaluationError, match="top.*front_left"):
        view_sets("front_left,top", RIG)
