"""An earlier benchmark beside a new one."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from egorear_ros.benchmarks.compare import CompareError, compare_reports, read_earlier
from egorear_ros.benchmarks.report import Report, Row

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
    with pytest.raises(CompareError, match="holds lag, and no quantity that was measured now"):
        compare_reports([NOW], read_earlier(path))
