"""`egorear eval report`: pictures of a run long after it, from where its recording or sequences are now."""

import json
from pathlib import Path

import bag_data
import pytest
import tiny_dataset
from recording_data import rows, tiny_weights, write

from egorear_ros.cli import main

OVERLAY = "data:image/jpeg;base64,"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def ride(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The results of a recording beside them, evaluated by its relative path, under other topic names, with noise."""
    monkeypatch.setattr("os.fsync", lambda fd: None)
    monkeypatch.chdir(tmp_path)
    moved = "/left_eye/image_raw/compressed"
    recorded = [
        (moved if row[0].startswith("/front_left/image_raw") else row[0], row[1], row[2], row[3]) for row in rows(4)
    ]
    write(tmp_path / "ride", recorded)
    words = ["eval", "bag", "ride", "--checkpoint", str(weights), "--out", "out", "--noise", "2"]
    remap = ["--remap", f"{moved}:=/front_left/image_raw/compressed"]
    assert main([*words, *remap, "--report", "first"]) == 0
    monkeypatch.chdir("/")
    return tmp_path / "out"


@pytest.fixture
def walk(tmp_path: Path, weights: Path) -> Path:
    """The results of a data set beside them."""
    data = tiny_dataset.write_dataset(tmp_path / "data", frames=3)
    words = ["eval", "dataset", str(data), "--split", "train", "--checkpoint", str(weights)]
    assert main([*words, "--out", str(tmp_path / "out"), "--report", str(tmp_path / "first")]) == 0
    return tmp_path / "out"


def report(out: Path, *words: object) -> str:
    """Return the page that is written with some options."""
    folder = out.parent / "page"
    assert main(["eval", "report", str(out), "--report", str(folder), *map(str, words)]) == 0
    return (folder / "index.html").read_text()


def overlays(page: str) -> list[str]:
    return [part.split('"')[0] for part in page.split(OVERLAY)[1:]]


def test_a_recording_is_found_again_with_its_topics_and_its_noise(
    ride: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = overlays((ride.parent / "first" / "index.html").read_text())
    assert len(first) == 8 and len(set(first)) == 8, "four views of a worst and of a median frame"
    assert overlays(report(ride)) == first
    assert f"Pictures of {ride.parent / 'ride'}." in capsys.readouterr().out


def test_a_recording_that_moved_is_missed_and_named(ride: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = overlays((ride.parent / "first" / "index.html").read_text())
    new = ride.parent / "archive"
    (ride.parent / "ride").rename(new)
    alone = report(ride)
    assert overlays(alone) == [] and "Without pictures" in alone
    said = capsys.readouterr().out
    assert f"No pictures: there is no recording {ride.parent / 'ride'} any more. --bag says where" in said
    assert overlays(report(ride, "--bag", new)) == first


def test_another_recording_is_refused(ride: Path, capsys: pytest.CaptureFixture[str]) -> None:
    later = [
        (row[0].replace("/front_left/image_raw", "/left_eye/image_raw"), *row[1:])
        for row in rows(6)
        if row[2] > bag_data.BEGIN_NS + 4 * bag_data.PERIOD_NS
    ]
    other = write(ride.parent / "other", later)
    assert main(["eval", "report", str(ride), "--report", str(ride.parent / "page"), "--bag", str(other)]) == 1
    said = capsys.readouterr().err
    assert f"{other} has no image of" in said and "it is another recording" in said and "Traceback" not in said
    assert not (ride.parent / "page").exists()


def test_sequences_are_found_where_they_are_now(walk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = overlays((walk.parent / "first" / "index.html").read_text())
    assert first and overlays(report(walk)) == first
    assert "Pictures of the evaluated sequences." in capsys.readouterr().out
    new = walk.parent / "elsewhere" / "deep"
    new.parent.mkdir()
    (walk.parent / "data").rename(new)
    assert overlays(report(walk)) == []
    assert "is not there any more. --dataset says where the sequences are." in capsys.readouterr().out
    assert overlays(report(walk, "--dataset", new)) == first


@pytest.mark.parametrize("results", ["walk", "ride"])
def test_without_pictures_if_so_wished(results: str, request: pytest.FixtureRequest) -> None:
    assert overlays(report(request.getfixturevalue(results), "--no-pictures")) == []


def test_what_does_not_fit_is_named(walk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["eval", "report", str(walk), "--report", str(tmp_path / "page")]
    assert main([*words, "--bag", str(tmp_path)]) == 1
    assert "holds the results of data sets. Use --dataset instead of --bag." in capsys.readouterr().err
    assert main([*words, "--dataset", str(tmp_path / "page")]) == 1
    assert "holds none of the 2 sequences" in capsys.readouterr().err
    (walk / "rig.yaml").unlink()
    assert main(words) == 1
    assert "rig.yaml is missing" in capsys.readouterr().err


def test_results_that_do_not_know_the_images_say_so(ride: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (ride / "estimates.npz").write_bytes(b"no archive")
    assert overlays(report(ride)) == []
    assert "the stamps of the images cannot be read" in capsys.readouterr().out
    scores = json.loads((ride / "scores.json").read_text())
    assert scores["folder"] == str(ride.parent) and scores["command"][:3] == ["egorear", "eval", "bag"]
