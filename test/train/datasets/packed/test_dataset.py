"""Reading packs: from folders and object storage, damaged, and with what they do not fit."""

import os
import pickle
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_dataset import RIG, write_dataset
from torch.utils.data import DataLoader

from egorear_ros.structures import Rig
from egorear_train.datasets.errors import DamagedFrame, DatasetError
from egorear_train.datasets.packed.dataset import PackedDataset, windowed_order
from egorear_train.datasets.packed.pack import PackSettings, pack
from egorear_train.datasets.packed.storage import RemoteStorage
from egorear_train.loader import EpochBatches, Position

SIZE = 16
FRAMES = 12


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    root = write_dataset(tmp_path / "data", frames=FRAMES // 2)
    pack(PackSettings(root, RIG, image_size=SIZE, frames_per_shard=4), tmp_path / "pack")
    return tmp_path / "pack"


@pytest.fixture
def url(packed: Path) -> str:
    """The same pack in object storage."""
    storage = fsspec.filesystem("memory")
    if storage.exists("/bucket"):
        storage.rm("/bucket", recursive=True)
    storage.mkdir("/bucket")
    storage.put(str(packed), "/bucket/", recursive=True)
    return "memory://bucket/pack"


def test_views_can_be_chosen_and_reordered(packed: Path) -> None:
    whole = PackedDataset(packed, "train", RIG, SIZE)[5]
    part = PackedDataset(packed, "train", RIG.select(("back_right", "front_left")), SIZE)[5]
    for key in ("images", "pixels", "visible", "T_camera_device"):
        assert torch.equal(part[key], whole[key][[3, 0]])
    assert part["meta"] == whole["meta"]


def test_workers_read_every_frame_once(packed: Path) -> None:
    dataset = PackedDataset(packed, "train", RIG, SIZE)
    names = [name for batch in DataLoader(dataset, batch_size=3, num_workers=2) for name in batch["meta"]]
    assert names == [dataset[index]["meta"] for index in range(FRAMES)]
    assert len(set(names)) == FRAMES


@pytest.mark.parametrize("window", [None, 2])
def test_processes_and_workers_together_read_every_frame_once_an_epoch(packed: Path, window: int | None) -> None:
    dataset = PackedDataset(packed, "train", RIG, SIZE, window=window)
    orders = []
    for epoch in range(2):
        names = []
        for rank in range(2):
            batches = EpochBatches(partial(dataset.epoch_order, 7), len(dataset), 3, drop_last=True, rank=rank, world=2)
            batches.start = Position(epoch, 0)
            names += [
                name for batch in DataLoader(dataset, batch_sampler=batches, num_workers=2) for name in batch["meta"]
            ]
        assert len(names) == len(set(names)) == FRAMES
        orders.append(names)
    assert orders[0] != orders[1]


def test_shards_are_webdatasets(packed: Path) -> None:
    """Other programs can read them."""
    from webdataset import WebDataset

    shards = sorted(str(path) for path in (packed / "train").glob("*.tar"))
    samples = list(WebDataset(shards, shardshuffle=False).decode())
    dataset = PackedDataset(packed, "train", RIG, SIZE)
    assert [sample["json"]["name"] for sample in samples] == [dataset[index]["meta"] for index in range(FRAMES)]


def test_damaged_bytes_are_found(packed: Path) -> None:
    path = packed / "train" / "train-000001.tar"
    data = bytearray(path.read_bytes())
    place = data.index(b"000000005.front_left.zst") + 512 + 100
    data[place] ^= 0xFF
    path.write_bytes(data)
    dataset = PackedDataset(packed, "train", RIG, SIZE)
    with pytest.raises(DamagedFrame, match=r"train-000001\.tar, frame 5"):
        dataset.read(5)
    assert dataset[5]["substitute"]
    assert dataset[5]["meta"] == dataset[6]["meta"]
    assert not dataset[4]["substitute"]
    assert len(dataset.damaged()) == 1


def test_shard_that_is_cut_or_gone(packed: Path) -> None:
    path = packed / "train" / "train-000001.tar"
    os.truncate(path, 100)
    with pytest.raises(DatasetError, match=r"train-000001\.tar has 100 bytes; expected"):
        PackedDataset(packed, "train", RIG, SIZE)
    path.unlink()
    with pytest.raises(DatasetError, match=r"train-000001\.tar cannot be read"):
        PackedDataset(packed, "train", RIG, SIZE)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("card.json", b"{", "not JSON"),
        ("card.json", b'{"format": "egorear_pack/9"}', "expected egorear_pack/1"),
        ("card.json", b'{"format": "egorear_pack/1"}', "is damaged"),
        ("card.json", b"[]", "is damaged"),
        ("train/index.npy", b"xyz", "is damaged"),
    ],
)
def test_damaged_card_or_index(packed: Path, file: str, content: bytes, message: str) -> None:
    (packed / file).write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        PackedDataset(packed, "train", RIG, SIZE)


