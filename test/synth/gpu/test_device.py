import importlib.util
from pathlib import Path

import pytest

from egorear_ros.cli import main
from egorear_synth.dataset.errors import SynthError
from egorear_synth.dataset.settings import Settings
from egorear_synth.gpu.device import open_device
from egorear_synth.rendering import RendererChoice, RendererError


@pytest.fixture(autouse=True)
def fresh() -> None:
    open_device.cache_clear()


def test_the_device_does_not_depend_on_the_machine() -> None:
    assert RendererChoice().device == "cpu"
    assert RendererChoice("warp").device == "cuda"
    assert RendererChoice("warp", "cpu").device == "cpu"


def test_unknown_renderers_and_devices_are_named() -> None:
    with pytest.raises(RendererError, match="there is no renderer 'optix'; expected embree or warp"):
        RendererChoice("optix")
    with pytest.raises(RendererError, match=r"embree does not run on 'cuda'; expected cpu\. Only --renderer warp"):
        RendererChoice("embree", "cuda")
    with pytest.raises(SynthError, match="embree does not run on 'cuda'"):
        Settings("ego4view_syn", device="cuda")


def test_without_warp_the_package_to_install_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "warp" else found(name, *more))
    arguments = ["--rig", "ego4view_syn", "--out", str(tmp_path / "set"), "--renderer", "warp", "--device", "cpu"]
    assert main(["synth", *arguments]) == 1
    assert "pip install '.[gpu-synth]'" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


@pytest.mark.warp
def test_without_a_gpu_the_way_out_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import warp

    monkeypatch.setattr(warp, "is_cuda_available", lambda: False)
    assert main(["bench", "synth", "--renderer", "warp", "--device", "cuda", "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "--device cuda: Warp finds no NVIDIA GPU" in error
    assert "--renderer embree" in error
