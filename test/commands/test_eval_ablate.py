"""`egorear eval ablate` on recordings, and what it refuses."""

from pathlib import Path

import bag_data
import pytest
from recording_data import COUNT, tiny_weights, write

from egorear_eval.clip import load_clips
from egorear_eval.scores import score
from egorear_ros.cli import main


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_weights(tmp_path_factory.mktemp("weights"))


def ablate(*words: object) -> int:
    return main(["eval", "ablate", *map(str, words)])


def cells(printed: str, name: str) -> list[str]:
    line = next(line for line in printed.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_recordings_are_taken_apart(tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bags = [write(tmp_path / name) for name in ("ride", "walk")]
    assert ablate(*bags, "--checkpoint", weights, "--ablate", "views,refinement,smoothing") == 0
    printed = capsys.readouterr().out
    assert cells(printed, "full")[2] == cells(printed, "without refinement")[2] == str(2 * COUNT)
    assert printed.count("other views masked") == 10
    assert main(["eval", "bag", str(bags[0]), "--checkpoint", str(weights), "--out", str(tmp_path / "out")]) == 0
    mpjpe_mm = score(load_clips(tmp_path / "out")).mpjpe_mm
    assert float(cells(printed, "full")[3]) == pytest.approx(mpjpe_mm, rel=0.01), "both recordings show the same"


def test_recordings_without_truth_and_mixtures_are_refused(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = write(tmp_path / "ride", truth=False)
    assert ablate(bag, "--checkpoint", weights) == 1
    assert "no ground truth" in capsys.readouterr().err
    sequence = bag_data.write_sequence(tmp_path / "sequence")
    assert ablate(bag, sequence, "--checkpoint", weights) == 1
    assert "ablate one kind at a time" in capsys.readouterr().err


def test_a_recording_that_was_cut_off_is_refused(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = write(tmp_path / "cut")
    file = bag_data.storage_file(bag)
    bag_data.cut(file, file.stat().st_size * 6 // 10)
    assert ablate(bag, "--checkpoint", weights, "--ablate", "mask", "--out", tmp_path / "out") == 1
    printed = capsys.readouterr().err
    assert "is not whole" in printed and "a part would not be comparable" in printed
    assert not (tmp_path / "out" / "ablation.json").exists()