def test_index_of_another_pack(packed: Path) -> None:
    np.save(packed / "train" / "index.npy", np.zeros((3, 11), dtype=np.uint32))
    with pytest.raises(DatasetError, match="does not belong"):
        PackedDataset(packed, "train", RIG, SIZE)


def test_model_that_the_pack_does_not_fit(packed: Path) -> None:
    with pytest.raises(DatasetError, match="--size 32"):
        PackedDataset(packed, "train", RIG, 32)
    with pytest.raises(DatasetError, match="no split 'test'; it has train"):
        PackedDataset(packed, "test", RIG, SIZE)
    first, *others = RIG.cameras
    other_lens = replace(first, lens=replace(first.lens, center_px=(400.0, 400.0)))
    with pytest.raises(DatasetError, match="another lens of front_left"):
        PackedDataset(packed, "train", Rig("other", (other_lens, *others), "other.yaml"), SIZE)
    moved = first.T_device_camera.copy()
    moved[0, 3] += 0.02
    with pytest.raises(
        DatasetError, match=r"front_left at another place than in rig other .*20\.0 mm and 0\.00 degrees"
    ):
        PackedDataset(
            packed, "train", Rig("other", (replace(first, T_device_camera=moved), *others), "other.yaml"), SIZE
        )
    nowhere = replace(first, T_device_camera=np.full((4, 4), np.nan))
    assert len(PackedDataset(packed, "train", Rig("other", (nowhere, *others), "other.yaml"), SIZE))
    unknown = replace(first, view="top")
    with pytest.raises(DatasetError, match="no view top"):
        PackedDataset(packed, "train", Rig("other", (unknown, *others), "other.yaml"), SIZE)


