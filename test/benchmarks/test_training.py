"""Throughput of training, from what runs log."""

from pathlib import Path

import pytest

pytest.importorskip("lightning")

from egorear_ros.benchmarks.training import Case, Throughput, measure_training, throughput

CASE = Case("net", "egorear_small.yaml", 64, batch=8, steps=40, log_every=10)


def row(rate: float | None, waiting: float = 0.0) -> dict[str, str]:
    return {"train/samples_per_s": "" if rate is None else str(rate), "train/waiting_share": str(waiting)}


def test_the_beginning_does_not_count_and_slow_steps_count_longer() -> None:
    found = throughput([row(1.0, 0.9), row(None), row(20.0, 0.1), row(80.0, 0.5)], CASE)
    # 80 frame sets in 4 s, of which 0.4 s waiting, then 80 in 1 s, 0.5 s waiting.
    assert found == Throughput(pytest.approx(32.0), pytest.approx(0.18))


def test_a_run_that_logged_nothing_is_no_measurement() -> None:
    with pytest.raises(RuntimeError, match="net: no throughput was logged in 40 steps"):
        throughput([row(1.0)], CASE)


@pytest.mark.slow
def test_recipes_train_from_packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way on a few small frames: rendering, packing, a recipe in a process of its own."""
    from egorear_ros.benchmarks import training

    small = '{"image_size": 64, "backbone_channels": 8, "channels": 16, "attention_heads": 4, "lifter_layers": 1}'
    case = Case("tiny", "egorear_small.yaml", 64, 2, 4, 1, ("--model.size", small), virtual=True)
    monkeypatch.setattr(training, "SEQUENCES", 2)
    monkeypatch.setattr(training, "FRAMES", 2)
    monkeypatch.setattr(training, "RENDERED_PX", 64)
    monkeypatch.setattr(training, "_cases", lambda folder, calib: [case])
    speed, waiting = measure_training(tmp_path, "ego4view_syn")
    assert float(speed.value.split()[0]) > 0.0 and speed.value.endswith("framesets/s")
    assert waiting.met == (float(waiting.value.split()[0]) < 5.0)
    assert not (tmp_path / "egorear_small").exists(), "runs of the published size would fill the disk"
