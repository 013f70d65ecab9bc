"""Folders of compiled files: whole, or announced and made anew."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from egorear_ros.runtimes.checksum import CHUNK_BYTES, sha256_of
from egorear_ros.runtimes.compiled_cache import RECORD, compiled_in

BLOB = "1.blob"


class Library:
    """Loads whatever lies in a folder, as OpenVINO does; otherwise it compiles and writes."""

    def __init__(self) -> None:
        self.content, self.calls = b"compiled", list[str]()

    def compile_model(self, folder: Path | None) -> bytes:
        blob = None if folder is None else folder / BLOB
        if blob is not None and blob.is_file():
            self.calls.append("loaded")
            return blob.read_bytes()
        self.calls.append("compiled")
        if blob is not None:
            blob.write_bytes(self.content)
        return self.content

    def answer(self, folder: Path) -> bytes:
        self.calls.clear()
        return compiled_in(folder, self.compile_model, lambda _: self.calls[-1] == "loaded")


@pytest.mark.parametrize("length", [0, 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 7])
def test_checksums_are_those_of_the_bytes(length: int, tmp_path: Path) -> None:
    content = bytes(range(251)) * (length // 251 + 1)
    path = tmp_path / "file"
    path.write_bytes(content[:length])
    assert sha256_of(path) == hashlib.sha256(content[:length]).hexdigest()
    assert sha256_of(path, length // 2) == hashlib.sha256(content[: length // 2]).hexdigest()


def test_what_is_whole_is_loaded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    library, folder = Library(), tmp_path / "models" / "kept"
    assert library.answer(folder) == b"compiled"
    assert library.calls == ["compiled"]
    for _ in range(2):
        assert library.answer(folder) == b"compiled"
        assert library.calls == ["loaded"]
    assert [path.name for path in folder.parent.iterdir()] == ["kept"]
    assert not caplog.records


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / BLOB).write_bytes(b"compIled"), "kept/1.blob: damaged, its checksum is another one"),
        (lambda folder: (folder / BLOB).write_bytes(b"comp"), "kept/1.blob: damaged"),
        (lambda folder: (folder / BLOB).unlink(), f"holds other files than {RECORD} names"),
        (lambda folder: (folder / "2.blob").write_bytes(b""), f"holds other files than {RECORD} names"),
        (lambda folder: (folder / RECORD).unlink(), f"{RECORD} is missing or damaged"),
        (lambda folder: (folder / RECORD).write_bytes(b"{\xff"), f"{RECORD} is missing or damaged"),
        (lambda folder: (folder / RECORD).write_text("[]"), f"holds other files than {RECORD} names"),
        (lambda folder: (folder / "3").mkdir(), "Is a directory"),
    ],
)
def test_what_is_damaged_is_announced_and_made_anew(
    damage: Callable[[Path], object], words: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    library, folder = Library(), tmp_path / "kept"
    library.answer(folder)
    damage(folder)
    assert library.answer(folder) == b"compiled"
    assert library.calls == ["compiled"]
    assert "What was compiled is made anew: " in caplog.text
    assert words in caplog.text
    caplog.clear()
    library.answer(folder)
    assert library.calls == ["loaded"]
    assert not caplog.records


def test_what_a_library_compiles_beside_its_own_is_kept_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    library, folder = Library(), tmp_path / "kept"
    library.answer(folder)
    (folder / BLOB).rename(folder / "of another processor.blob")
    record = folder / RECORD
    record.write_text(json.dumps({"of another processor.blob": sha256_of(folder / "of another processor.blob")}))
    for expected in ("compiled", "loaded"):
        assert library.answer(folder) == b"compiled"
        assert library.calls == [expected]
    assert not caplog.records


def test_another_process_may_be_faster(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    slow, fast, folder = Library(), Library(), tmp_path / "kept"
    fast.content = b"of the other"

    def compile_slowly(partial: Path | None) -> bytes:
        made = slow.compile_model(partial)
        compiled_in(folder.with_name("other"), fast.compile_model, lambda _: False)
        folder.with_name("other").rename(folder)
        return made

    assert compiled_in(folder, compile_slowly, lambda _: False) == b"compiled"
    assert slow.answer(folder) == b"of the other"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert not caplog.records


def test_a_place_that_cannot_be_written_is_announced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    library, blocked = Library(), tmp_path / "blocked"
    blocked.write_bytes(b"no folder")
    assert library.answer(blocked / "kept") == b"compiled"
    assert "blocked/kept cannot be written" in caplog.text
    assert "what is compiled is not kept" in caplog.text
    assert library.answer(blocked) == b"compiled"
    assert blocked.read_bytes() == b"no folder"


def test_nothing_half_made_stays_when_a_library_fails(tmp_path: Path) -> None:
    def fail(folder: Path | None) -> bytes:
        assert folder is not None
        (folder / BLOB).write_bytes(b"half")
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        compiled_in(tmp_path / "kept", fail, lambda _: False)
    assert list(tmp_path.iterdir()) == []
