"""`egorear view` as its user meets it: files it writes, and what it says when it cannot."""

import sys
from pathlib import Path

import pytest
import recording_data
import tiny_dataset

from egorear_ros.cli import main

NEEDS_RERUN = "needs rerun-sdk: pip install -r requirements/view.txt"


@pytest.fixture
def rerun() -> None:
    pytest.importorskip("rerun", reason=NEEDS_RERUN)
    pytest.importorskip("rerun_cli", reason=NEEDS_RERUN)


def sequence(tmp_path: Path) -> Path:
    return tiny_dataset.write_dataset(tmp_path / "data", frames=3) / "rp_x" / "a"


@pytest.mark.usefixtures("rerun")
def test_a_sequence_becomes_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, weights = tmp_path / "new" / "a.rrd", recording_data.tiny_weights(tmp_path)
    words = ["view", "dataset", str(sequence(tmp_path)), "--checkpoint", str(weights), "--rate", "0"]
    assert main([*words, "--save", str(file)]) == 0
    assert file.read_bytes().startswith(b"RRF")
    assert f"Written: {file}: 3 moments" in capsys.readouterr().err
    with_heat = file.stat().st_size
    assert main([*words, "--no-estimate", "--save", str(file)]) == 0
    assert file.stat().st_size < with_heat


@pytest.mark.usefixtures("rerun")
def test_a_recording_becomes_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, bag = tmp_path / "a.rrd", recording_data.write(tmp_path / "bag", count=4)
    assert main(["view", "bag", str(bag), "--no-estimate", "--rate", "0", "--save", str(file)]) == 0
    assert f"Written: {file}: 4 moments" in capsys.readouterr().err


@pytest.mark.usefixtures("rerun")
def test_an_empty_recording_points_to_its_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row for row in recording_data.rows(1) if "back" not in row[0] and "front_right" not in row[0]]
    bag = recording_data.write(tmp_path / "bag", rows)
    assert main(["view", "bag", str(bag), "--no-estimate", "--save", str(tmp_path / "a.rrd")]) == 1
    assert "gave no frame set to show. `egorear bag check" in capsys.readouterr().err


@pytest.mark.usefixtures("rerun")
def test_saved_files_are_told_from_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["view", "saved", str(tmp_path / "none.rrd")]) == 1
    assert "There is no file" in capsys.readouterr().err
    (tmp_path / "text.rrd").write_text("text")
    assert main(["view", "saved", str(tmp_path / "text.rrd")]) == 1
    assert "is no file of `egorear view ... --save`" in capsys.readouterr().err


@pytest.mark.usefixtures("rerun")
def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a").write_text("not a folder")
    words = ["view", "dataset", str(sequence(tmp_path)), "--no-estimate", "--save", str(tmp_path / "a" / "b.rrd")]
    assert main(words) == 1
    assert "b.rrd cannot be written" in capsys.readouterr().err


def test_without_the_library_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    assert main(["view", "dataset", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "needs rerun-sdk" in said
    assert "pip install" in said
    assert "Traceback" not in said


def test_the_same_remark_is_said_once_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    from egorear_ros.commands.view import _tell

    _tell(["damaged", "late", "damaged"])
    assert capsys.readouterr().err == "egorear view: damaged (2 times)\negorear view: late\n"
