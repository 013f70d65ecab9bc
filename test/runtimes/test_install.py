"""A library that is missing: what to install, and no more than helps where it is needed."""

import sys
from pathlib import Path

import pytest
import tiny_networks as tiny

from egorear_ros.cli import main
from egorear_ros.config import RuntimeConfig
from egorear_ros.runtimes.base import NotInstalledError
from egorear_ros.runtimes.factory import make_runtime
from egorear_ros.runtimes.install import import_library


def test_the_command_that_installs_it_is_named() -> None:
    with pytest.raises(NotInstalledError, match=r"no_such cannot be imported .* `pip install '\.\[some\]'`\.$"):
        import_library("no_such", "some")
    assert import_library("json", "none").loads("3") == 3


def test_an_engine_can_be_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    network = tiny.tiny_network("small")
    with pytest.raises(NotInstalledError, match=r"'\.\[onnx\]'`, or set runtime\.name to pytorch\.$"):
        make_runtime(network, RuntimeConfig(name="onnxruntime"), tiny.tiny_identity(network))


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_an_export_has_no_engine_to_set(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setitem(sys.modules, missing, None)
    assert main(["export", "egorear-small", "--out", str(tmp_path / "model.onnx")]) == 1
    error = capsys.readouterr().err
    assert f"{missing} cannot be imported" in error
    assert "pip install '.[onnx]'" in error
    assert "runtime.name" not in error
    assert not list(tmp_path.iterdir())
