"""`egorear data` on small data sets."""

from pathlib import Path

import pytest
from tiny_dataset import write_dataset

from egorear_ros.cli import main


def test_pack_then_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = write_dataset(tmp_path / "data", frames=3), tmp_path / "pack"
    (root / "rp_x" / "b" / "fisheye_rgb" / "camera_back_left" / "10.jpg").unlink()
    assert main(["data", "pack", str(root), "--out", str(out), "--size", "16", "--workers", "1"]) == 0
    printed = capsys.readouterr().out
    assert "skipped data/rp_x/b/10" in printed
    assert main(["data", "check", str(root)]) == 0
    printed = capsys.readouterr().out
    assert "has no image 10.jpg" in printed
    assert "x 0 … 15" in printed
    assert main(["data", "check", str(out)]) == 0
    assert "train: " not in capsys.readouterr().out


def test_recordings_bring_their_own_extrinsics(tmp_path: Path) -> None:
    root, out = write_dataset(tmp_path / "data", "rw"), tmp_path / "pack"
    words = ["data", "pack", str(root), "--out", str(out), "--size", "8", "--workers", "1", "--calib", "ego4view_rw"]
    assert main([*words, "--views", "front_left", "front_right"]) == 0
    assert main(["data", "check", str(out), "--calib", "ego4view_rw", "--views", "front_right"]) == 0


def test_damaged_data_set_fails_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_dataset(tmp_path / "data", frames=8, size=8)
    for path in sorted((root / "rp_x").glob("*/json_smplx_gendered/*.json"))[1:12]:
        path.write_text("{")
    assert main(["data", "check", str(root)]) == 1
    assert "Too many damaged frames" in capsys.readouterr().out


def test_splits_without_frames_are_left_out(tmp_path: Path) -> None:
    root, out = write_dataset(tmp_path / "data"), tmp_path / "pack"
    (root / "validation.txt").write_text("\n")
    assert main(["data", "check", str(root)]) == 0
    assert main(["data", "pack", str(root), "--out", str(out), "--size", "8", "--workers", "1"]) == 0
    assert [path.name for path in out.iterdir() if path.is_dir()] == ["train"]


def test_mistakes_are_reported_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "pack")
    root = str(write_dataset(tmp_path / "data"))
    for words, message in (
        (["pack", str(tmp_path), "--out", out], "is no data set"),
        (["pack", root, "--out", out, "--size", "0"], "--size is 0"),
        (["pack", root, "--out", out, "--split", "test", "--size", "8"], "test.txt is missing"),
        (["pack", root, "--out", out, "--quirk", "unsorted", "--size", "8"], "expected some of first_line_only"),
        (["check", str(tmp_path)], "holds no data set"),
    ):
        assert main(["data", *words]) == 1
        assert message in " ".join(capsys.readouterr().err.split())
