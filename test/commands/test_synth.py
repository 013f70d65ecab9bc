import io
from pathlib import Path

import pytest
from rich.console import Console

from egorear_ros.cli import main
from egorear_ros.commands import synth_progress


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "--rig and --out are needed"),
        (("--rig", "ego4view_syn"), "--rig and --out are needed"),
        (("--rig", "missing", "--out", "DIR"), "no rig calibration 'missing'"),
        (("--rig", "ego4view_syn", "--out", "DIR", "--motion", "EMPTY"), "no .amc or .bvh file in this folder"),
        (("--rig", "ego4view_syn", "--out", "DIR", "--frames", "0"), "--frames is 0; expected 1 or more"),
        (("--rig", "ego4view_syn", "--out", "DIR", "--sequences", "0"), "--sequences is 0; expected 1 or more"),
        (("--rig", "ego4view_syn", "--out", "DIR", "--shard", "3/2"), "--shard 3/2: expected 1/2 to 2/2"),
        (
            ("--rig", "ego4view_syn", "--out", "DIR", "--split", "80/10/20"),
            "expected three percentages of 0 or more with a sum of 100",
        ),
        (("check", "EMPTY"), "a data set of `egorear synth`?"),
        (("finish", "EMPTY"), "a data set of `egorear synth`?"),
        (("bag", "EMPTY", "--out", "DIR"), "is no finished sequence"),
        (("heatmaps", "EMPTY"), "a data set of `egorear synth`?"),
    ],
)
def test_mistakes_are_said_in_one_sentence_and_end_with_1(
    words: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"DIR": str(tmp_path / "set"), "EMPTY": str(tmp_path / "empty")}
    assert main(["synth", *(places.get(word, word) for word in words)]) == 1
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error
    assert not (tmp_path / "set").exists()
    assert list((tmp_path / "empty").iterdir()) == []


LENS = """
format: egorear_rig/1
name: odd
views:
  left: {lens: {model: plenoptic, width: 96, height: 80}, translation_m: [0, 0, 0], quat_xyzw: [0, 0, 0, 1]}
  right: {lens: {model: plenoptic, width: 96, height: 80}, translation_m: [0.1, 0, 0], quat_xyzw: [0, 0, 0, 1]}
"""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--size", "0"), "--size is 0; expected 16 to 8192 px, or no such option for the calibrated size"),
        (("--size", "-256"), "--size is -256; expected 16 to 8192 px"),
        (("--size", "9000"), "--size is 9000; expected 16 to 8192 px"),
        (("--frames", "-1"), "--frames is -1; expected 1 or more"),
        (("--sequences", "-3"), "--sequences is -3; expected 1 or more"),
        (("--rate", "0"), "--rate is 0.0; expected frames per second above 0"),
        (("--rate", "nan"), "--rate is nan; expected frames per second above 0"),
        (("--rate", "inf"), "--rate is inf; expected frames per second above 0"),
        (("--clip-rate", "-30"), "--clip-rate is -30.0; expected frames per second above 0"),
        (("--samples", "0"), "--samples is 0; expected 1 to 8"),
        (("--samples", "9"), "--samples is 9; expected 1 to 8"),
        (("--seed", "-1"), "--seed is -1; expected 0 or more"),
        (("--random-pose", "1.5"), "--random-pose is 1.5; expected a share from 0 to 1"),
        (("--random-pose", "nan"), "--random-pose is nan; expected a share from 0 to 1"),
        (("--procedural", "-0.1"), "--procedural is -0.1; expected a share from 0 to 1"),
        (("--split", "0/0/0"), "--split is 0/0/0; expected three percentages of 0 or more with a sum of 100"),
        (("--split", "120/-10/-10"), "--split is 120/-10/-10; expected three percentages"),
        (("--split", "nan/50/50"), "--split is nan/50/50; expected three percentages"),
        (("--workers", "0"), "--workers is 0; expected 1 or more"),
        (("--shard", "0/3"), "--shard 0/3: expected 1/3 to 3/3"),
        (("--shard", "4/3"), "--shard 4/3: expected 1/3 to 3/3"),
        (("--shard", "0/0"), "--shard 0/0: expected 1 part or more"),
        (("--ray", "local", "--workers", "2"), "--workers is 2 and --ray local is given; expected one of them"),
        (("--out", "FILE"), "set.txt is a file; expected a new folder, or one of a data set to continue"),
        (("--out", "FILE/set"), "set.txt/set cannot be written"),
        (("--textures", "EMPTY"), "no images in this folder of textures"),
        (("--textures", "FILE"), "no such folder of textures"),
        (("--textures", "BAD"), "wall.png: this texture cannot be read"),
        (("--motion", "FILE/none"), "there is no such folder. Give a folder with .amc or .bvh files"),
        (("--motion", "FILE"), "set.txt"),
        (("--rig", "ODD"), "odd.yaml: view left: lens: model is 'plenoptic'; expected one of"),
    ],
)
def test_bad_values_of_every_option_are_named_and_nothing_is_written(
    words: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {name: tmp_path / name.lower() for name in ("EMPTY", "BAD")}
    for folder in places.values():
        folder.mkdir()
    places |= {"FILE": tmp_path / "set.txt", "ODD": tmp_path / "odd.yaml"}
    places["FILE"].write_text("precious")
    places["ODD"].write_text(LENS)
    (places["BAD"] / "wall.png").write_bytes(b"no picture")
    before = sorted(tmp_path.rglob("*"))
    given = []
    for word in words:
        head, *rest = word.split("/", 1)
        given.append("/".join([str(places[head]), *rest]) if head in places else word)
    assert main(["synth", "--rig", "ego4view_syn", "--out", str(tmp_path / "set"), *given]) == 1
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error
    assert sorted(tmp_path.rglob("*")) == before
    assert places["FILE"].read_text() == "precious"


@pytest.mark.parametrize("words", [("--split", "80/20"), ("--split", "a/b/c"), ("--shard", "2"), ("--shard", "1/x")])
def test_options_that_cannot_be_read_say_what_they_expect(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["synth", "--rig", "ego4view_syn", "--out", "x", *words])
    assert end.value.code == 2
    assert "such as 80/10/10" in (error := capsys.readouterr().err) or "for example 1/4" in error


@pytest.mark.parametrize("terminal", [True, False])
def test_long_work_shows_how_far_it_is_in_a_terminal_and_nothing_elsewhere(
    terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=100)
    monkeypatch.setattr(synth_progress, "Console", lambda **_: console)
    with synth_progress.counted("checking", "sequences") as tell:
        tell(3, 7)
    assert ("3/7 sequences" in written.getvalue()) == terminal
    assert terminal or not written.getvalue().strip()
