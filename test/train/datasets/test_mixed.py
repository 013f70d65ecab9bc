"""Mixtures: exact proportions, every frame as often as any other, the same again from the same seed."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_dataset import RIG, write_dataset
from torch.utils.data import DataLoader

from egorear_train.datasets.base import FrameDataset, Sample
from egorear_train.datasets.ego4view import Ego4ViewDataset
from egorear_train.datasets.errors import DatasetError
from egorear_train.datasets.make import make_dataset
from egorear_train.datasets.mixed import JoinedDataset, MixedDataset, divide
from egorear_train.datasets.packed.dataset import PackedDataset
from egorear_train.datasets.packed.pack import PackSettings, pack


class Numbers(FrameDataset):
    """A data set whose samples are their own numbers."""

    has_visibility = True

    def __init__(self, name: str, count: int) -> None:
        super().__init__(name, count)

    def name(self, index: int) -> str:
        return f"{self.what}/{index}"

    def read(self, index: int) -> Sample:
        return {"number": torch.tensor(index), "meta": self.name(index)}


def names(mixed: MixedDataset, epoch: int) -> list[str]:
    return [mixed[int(index)]["meta"] for index in mixed.epoch_order(0, epoch)]


def test_proportions_are_those_of_the_weights() -> None:
    mixed = MixedDataset([(Numbers("a", 10), 3.0), (Numbers("b", 1000), 1.0)], length=80)
    for epoch in range(3):
        assert Counter(name[0] for name in names(mixed, epoch)) == {"a": 60, "b": 20}


def test_every_frame_of_a_part_comes_before_any_comes_again() -> None:
    mixed = MixedDataset([(Numbers("a", 7), 1.0), (Numbers("b", 50), 2.0)], length=30)
    drawn: Counter[str] = Counter()
    for epoch in range(9):
        drawn.update(names(mixed, epoch))
        for part in "ab":
            counts = [drawn[f"{part}/{index}"] for index in range({"a": 7, "b": 50}[part])]
            assert max(counts) - min(counts) <= 1


def test_epochs_differ_and_repeat_from_the_same_seed() -> None:
    parts = [(Numbers("a", 20), 1.0), (Numbers("b", 20), 1.0)]
    first, again, other = (MixedDataset(parts, seed) for seed in (1, 1, 2))
    assert [names(first, epoch) for epoch in (0, 1, 0)] == [names(again, epoch) for epoch in (0, 1, 0)]
    assert names(first, 0) != names(first, 1)
    assert names(first, 0) != names(other, 0)
    mixture = [name[0] for name in names(first, 0)]
    assert mixture != sorted(mixture)


def test_loader_that_knows_no_epochs_gets_the_right_proportions() -> None:
    mixed = MixedDataset([(Numbers("a", 10), 3.0), (Numbers("b", 1000), 1.0)], length=80)
    loaded = [name for batch in DataLoader(mixed, batch_size=8, shuffle=True, num_workers=2) for name in batch["meta"]]
    assert Counter(name[0] for name in loaded) == {"a": 60, "b": 20}


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_weight_that_is_none(weight: float) -> None:
    with pytest.raises(DatasetError, match="expected a positive number"):
        MixedDataset([(Numbers("a", 3), weight)])


def test_mixture_of_nothing() -> None:
    with pytest.raises(DatasetError, match="no data set"):
        MixedDataset([])


@given(total=st.integers(0, 10_000), weights=st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=8))
def test_division_is_whole_and_close(total: int, weights: list[float]) -> None:
    shares = divide(total, weights)
    assert sum(shares) == total
    assert np.allclose(shares, np.array(weights) / sum(weights) * total, atol=1.0 + 1e-6)


def test_joined_data_sets_come_one_after_the_other() -> None:
    joined = JoinedDataset([Numbers("a", 2), Numbers("b", 3)])
    assert [joined[index]["meta"] for index in range(len(joined))] == ["a/0", "a/1", "b/0", "b/1", "b/2"]
    with pytest.raises(IndexError, match="no frame 5"):
        joined[5]


@pytest.fixture
def roots(tmp_path: Path) -> tuple[Path, Path]:
    """A data set and the pack of another one."""
    files = write_dataset(tmp_path / "files", frames=3)
    (files / "test.txt").write_text((files / "train.txt").read_text())
    pack(PackSettings(write_dataset(tmp_path / "other", "rw", frames=5), RIG, image_size=16), tmp_path / "pack")
    return files, tmp_path / "pack"


def test_data_sets_are_opened_by_what_they_hold(roots: tuple[Path, Path]) -> None:
    files, packed = roots
    assert isinstance(make_dataset(files, "train", RIG, 16), Ego4ViewDataset)
    assert isinstance(make_dataset(str(packed), "train", RIG, 16), PackedDataset)
    mixed = make_dataset({str(files): 1.0, str(packed): 4.0}, "train", RIG, 16, length=20)
    assert isinstance(mixed, MixedDataset)
    metas = [mixed[index]["meta"] for index in range(20)]
    assert Counter(meta.split("/")[0] for meta in metas) == {"files": 4, "other": 16}
    by_size = make_dataset([files, packed], "train", RIG, 16)
    assert len({by_size[index]["meta"] for index in range(len(by_size))}) == len(by_size) == 16


def test_weights_do_not_count_when_measuring(roots: tuple[Path, Path], tmp_path: Path) -> None:
    more = write_dataset(tmp_path / "more", frames=2)
    (more / "train.txt").rename(more / "test.txt")
    files, packed = roots
    joined = make_dataset({str(files): 9.0, str(more): 1.0, str(packed): 1.0}, "test", RIG, 16)
    assert isinstance(joined, JoinedDataset)  # of files and more: the pack has no test split
    assert len(joined) == 6 + 4


def test_what_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no folder"):
        make_dataset(tmp_path / "nothing", "train", RIG)
    with pytest.raises(DatasetError, match=r"neither card\.json"):
        make_dataset(tmp_path, "train", RIG)
    with pytest.raises(DatasetError, match="no data set is named"):
        make_dataset([], "train", RIG)
    with pytest.raises(DatasetError, match="weight 0"):
        make_dataset({str(tmp_path): 0.0}, "train", RIG)
