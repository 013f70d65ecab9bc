"""Accuracy of fewer digits: files of 8 bits are kept for the frames that they were calibrated on."""

from pathlib import Path

import numpy as np
import pytest
import tiny_networks as tiny

from egorear_ros.benchmarks import accuracy, runtimes
from egorear_ros.benchmarks.networks import Subject
from egorear_ros.commands import frame_sets
from egorear_ros.structures import Frame


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let files be written at once, and count the frame sets that each is calibrated on."""
    counts: list[int] = []

    def write(source: Path, target: Path, images: list[np.ndarray], extrinsics: np.ndarray) -> None:
        counts.append(len(images))
        target.write_bytes(b"8 bits")

    monkeypatch.setattr("egorear_ros.runtimes.quantise.quantise_onnx", write)
    monkeypatch.setattr("egorear_ros.runtimes.onnx_cache.cached_onnx", lambda network, identity: Path("unused"))
    return counts


@pytest.fixture
def subject() -> Subject:
    network = tiny.tiny_network()
    return Subject(network, tiny.tiny_identity(network), tiny.RIG)


def test_another_calibration_is_another_file(
    written: list[int], subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shades = {("a", "validation"): 10, ("a", "train"): 20, ("b", "validation"): 30}

    def read(paths: list[str], split: str, rig: object, count: int) -> list[dict[str, Frame]]:
        pixels = np.full((872, 872, 3), shades[paths[0], split], dtype=np.uint8)
        return [{view: Frame(view, 0, "rgb8", pixels) for view in tiny.RIG.views}] * min(count, 2)

    monkeypatch.setattr(frame_sets, "read_frame_sets", read)

    def file(dataset: str, split: str) -> Path:
        return accuracy._quantised(subject, dataset, split, tmp_path)

    first = file("a", "validation")
    assert file("a", "validation") == first and len(written) == 1, "kept"
    assert len({first, file("a", "train"), file("b", "validation")}) == 3
    monkeypatch.setattr(accuracy, "CALIBRATION", 1)
    assert file("a", "validation") != first
    shades["a", "validation"] = 40  # made again in the same place
    assert len(written) == 4 and file("a", "validation") != first and len(written) == 5


def test_noise_of_another_seed_or_number_is_another_file(
    written: list[int], subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {runtimes._quantised(subject, tmp_path), runtimes._quantised(subject, tmp_path)}
    assert (len(files), written) == (1, [8])
    monkeypatch.setattr(runtimes, "CALIBRATION", {False: 9})
    files.add(runtimes._quantised(subject, tmp_path))
    monkeypatch.setattr(runtimes, "CALIBRATION_SEED", 7)
    files.add(runtimes._quantised(subject, tmp_path))
    assert (len(files), written) == (3, [8, 9, 9])
