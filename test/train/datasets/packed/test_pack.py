"""Packing: exact, repeatable, and safe against kills, full disks and damaged frames."""

import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from tiny_dataset import LAYOUTS, RIG, write_dataset

from egorear_train.datasets.base import Sample
from egorear_train.datasets.ego4view import Ego4ViewDataset
from egorear_train.datasets.errors import DatasetError
from egorear_train.datasets.packed import shard as shard_module
from egorear_train.datasets.packed.dataset import PackedDataset
from egorear_train.datasets.packed.disk import PackError
from egorear_train.datasets.packed.pack import UNFINISHED, PackSettings, pack

SIZE = 16


def settings(root: Path, **options: object) -> PackSettings:
    return PackSettings(root, RIG, image_size=SIZE, frames_per_shard=3, **options)  # type: ignore[arg-type]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def equal(first: Sample, second: Sample) -> bool:
    assert first.keys() == second.keys()
    return all(
        value == second[key]
        if isinstance(value, str)
        else value.dtype == second[key].dtype and torch.equal(value, second[key])
        for key, value in first.items()
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_packed_sample_equals_raw_sample(layout: str, tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "data", layout, frames=4)
    raw = Ego4ViewDataset(root, "train", RIG, SIZE)
    pack(settings(root), tmp_path / "pack")
    packed = PackedDataset(tmp_path / "pack", "train", RIG, SIZE)
    assert len(packed) == len(raw) == 8
    assert packed.has_visibility is raw.has_visibility is False
    assert all(equal(packed[index], raw[index]) for index in range(len(raw)))


def test_packed_visibility_equals_that_of_the_files(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "data", frames=2)
    for number, frame in enumerate(Ego4ViewDataset(root, "train", RIG).frames):
        content = json.loads(frame.annotation.read_text())
        for place, joint in enumerate(content["joints"].values()):
            joint.update({f"camera_{view}_visible": (place + number) % 3 == 0 for view in RIG.views})
        frame.annotation.write_text(json.dumps(content))
    pack(settings(root), tmp_path / "pack")
    raw, packed = Ego4ViewDataset(root, "train", RIG, SIZE), PackedDataset(tmp_path / "pack", "train", RIG, SIZE)
    assert packed.has_visibility
    assert not packed[0]["visible"].all()
    assert all(equal(packed[index], raw[index]) for index in range(4))


def test_card_says_what_is_in_the_pack(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "data", frames=4)
    card = pack(settings(root), tmp_path / "pack")
    assert card == json.loads((tmp_path / "pack" / "card.json").read_text())
    train = card["splits"]["train"]
    assert (train["frames"], [shard["frames"] for shard in train["shards"]]) == (8, [3, 3, 2])
    assert train["bytes"] == sum((tmp_path / "pack" / shard["file"]).stat().st_size for shard in train["shards"])
    assert card["made_with"].keys() >= {"egorear_ros", "pillow", "webdataset"}


def test_number_of_workers_changes_nothing(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "data", frames=6)
    pack(settings(root), tmp_path / "one", workers=1)
    pack(settings(root), tmp_path / "two", workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_killed_pack_goes_on_where_it_stopped(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "data", frames=6)
    pack(settings(root), tmp_path / "whole")
    # A frame that blocks its reader keeps the process in the middle of the third shard.
    blocked = Ego4ViewDataset(root, "train", RIG).frames[7].annotation
    text = blocked.read_text()
    blocked.unlink()
    os.mkfifo(blocked)
    out = tmp_path / "pack"
    command = ["data", "pack", root, "--out", out, "--size", SIZE, "--frames-per-shard", 3, "--workers", 1]
    process = subprocess.Popen([sys.executable, "-m", "egorear_ros.cli", *map(str, command)], cwd=Path.cwd())
    try:
        part = out / "train" / ".train-000002.tar.part"
        deadline = time.monotonic() + 120
        while not part.exists():
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    blocked.unlink()
    blocked.write_text(text)
    finished = {path.name: path.stat().st_mtime_ns for path in (out / "train").glob("*.tar")}
    assert sorted(finished) == ["train-000000.tar", "train-000001.tar"]
    with pytest.raises(DatasetError, match="no finished pack"):
        PackedDataset(out, "train", RIG, SIZE)
    seen: list[tuple[int, int]] = []
    pack(settings(root), out, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(6, 12), (9, 12), (12, 12)]
    assert {name: (out / "train" / name).stat().st_mtime_ns for name in finished} == finished
    assert contents(out) == contents(tmp_path / "whole")


def test_shard_that_lost_its_end_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, out = write_dataset(tmp_path / "data", frames=4), tmp_path / "pack"
    pack(settings(root), tmp_path / "whole")
    stop_writing_after(monkeypatch, 2)
    with pytest.raises(PackError):
        pack(settings(root), out)
    monkeypatch.undo()
    path = out / "train" / "train-000000.tar"
    os.truncate(path, path.stat().st_size // 2)
    pack(settings(root), out)
    assert contents(out) == contents(tmp_path / "whole")


def stop_writing_after(monkeypatch: pytest.MonkeyPatch, shards: int) -> None:
    """Let the disk be full once some shards are written."""
    write = shard_module._Hashing.write
    files: set[int] = set()

    def limited(self: shard_module._Hashing, data: bytes) -> int:
        files.add(id(self))
        if len(files) > shards:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, data)

    kept = []
    start = shard_module._Hashing.__init__

    def keep(self: shard_module._Hashing, path: Path) -> None:
        kept.append(self)  # so that no two of them have the same id
        start(self, path)

    monkeypatch.setattr(shard_module._Hashing, "__init__", keep)
    monkeypatch.setattr(shard_module._Hashing, "write", limited)


def test_full_disk_keeps_finished_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, out = write_dataset(tmp_path / "data", frames=4), tmp_path / "pack"
    stop_writing_after(monkeypatch, 2)
    with pytest.raises(PackError, match=r"disk of .*pack is full.*run the same command again"):
        pack(settings(root), out)
    assert sorted(path.name for path in (out / "train").iterdir()) == ["train-000000.tar", "train-000001.tar"]
    monkeypatch.undo()
    seen: list[int] = []
    pack(settings(root), out, progress=lambda done, total: seen.append(done))
    assert seen[0] == 6
    assert len(PackedDataset(out, "train", RIG, SIZE)) == 8


def test_finished_pack_is_left_alone(tmp_path: Path) -> None:
    root, out = write_dataset(tmp_path / "data"), tmp_path / "pack"
    pack(settings(root), out)
    before = contents(out)
    seen: list[int] = []
    pack(settings(root), out, progress=lambda done, total: seen.append(done))
    assert seen == []
    assert contents(out) == before


def test_pack_of_something_else_is_not_overwritten(tmp_path: Path) -> None:
    root, out = write_dataset(tmp_path / "data"), tmp_path / "pack"
    pack(settings(root), out)
    with pytest.raises(PackError, match="another image_size"):
        pack(PackSettings(root, RIG, image_size=8, frames_per_shard=3), out)
    out = tmp_path / "full"
    out.mkdir()
    (out / "thesis.tex").touch()
    with pytest.raises(PackError, match=r"not empty: it has thesis\.tex"):
        pack(settings(root), out)


def test_two_packs_into_one_folder(tmp_path: Path) -> None:
    root, out = write_dataset(tmp_path / "data"), tmp_path / "pack"
    (out / UNFINISHED).mkdir(parents=True)
    with (out / UNFINISHED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(PackError, match="another process"):
            pack(settings(root), out)


def test_damaged_frames_are_skipped_and_named(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "data", frames=4)
    raw = Ego4ViewDataset(root, "train", RIG, SIZE)
    image = raw.frames[4].image("back_left")
    image.write_bytes(image.read_bytes()[:50])
    card = pack(settings(root), tmp_path / "pack")
    (skipped,) = card["splits"]["train"]["skipped"]
    assert skipped["frame"] == "data/rp_x/b/2"
    assert str(image) in skipped["reason"]
    packed = PackedDataset(tmp_path / "pack", "train", RIG, SIZE)
    assert len(packed) == 7
    assert all(equal(packed[index], raw[index + (index > 3)]) for index in range(7))


def test_too_many_damaged_frames_end_packing(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "data", frames=12, size=8)
    for frame in Ego4ViewDataset(root, "train", RIG).frames[2:13]:
        frame.annotation.write_text("{}")
    with pytest.raises(DatasetError, match="11 damaged frames; at most 10 of 24"):
        pack(settings(root), tmp_path / "pack")
    shutil.rmtree(tmp_path / "pack")
    for frame in Ego4ViewDataset(root, "train", RIG).frames[2:12]:
        shutil.copy(Ego4ViewDataset(root, "train", RIG).frames[0].annotation, frame.annotation)
    assert pack(settings(root), tmp_path / "pack")["splits"]["train"]["frames"] == 23


def test_folder_that_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"train\.txt"):
        pack(settings(tmp_path), tmp_path / "pack")
    assert not (tmp_path / "pack").exists()