def test_folder_without_a_pack(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no finished pack"):
        PackedDataset(tmp_path, "train", RIG)


def test_object_storage_gives_the_same_samples(packed: Path, url: str, tmp_path: Path) -> None:
    local = PackedDataset(packed, "train", RIG, SIZE)
    remote = PackedDataset(url, "train", RIG, SIZE, cache=tmp_path / "cache")
    for index in range(FRAMES):
        assert torch.equal(remote[index]["images"], local[index]["images"])
        assert remote[index]["meta"] == local[index]["meta"]


def test_each_file_is_fetched_once_and_only_when_needed(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    fetch = RemoteStorage._fetch
    monkeypatch.setattr(
        RemoteStorage, "_fetch", lambda self, file, path: (fetched.append(file), fetch(self, file, path))
    )
    for _ in range(2):
        dataset = PackedDataset(url, "train", RIG, SIZE, cache=tmp_path / "cache")
        for index in (0, 3, 1, 11):
            dataset[index]
    assert fetched == ["train/index.npy", "train/train-000000.tar", "train/train-000002.tar"]


def test_cache_stays_small(url: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    dataset = PackedDataset(url, "train", RIG, SIZE, cache=cache, cache_gb=1e-6)
    names = {dataset[index]["meta"] for index in (*range(FRAMES), 0)}
    assert len(names) == FRAMES
    assert [path.name for path in cache.rglob("*.tar")] == ["train-000000.tar"]


@pytest.fixture
def web(packed: Path) -> Iterator[tuple[str, list[str]]]:
    """The pack on a web server, and what was asked of it."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(packed)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_workers_share_a_cache(web: tuple[str, list[str]], tmp_path: Path) -> None:
    url, asked = web
    dataset = pickle.loads(pickle.dumps(PackedDataset(url, "train", RIG, SIZE, cache=tmp_path / "cache")))
    loader = DataLoader(dataset, batch_size=2, num_workers=2)
    names = [name for batch in loader for name in batch["meta"]]
    assert len(set(names)) == FRAMES
    assert Counter(asked).most_common(1)[0][1] == 1, "each file is fetched once"
    assert not list((tmp_path / "cache").rglob("*.part"))


def test_object_storage_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="memory://nowhere/card.json cannot be fetched"):
        PackedDataset("memory://nowhere", "train", RIG, cache=tmp_path)
    with pytest.raises(DatasetError, match="nosuchprotocol"):
        PackedDataset("nosuchprotocol://bucket", "train", RIG, cache=tmp_path)


def test_pack_that_was_uploaded_anew_is_fetched_anew(url: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    before = PackedDataset(url, "train", RIG, SIZE, cache=cache)[0]["images"]
    root = write_dataset(tmp_path / "other", frames=FRAMES // 2, size=32)
    pack(PackSettings(root, RIG, image_size=SIZE, frames_per_shard=4), tmp_path / "new")
    storage = fsspec.filesystem("memory")
    for path in (tmp_path / "new").rglob("*.*"):
        storage.put_file(str(path), f"/bucket/pack/{path.relative_to(tmp_path / 'new')}")
    after = PackedDataset(url, "train", RIG, SIZE, cache=cache)[0]["images"]
    assert torch.equal(after, PackedDataset(tmp_path / "new", "train", RIG, SIZE)[0]["images"])
    assert not torch.equal(after, before)


def test_cut_download_is_not_taken_for_a_shard(url: str, tmp_path: Path) -> None:
    dataset = PackedDataset(url, "train", RIG, SIZE, cache=tmp_path / "cache")
    storage = fsspec.filesystem("memory")
    path = f"{url.removeprefix('memory:/')}/train/train-000000.tar"
    storage.pipe_file(path, storage.cat_file(path)[:1000])
    with pytest.raises(DatasetError, match="has 1000 bytes; expected"):
        dataset[0]


@given(
    counts=st.lists(st.integers(1, 20), min_size=1, max_size=12), window=st.integers(1, 5), seed=st.integers(0, 2**32)
)
def test_windowed_order_reads_few_shards_at_a_time(counts: list[int], window: int, seed: int) -> None:
    shard_of_frame = np.repeat(np.arange(len(counts)), counts)
    order = windowed_order(shard_of_frame, window, np.random.default_rng(seed))
    assert sorted(order) == list(range(len(shard_of_frame)))
    visited = shard_of_frame[order]
    spans = [
        (int(np.flatnonzero(visited == shard)[0]), int(np.flatnonzero(visited == shard)[-1])) for shard in set(visited)
    ]
    at_once = [sum(first <= place <= last for first, last in spans) for place in range(len(visited))]
    assert max(at_once) <= window + 1


def test_windowed_order_mixes_shards_and_changes_with_the_epoch(packed: Path) -> None:
    dataset = PackedDataset(packed, "train", RIG, SIZE, window=2)
    orders = [dataset.epoch_order(1, epoch) for epoch in range(8)]
    assert len({tuple(order) for order in orders}) == 8
    assert np.array_equal(orders[3], PackedDataset(packed, "train", RIG, SIZE, window=2).epoch_order(1, 3))
    assert any(not np.array_equal(np.sort(order[:4]) // 4, np.full(4, order[0] // 4)) for order in orders)
