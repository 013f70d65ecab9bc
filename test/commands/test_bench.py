"""`egorear bench`: what is measured is kept, whatever comes after it."""

import argparse
import json
import shlex
from dataclasses import asdict
from pathlib import Path

import pytest

from egorear_ros.benchmarks.report import Report, Row
from egorear_ros.cli import main
from egorear_ros.commands import bench

ALL = dict(bench.BENCHMARKS)


def _raise(_: object) -> list[Row]:
    raise RuntimeError("the cable fell out")


@pytest.fixture(autouse=True)
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let benchmarks answer at once: three that work and one that breaks."""
    quick = {name: (name, lambda _, name=name: [Row(f"{name} time", "2 ms")]) for name in ("model", "wearer", "data")}
    monkeypatch.setattr(bench, "BENCHMARKS", {**quick, "lag": ("lag", _raise)})


def names(path: Path) -> list[str]:
    return [entry["name"] for entry in json.loads(path.read_text())]


def test_a_page_without_a_block_does_not_end_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- bench:wearer -->\n<!-- /bench:wearer -->\n")
    assert main(["bench", "model", "wearer", "--page", str(page), "--out", str(tmp_path)]) == 0
    assert "has no block <!-- bench:model -->" in " ".join(capsys.readouterr().out.split())
    assert "| wearer time | 2 ms |" in page.read_text() and "model" not in page.read_text()
    assert names(tmp_path / "bench.json") == ["model", "wearer"]


def test_a_benchmark_that_breaks_costs_the_others_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- bench:model -->\n<!-- /bench:model -->\n")
    assert main(["bench", "model", "lag", "wearer", "--page", str(page), "--out", str(tmp_path)]) == 1
    assert "the cable fell out" in capsys.readouterr().err
    assert names(tmp_path / "bench.json") == ["model"]
    assert "| model time | 2 ms |" in page.read_text()


def test_a_missing_page_is_named_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "model", "--page", str(tmp_path / "no.md"), "--out", str(tmp_path / "out")]) == 1
    assert "no.md: there is no such file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def earlier(path: Path, name: str, quantity: str) -> str:
    report = Report(name, "t", "c", "old machine", [Row(quantity, "4 ms")])
    path.write_text(json.dumps([asdict(report)]))
    return str(path)


def test_comparing_with_other_benchmarks_is_refused_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, out = earlier(tmp_path / "old.json", "lag", "lag time"), tmp_path / "out"
    assert main(["bench", "model", "--compare", before, "--out", str(out)]) == 1
    assert "holds lag, and not model" in capsys.readouterr().err
    assert not out.exists()


def test_nothing_in_common_is_said_and_all_is_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = earlier(tmp_path / "old.json", "model", "another time")
    assert main(["bench", "model", "--compare", before, "--out", str(tmp_path)]) == 0
    assert "none of the quantities" in " ".join(capsys.readouterr().out.split())
    assert names(tmp_path / "bench.json") == ["model"]
    before = earlier(tmp_path / "old.json", "model", "model time")
    assert main(["bench", "model", "--compare", before, "--out", str(tmp_path)]) == 0
    assert "0.500" in capsys.readouterr().out


REPEATED = [
    ("transport", "--duration 20 --calib 'my rig.yaml'"),
    ("startup", "--calib my_rig.yaml"),
    ("synth", "--frames 10 --calib my_rig.yaml"),
    ("synth", "--renderer warp --device cpu --workers 3 --calib my_rig.yaml"),
    ("scaling", "--models mine.safetensors paper --calib my_rig.yaml"),
    ("accuracy", "--dataset 'my data' --split val --calibration train --samples 7 --checkpoint x --calib my_rig.yaml"),
    ("accuracy", "--dataset my_data"),
    ("model", ""),
]


@pytest.mark.parametrize(("name", "options"), REPEATED)
def test_the_printed_command_repeats_the_measurement(name: str, options: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "BENCHMARKS", ALL)
    parser = argparse.ArgumentParser()
    bench.add_parser(parser.add_subparsers())
    asked = parser.parse_args(["bench", name, *shlex.split(options)])
    printed = bench._options(name, asked)
    assert parser.parse_args(["bench", name, *shlex.split(printed)]) == asked


def test_the_help_names_every_benchmark(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bench, "BENCHMARKS", ALL)
    with pytest.raises(SystemExit):
        main(["bench", "--help"])
    printed = "".join(capsys.readouterr().out.split())
    assert "|".join(ALL) in printed and "view" in ALL


@pytest.mark.parametrize("name", sorted(set(bench.BENCHMARKS)))
def test_every_table_of_make_bench_has_its_place(name: str) -> None:
    page = Path(__file__).parents[2] / "docs" / "performance.md"
    assert f"<!-- bench:{name} -->" in page.read_text() and f"<!-- /bench:{name} -->" in page.read_text()
