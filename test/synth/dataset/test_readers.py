"""What is written loads through every reader of the project, for a rig of three cameras."""

from pathlib import Path

import numpy as np
import pytest
from rig_data import body_pose

from egorear_ros.config import SourceConfig
from egorear_ros.estimators.base import Prepared
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.heatmap import encode_heatmaps
from egorear_ros.sources.truth import make_truth
from egorear_ros.structures import BodyPose, FrameSet, Rig
from egorear_synth.dataset.finished import read_sequence, sequence_folders
from egorear_synth.dataset.heatmap_files import HEATMAPS, write_heatmaps
from egorear_synth.dataset.read_back import read_frames


@pytest.fixture
def rig(finished: Path) -> Rig:
    return load_rig(str(finished / "rig.yaml"))


def test_the_training_reader_reads_every_split(finished: Path, rig: Rig) -> None:
    from egorear_train.datasets.ego4view import Ego4ViewDataset

    for split, count in (("train", 2), ("validation", 2), ("test", 2)):
        dataset = Ego4ViewDataset(finished, split, rig)
        assert len(dataset) == count
        sample = dataset[0]
        first = next(folder for folder in sequence_folders(finished) if read_sequence(folder)["split"] == split)
        written = read_frames(first, rig.views)
        np.testing.assert_allclose(sample["joints_cm"], written.device_cm[0], rtol=1e-6)
        np.testing.assert_allclose(sample["pixels"], written.pixels[0][:, 1:], rtol=1e-6)
        np.testing.assert_array_equal(sample["visible"], written.visible[0][:, 1:])
        assert tuple(sample["images"].shape) == (3, 3, 256, 256)


def test_sources_and_evaluation_read_a_sequence(finished: Path, rig: Rig) -> None:
    from egorear_eval.sequence import evaluate_sequence

    folder = sequence_folders(finished)[0]
    truth = make_truth(SourceConfig(kind="sequence", path=str(folder)), rig)
    np.testing.assert_allclose(truth.joints_device(1), read_frames(folder, rig.views).device_cm[1] / 100)

    class AlwaysStanding:
        views = rig.views

        def prepare(self, frames: FrameSet) -> Prepared:
            return Prepared(frames.stamp_ns, {})

        def infer(self, prepared: Prepared) -> BodyPose:
            return body_pose(prepared.stamp_ns)

    result = evaluate_sequence(str(folder), rig, {rig.views: AlwaysStanding()})
    assert list(result.clips[rig.views].frames) == ["000000", "000001"]
    assert result.skipped == []


def test_heatmap_files_are_the_training_targets(finished: Path, rig: Rig, tmp_path: Path) -> None:
    import shutil

    root = shutil.copytree(finished, tmp_path / "set")
    assert write_heatmaps(root) == 3 * 2 * 3
    assert write_heatmaps(root) == 0
    folder = sequence_folders(root)[2]
    frames = read_frames(folder, rig.views)
    for index, camera in enumerate(rig.cameras):
        stored = np.load(folder / HEATMAPS / f"camera_{camera.view}" / "000001.npy")
        assert stored.shape == (16, 64, 64) and stored.dtype == np.float32
        expected = encode_heatmaps(frames.pixels[1, index], (camera.lens.width, camera.lens.height))
        np.testing.assert_array_equal(stored, expected)
        assert stored[1:].max() == 1.0


def test_a_sequence_becomes_a_recording(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from egorear_ros.cli import main

    folder = sequence_folders(finished)[0]
    assert main(["synth", "bag", str(folder), "--out", str(tmp_path / "bag")]) == 0
    assert "2 frames, 6 images, 2 with ground truth" in capsys.readouterr().out
    # The refusal names an option; it must exist.
    assert main(["synth", "bag", str(folder), "--out", str(tmp_path / "bag")]) == 1
    assert "replace it with --force" in capsys.readouterr().err
    assert main(["synth", "bag", str(folder), "--out", str(tmp_path / "bag"), "--force"]) == 0


def test_folders_that_are_no_data_set_or_sequence_are_named(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from egorear_ros.cli import main

    assert main(["synth", "bag", str(finished), "--out", str(tmp_path / "bag")]) == 1
    assert f"{finished} is no finished sequence" in capsys.readouterr().err
    assert not (tmp_path / "bag").exists()
    assert main(["synth", "heatmaps", str(tmp_path)]) == 1
    assert f"is {tmp_path} a data set of `egorear synth`?" in capsys.readouterr().err
