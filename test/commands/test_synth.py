from pathlib import Path

import pytest

from egorear_ros.cli import main


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "--rig and --out are needed"),
        (("--rig", "ego4view_syn"), "--rig and --out are needed"),
        (("--rig", "missing", "--out", "DIR"), "no rig calibration 'missing'"),
        (("--rig", "ego4view_syn", "--out", "DIR", "--motion", "EMPTY"), "no .amc or .bvh file in this folder"),
        (("--rig", "ego4view_syn", "--out", "DIR", "--frames", "0"), "--frames is 0; expected 1 or more"),
        (("--rig", "ego4view_syn", "--out", "DIR", "--sequences", "0"), "--sequences is 0"),
        (("--rig", "ego4view_syn", "--out", "DIR", "--shard", "3/2"), "--shard 3/2: expected 1/2 to 2/2"),
        (("--rig", "ego4view_syn", "--out", "DIR", "--split", "80/10/20"), "expected a sum of 100"),
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


@pytest.mark.parametrize("words", [("--split", "80/20"), ("--split", "a/b/c"), ("--shard", "2"), ("--shard", "1/x")])
def test_options_that_cannot_be_read_say_what_they_expect(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["synth", "--rig", "ego4view_syn", "--out", "x", *words])
    assert end.value.code == 2
    assert "such as 80/10/10" in (error := capsys.readouterr().err) or "for example 1/4" in error
