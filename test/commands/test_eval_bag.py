"""`egorear eval bag` as a user types it: tables, files, exit status, words for what is wrong."""

import json
from pathlib import Path
from typing import Any

import bag_data
import numpy as np
import pytest
from recording_data import COUNT, rows, tiny_weights, write

from egorear_eval.clip import load_clips
from egorear_ros.cli import main

VIEW_SETS = "front_left,front_right,back_left,back_right;front_left,front_right"
ALL = "front_left + front_right + back_left + back_right"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr("os.fsync", lambda fd: None)


def run(*words: object) -> int:
    return main(["eval", "bag", *map(str, words)])


def test_tables_files_page_and_two_runs_are_the_same(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = write(tmp_path / "ride")
    page = tmp_path / "page.md"
    page.write_text("<!-- eval:ride -->\n<!-- /eval:ride -->\n")
    words = [bag, "--checkpoint", weights, "--views", VIEW_SETS, "--out", tmp_path / "out"]
    assert run(*words, "--name", "ride", "--page", page) == 0
    printed = capsys.readouterr().out
    assert f"| {ALL} | {COUNT} |" in printed and f"| front_left + front_right | {COUNT} |" in printed
    assert f"frame sets     {COUNT}: {COUNT} complete, 0 with views missing" in printed
    assert "sets at a time, so no latency" in printed and "egorear eval bag" in page.read_text()
    files = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert {"scores.json", "scores.csv", "scores.md", "poses.npz", "timing.npz", "estimates.npz"} <= set(files)
    facts = json.loads(files["scores.json"])
    assert (
        list(facts["scores"]["By views"]) == ["front_left + front_right", ALL]
        and facts["recording"]["partial"] is False
    )

    assert run(*words, "--name", "ride", "--page", page) == 0
    for name in ("scores.json", "scores.csv", "scores.md", "poses.npz"):
        assert (tmp_path / "out" / name).read_bytes() == files[name], name


def test_one_set_after_another_gives_the_same_poses_and_true_latencies(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [write(tmp_path / "ride"), "--checkpoint", weights, "--out"]
    assert run(*words, tmp_path / "many") == 0
    capsys.readouterr()
    assert run(*words, tmp_path / "one", "--one-by-one", "--report", tmp_path / "page") == 0
    printed = capsys.readouterr().out
    assert "sets a second (median)" in printed and "at a time" not in printed
    (many,), (one,) = load_clips(tmp_path / "many"), load_clips(tmp_path / "one")
    assert many.frames == one.frames
    np.testing.assert_allclose(1e3 * many.predicted, 1e3 * one.predicted, rtol=0, atol=1e-4)
    counts = [
        json.loads((tmp_path / name / "scores.json").read_text())["recording"]["sets_at_a_time"]
        for name in ("many", "one")
    ]
    assert counts[0] > counts[1] == 1
    words_about_sharing = "were estimated at the same time"
    assert words_about_sharing not in (tmp_path / "page" / "index.html").read_text()
    assert main(["eval", "report", str(tmp_path / "many"), "--report", str(tmp_path / "many_page")]) == 0
    assert words_about_sharing in (tmp_path / "many_page" / "index.html").read_text()


def test_it_agrees_with_the_data_set_that_the_recording_is_of(tmp_path: Path, weights: Path) -> None:
    """The same images, through files and through a recording."""
    sequence = bag_data.write_sequence(tmp_path / "seq", ("0", "5", "10"))
    assert main(["bag", "from-dataset", str(sequence), "--calib", "ego4view_syn", "--out", str(tmp_path / "bag")]) == 0
    assert run(tmp_path / "bag", "--checkpoint", weights, "--out", tmp_path / "of_bag") == 0
    words = [str(sequence), "--checkpoint", str(weights), "--out", str(tmp_path / "of_files")]
    assert main(["eval", "dataset", *words]) == 0
    (of_bag,), (of_files,) = load_clips(tmp_path / "of_bag"), load_clips(tmp_path / "of_files")
    assert (of_bag.predicted == of_files.predicted).all()
    np.testing.assert_allclose(of_bag.truth, of_files.truth, atol=1e-12)


def test_cameras_that_fail_are_masked(tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [write(tmp_path / "ride"), "--checkpoint", weights, "--out", tmp_path / "out"]
    assert run(*words, "--drop", "back_left@0.1s-0.2s", "--drop", "back_right@0.1s", "--noise", 3, "--rate", 10) == 0
    assert "images         12 dropped on purpose" in capsys.readouterr().out
    (clip,) = load_clips(tmp_path / "out")
    assert clip.view_counts.tolist() == [4, 2, 3, 3, 3, 3]


def test_other_names_are_suggested_and_then_read(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    topic, other = "/back_left/image_raw/compressed", "/helmet/rear_left/jpeg"
    bag = write(tmp_path / "ride", [(other if row[0] == topic else row[0], *row[1:]) for row in rows()])
    words = [bag, "--checkpoint", weights, "--out", tmp_path / "out"]
    assert run(*words) == 1
    captured = capsys.readouterr()
    assert f"--remap {other}:={topic}" in captured.err and "Traceback" not in captured.err
    assert run(*words, "--remap", f"{other}:={topic}") == 0
    assert run(*words, "--views", "front_left,front_right") == 0  # which are there


def test_what_is_not_whole_is_evaluated_marked_and_not_a_success(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = write(tmp_path / "cut")
    file = bag_data.storage_file(bag)
    bag_data.cut(file, file.stat().st_size * 6 // 10)
    assert run(bag, "--checkpoint", weights, "--out", tmp_path / "of_cut") == 1
    assert "Partial results:" in (printed := capsys.readouterr().out) and "is cut off after" in printed
    assert json.loads((tmp_path / "of_cut" / "scores.json").read_text())["recording"]["partial"] is True

    bag = write(tmp_path / "blind", truth=False)
    report = tmp_path / "report"
    assert run(bag, "--checkpoint", weights, "--out", tmp_path / "of_blind", "--report", report) == 1
    printed = capsys.readouterr().out
    assert "No ground truth: errors, PCK and reliability cannot be said" in printed and "No report" in printed
    assert (tmp_path / "of_blind" / "estimates.npz").is_file() and not report.exists()


def test_ctrl_c_writes_what_there_is(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from egorear_eval import recording

    is_usable, calls = recording.is_usable, []

    def impatient(pose: Any) -> bool:
        calls.append(pose)
        if len(calls) > 4:
            raise KeyboardInterrupt
        return is_usable(pose)

    monkeypatch.setattr(recording, "is_usable", impatient)
    assert run(write(tmp_path / "ride"), "--checkpoint", weights, "--out", tmp_path / "out") == 130
    assert "Partial results: stopped by Ctrl-C after 4 sets." in capsys.readouterr().out
    assert len(load_clips(tmp_path / "out")[0]) == 4


def test_a_report_has_the_pictures_of_the_recording(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [write(tmp_path / "ride"), "--checkpoint", weights, "--out", tmp_path / "out"]
    assert run(*words, "--noise", 2, "--report", tmp_path / "report") == 0
    page = (tmp_path / "report" / "index.html").read_text()
    assert page.count("data:image/jpeg;base64,") >= 4 and "No pictures:" not in page
    assert "Report:" in capsys.readouterr().out


def test_a_folder_that_cannot_be_made_is_named_before_the_work(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("egorear_eval.recording.evaluate_recording", None)  # not called
    assert run(write(tmp_path / "ride"), "--checkpoint", weights, "--out", tmp_path / "file") == 1
    assert f"--out {tmp_path / 'file'} cannot be made" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{gone}"], "there is no recording"),
        (["{bag}", "--drop", "top@1s"], "no view top"),
        (["{bag}", "--noise", "-1"], "not negative"),
        (["{bag}", "--views", "top"], "no view top"),
        (["{bag}", "--remap", "a"], "expected FROM:=TO"),
        (["{bag}", "--truth", "{gone}"], "no ground truth; expected a folder"),
        (["{bag}"], "no weights are given. Name them with --checkpoint"),
    ],
)
def test_mistakes_are_told_in_words(
    tmp_path: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = write(tmp_path / "bag", count=3)
    filled = [word.format(bag=bag, gone=tmp_path / "gone") for word in words]
    assert run(*filled, "--out", tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error
    assert not (tmp_path / "out").exists()
