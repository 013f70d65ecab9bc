import multiprocessing
from pathlib import Path

import pytest

from egorear_synth.rendering import RendererChoice
from egorear_synth.throughput import Memory, measure_light, measure_memory, measure_rate


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_real_workers_make_and_clean_up(scratch: Path) -> None:
    rate = measure_rate("ego4view_syn", 32, 1, workers=2, frames=60)
    assert 0 < rate.framesets_per_s < 1000
    # Two processes cannot use more than two cores' time.
    assert 0 < rate.processor_s * rate.framesets_per_s < 2.5
    assert 30 < rate.peak_mb < 2000
    assert not list(scratch.iterdir())
    assert not multiprocessing.active_children()


def test_light_alone_is_measured() -> None:
    assert 0 < measure_light("ego4view_syn", 32, 1, 0.05, RendererChoice()) < 5000


def test_too_few_frames_are_named() -> None:
    with pytest.raises(ValueError, match="3 frames are too few to measure a rate; expected 12 or more"):
        measure_rate("ego4view_syn", 32, 1, workers=1, frames=3)


def test_memory_is_watched_over_several_sequences(scratch: Path) -> None:
    memory = measure_memory("ego4view_syn", 32, 1, frames=8)
    assert len(memory.resident_mb) == 2
    assert 30 < memory.peak_mb < 2000
    assert not list(scratch.iterdir())


def test_growth_is_that_of_the_last_third() -> None:
    assert Memory([1.0, 50.0, 100.0, 100.0, 101.0, 105.0]).growth_mb == pytest.approx(3.0)
    assert Memory([100.0] * 9).growth_mb == 0.0
