"""The order of samples, shared among processes and taken up again at any batch."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

pytest.importorskip("lightning")

from egorear_train.data import SingleViews
from egorear_train.loader import EpochBatches, EpochLoader, Position


def shuffled(samples: int):
    def order(epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng(epoch).permutation(samples).astype(np.int64)

    return order


class Numbers:
    """Samples that are their own numbers."""

    def __init__(self, count: int = 20) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, object]:
        images = torch.full((2, 3, 1, 1), index, dtype=torch.uint8)
        return {"images": images, "number": torch.tensor(index), "meta": f"n{index}"}

    def epoch_order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng((seed, epoch)).permutation(self.count).astype(np.int64)


def numbers_of(loader: EpochLoader) -> list[list[int]]:
    return [batch["number"].tolist() for batch in loader]


@given(samples=st.integers(1, 60), batch=st.integers(1, 7), world=st.integers(1, 4))
def test_processes_share_an_epoch(samples: int, batch: int, world: int) -> None:
    parts = [
        list(EpochBatches(shuffled(samples), samples, batch, drop_last=False, rank=rank, world=world))
        for rank in range(world)
    ]
    assert len({tuple(len(one) for one in part) for part in parts}) == 1, "every process has as many in each batch"
    together = [number for part in parts for one in part for number in one]
    assert set(together) == set(range(samples))
    assert len(together) - samples < world


@given(samples=st.integers(1, 60), batch=st.integers(1, 7), world=st.integers(1, 4))
def test_incomplete_batches_are_left_out(samples: int, batch: int, world: int) -> None:
    def part(rank: int) -> list[list[int]]:
        return list(EpochBatches(shuffled(samples), samples, batch, drop_last=True, rank=rank, world=world))

    if samples < batch * world:
        with pytest.raises(ValueError, match="fewer than the"):
            part(0)
        return
    parts = [part(rank) for rank in range(world)]
    assert all(len(one) == batch for part in parts for one in part)
    together = [number for part in parts for one in part for number in one]
    assert len(set(together)) == len(together) == samples // (batch * world) * batch * world


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("limit", [None, 3])
def test_a_loader_goes_on_where_another_stopped(workers: int, limit: int | None) -> None:
    def loader() -> EpochLoader:
        return EpochLoader(Numbers(), EpochBatches(shuffled(20), 20, 4, drop_last=True), workers, limit)

    whole = loader()
    epochs = [numbers_of(whole)[:limit] for _ in range(3)]
    assert epochs[0] != epochs[1]
    for stop in range(1, (limit or 5) + 1):
        first = loader()
        iterator = iter(first)
        for _ in range(stop):
            next(iterator)
        second = loader()
        second.load_state_dict(first.state_dict())
        if stop < (limit or 5):
            assert numbers_of(second)[: (limit or 5) - stop] == epochs[0][stop:]
        assert numbers_of(second)[:limit] == epochs[1], f"after {stop} batches"
    assert first.position == Position(0, limit or 5)
    assert whole.waited_s > 0.0


def test_every_image_comes_once_an_epoch_and_no_two_of_a_frame_set_in_a_batch() -> None:
    views = SingleViews(Numbers(20), 2)
    order = views.epoch_order(1, 0)
    assert sorted(order.tolist()) == list(range(40))
    batches = order.reshape(-1, 8)
    assert all(len(set(batch // 2)) == 8 for batch in batches)
    sample = views[7]
    assert sample["images"].shape == (1, 3, 1, 1)
    assert (sample["view"].item(), sample["meta"]) == (1, "n3 view 1")
