import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny import make, tiny_settings

from egorear_ros.geometry.rig_file import load_rig
from egorear_synth.dataset.check import check_dataset
from egorear_synth.dataset.errors import SynthError
from egorear_synth.dataset.finished import sequence_folders
from egorear_synth.dataset.plan import SequencePlan
from egorear_synth.dataset.sequence import generate_sequence
from egorear_synth.dataset.writer import PARTS, SequenceWriter, remove_stale, write_whole

VIEWS = ("left", "right")


def test_a_sequence_is_there_only_when_it_is_finished(tmp_path: Path) -> None:
    folder = tmp_path / "body_0" / "seq_0"
    writer = SequenceWriter(tmp_path, folder, VIEWS)
    writer.add_frame("000000", dict.fromkeys(VIEWS, b"jpeg"), {"joints": {}})
    assert sequence_folders(tmp_path) == [] and not folder.parent.exists()
    writer.finish({"frames": 1})
    assert sequence_folders(tmp_path) == [folder]
    assert (folder / "fisheye_rgb/camera_left/000000.jpg").read_bytes() == b"jpeg"
    assert list((tmp_path / PARTS).iterdir()) == []


def test_what_a_killed_writer_left_is_written_anew(tmp_path: Path) -> None:
    SequenceWriter(tmp_path, tmp_path / "body_0/seq_0", VIEWS).add_frame("000099", dict.fromkeys(VIEWS, b"old"), {})
    SequenceWriter(tmp_path, tmp_path / "body_0/seq_0", VIEWS).finish({})
    assert list((tmp_path / "body_0/seq_0").rglob("000099*")) == []


def test_numbers_that_are_not_finite_are_never_written(tmp_path: Path) -> None:
    writer = SequenceWriter(tmp_path, tmp_path / "body_0/seq_0", VIEWS)
    with pytest.raises(ValueError, match="not JSON compliant"):
        writer.add_frame("000000", dict.fromkeys(VIEWS, b""), {"x": float("nan")})


def test_a_full_disk_is_named_and_nothing_half_written_counts(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    write_bytes = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if len(written) == 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        written.append(path)
        return write_bytes(path, data)

    settings = tiny_settings(inputs, motion="", procedural=1.0)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SynthError, match=r"the disk of .* is full \(No space left on device\).*free space"):
        generate_sequence(settings, load_rig(settings.rig), SequencePlan(0, "train", "procedural"), tmp_path)
    assert len(written) == 5
    assert list(tmp_path.rglob("*.jpg")) == [] and sequence_folders(tmp_path) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a small file system here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_keeps_what_is_finished(inputs: Path, small_disk: Path) -> None:
    with pytest.raises(SynthError, match=r"the disk of .* is full.*run the same command again"):
        make(tiny_settings(inputs), small_disk / "set", count=40)
    assert len(sequence_folders(small_disk / "set")) >= 1
    # Card and sheets may not have fitted any more; every sequence that counts is whole.
    per_sequence = [text for text in check_dataset(small_disk / "set").problems if "seq_" in text]
    assert per_sequence == []


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_text("old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["card.json"]
    with pytest.raises(SynthError, match="cannot be written"):
        write_whole(tmp_path / "missing" / "card.json", b"new")


def test_what_killed_processes_were_writing_is_removed(tmp_path: Path) -> None:
    host = os.uname().nodename
    ended = subprocess.Popen(["true"])
    ended.wait()
    stale, mine, elsewhere = (
        tmp_path / f".train.txt.{who}.part" for who in (f"{host}.{ended.pid}", f"{host}.{os.getpid()}", f"x-{host}.1")
    )
    for path in (stale, mine, elsewhere):
        path.touch()
    remove_stale(tmp_path)
    assert not stale.exists() and mine.exists() and elsewhere.exists()
