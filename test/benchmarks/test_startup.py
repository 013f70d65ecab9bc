"""Start-up: both models have the same time to get ready, and memory of their own."""

from pathlib import Path

import pytest

from egorear_ros.benchmarks import startup


def test_both_models_are_judged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    starts = iter([startup._Start(7.9, 9.0, 600.0), startup._Start(8.1, 9.0, 1499.0)])
    monkeypatch.setattr(startup, "_start", lambda *_: next(starts))
    monkeypatch.setattr(startup, "random_weights", lambda *_: tmp_path)
    monkeypatch.setattr(startup, "_import_s", lambda: 2.0)
    verdicts = {row.quantity: (row.value, row.target, row.met) for row in startup.measure_startup(tmp_path, "rig")}
    assert verdicts == {
        "imports of the pose node": ("2.0 s", "", None),
        "small model: launch to first pose": ("7.9 s", "below 8 s", True),
        "small model: processor time until then": ("9.0 s", "", None),
        "small model: peak memory": ("600 MB", "below 600 MB", False),
        "published size: launch to first pose": ("8.1 s", "below 8 s", False),
        "published size: processor time until then": ("9.0 s", "", None),
        "published size: peak memory": ("1499 MB", "below 1500 MB", True),
    }
