import argparse

import pytest

from egorear_ros.benchmarks.report import Row
from egorear_ros.benchmarks.synth_gpu import measure_synth_gpu
from egorear_ros.commands import bench
from egorear_synth import throughput
from egorear_synth.rendering import RendererChoice
from egorear_synth.throughput import Rate


def measured(monkeypatch: pytest.MonkeyPatch, device: str, hz_each: float, workers: int = 8) -> list[Row]:
    asked = []

    def rate(rig: str, size: int, samples: int, workers: int, frames: int, renderer: RendererChoice) -> Rate:
        asked.append((size, samples, workers, renderer))
        return Rate(hz_each * workers, 0.03, 500.0)

    monkeypatch.setattr(throughput, "measure_rate", rate)
    monkeypatch.setattr(throughput, "measure_light", lambda *arguments: 321.0)
    monkeypatch.setattr(RendererChoice, "check", lambda choice: {"warp": "1.0", "device": f"a {choice.device}"})
    rows = measure_synth_gpu("ego4view_syn", device, workers)
    choice = RendererChoice("warp", device)
    assert asked == [(size, 2, count, choice) for size in (256, 872) for count in sorted({1, workers})]
    return rows


def test_the_goal_is_that_of_all_processes_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = measured(monkeypatch, "cuda", 26.0)
    judged = {row.quantity: row.met for row in rows if row.met is not None}
    assert judged == {"4 views of 256x256, 2x2 rays a pixel: files written, 8 processes": True}
    values = {row.quantity: row.value for row in rows}
    assert values["device"] == "a cuda"
    assert values["4 views of 872x872, 2x2 rays a pixel: files written, 1 process"] == "26.00 framesets/s"
    assert values["4 views of 256x256, 2x2 rays a pixel: processor time, 8 processes"] == "30.0 ms per frameset"


def test_a_slow_gpu_misses_it_and_a_processor_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [row.met for row in measured(monkeypatch, "cuda", 24.0) if row.met is not None] == [False]
    assert [row.met for row in measured(monkeypatch, "cuda", 24.0, workers=1) if row.met is not None] == [False]
    assert all(row.met is None for row in measured(monkeypatch, "cpu", 100.0))


def test_the_command_says_what_was_measured() -> None:
    parser = argparse.ArgumentParser()
    bench.add_parser(parser.add_subparsers())
    args = parser.parse_args(["bench", "synth", "--renderer", "warp", "--workers", "6"])
    assert bench._options("synth", args) == " --renderer warp --device cuda --workers 6"
    assert bench._block("synth", args) == "synth_gpu"
    assert bench._block("bag", args) == "bag"
    assert bench._options("synth", parser.parse_args(["bench", "synth"])).startswith(" --frames")
