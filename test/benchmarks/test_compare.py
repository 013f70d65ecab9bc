"""An earlier benchmark beside a new one."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from egorear_ros.benchmarks.compare import CompareError, Earlier, check_common, compare_reports, read_earlier
from egorear_ros.benchmarks.report import Report, Row
from egorear_ros.benchmarks.scaling import Curve, _rows

EARLIER = Report("model", "t", "c", "old machine", [Row("a", "1,200 ms"), Row("b", "3.5 M"), Row("c", "yes")])
NOW = Report("model", "t", "c", "here", [Row("a", "300 ms"), Row("b", "7 M"), Row("c", "no"), Row("new", "1")])


def test_quantities_that_both_have(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    path.write_text(json.dumps([asdict(EARLIER)]))
    earlier = read_earlier(path)
    assert earlier.machines == "old machine"
    changes = compare_reports([NOW], earlier)
    assert [(change.quantity, change.ratio) for change in changes] == [
        ("model: a", 0.25),
        ("model: b", 2.0),
        ("model: c", None),
    ]


@pytest.mark.parametrize("content", ["", "{}x", "[{}]", '{"a": 1}', "3"])
def test_files_that_are_no_result(content: str, tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    path.write_text(content)
    with pytest.raises(CompareError, match="bench.json: not a result of `egorear bench`"):
        read_earlier(path)
    with pytest.raises(CompareError, match="missing.json"):
        read_earlier(tmp_path / "missing.json")


def test_nothing_in_common(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    path.write_text(json.dumps([asdict(Report("lag", "t", "c", "m", [Row("a", "1")]))]))
    earlier = read_earlier(path)
    with pytest.raises(CompareError, match="holds lag, and not model, wearer. Run the same"):
        check_common(["model", "wearer"], earlier)
    check_common(["model", "lag"], earlier)
    assert compare_reports([NOW], earlier) == []


@pytest.mark.parametrize(
    ("before", "now", "ratio"),
    [
        ("not measured: runtime.precision fp16 is for GPUs", "MPJPE 92.10 mm, 3 worst", None),
        ("MPJPE 92.10 mm", "not measured: runtime.precision fp16 is for GPUs", None),
        ("not measured: 3 of 4", "not measured: 3 of 4", None),
        ("p95 40 ms", "p95 20 ms", 0.5),
        ("openvino fp32 at 1,200.5 ms", "openvino fp16 at 2,401.0 ms", 2.0),
        ("-2e-3 mm", "4e-3 mm", -2.0),
        ("fp16", "fp32", None),
        ("0 ms", "1 ms", None),
    ],
)
def test_ratios_are_of_what_was_measured(before: str, now: str, ratio: float | None) -> None:
    def report(value: str) -> Report:
        return Report("accuracy", "t", "c", "m", [Row("fp16", value)])

    earlier = Earlier(Path("bench.json"), "m", {("accuracy", "fp16"): before})
    (change,) = compare_reports([report(now)], earlier)
    assert change.ratio == (None if ratio is None else pytest.approx(ratio))


def test_scaling_compares_times(tmp_path: Path) -> None:
    def report(*ms: float) -> Report:
        return Report("scaling", "t", "c", "m", _rows([Curve("paper: views", (2, 4), ms)]))

    path = tmp_path / "bench.json"
    path.write_text(json.dumps([asdict(report(100.0, 200.0))]))
    changes = compare_reports([report(50.0, 300.0)], read_earlier(path))
    assert [change.ratio for change in changes] == [0.5, 1.5, 3.0]
