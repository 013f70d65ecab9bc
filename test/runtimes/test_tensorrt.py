"""TensorRT: what can be said without a GPU; the rest runs where there is one."""

import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tiny_networks as tiny
import torch

from egorear_ros.config import RuntimeConfig
from egorear_ros.runtimes.base import RuntimeSetupError
from egorear_ros.runtimes.engine_cache import EngineKey, cached_engine, read_engine, write_engine
from egorear_ros.runtimes.factory import make_runtime
from egorear_ros.runtimes.identity import ModelFileError, ModelIdentity
from egorear_ros.runtimes.onnx_cache import cache_folder
from egorear_ros.runtimes.tensorrt import MAX_BATCH, build_engine, check_tensorrt

KEY = EngineKey("NVIDIA H200 (141GB/SXM)", "9.0", "10.9.0.34", "0123456789abcdef", "fp16", 8)
IDENTITY = ModelIdentity("test", KEY.digest, ("a", "b"), 64, "rig")
CONFIG = RuntimeConfig(name="tensorrt")


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_all_that_an_engine_depends_on_is_in_its_name() -> None:
    name = KEY.file_name()
    assert name.startswith("0123456789abcdef-fp16-b8-NVIDIA_H200_141GB_SXM_-sm9.0-trt10.9.0.34-")
    others = [
        replace(KEY, gpu="NVIDIA H100"),
        replace(KEY, capability="8.9"),
        replace(KEY, tensorrt="10.8"),
        replace(KEY, digest="f" * 16),
        replace(KEY, precision="fp32"),
        replace(KEY, max_batch=1),
        replace(KEY, egorear_ros="9.9"),
    ]
    assert len({name, *(key.file_name() for key in others)}) == 8


def test_engines_are_built_once() -> None:
    built = []
    for _ in range(2):
        assert cached_engine(KEY, IDENTITY, lambda: built.append(1) or b"plan\nwith\nlines") == b"plan\nwith\nlines"
    assert built == [1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gpu": "NVIDIA H100"}, "the engine is for gpu 'NVIDIA H100' instead of 'NVIDIA H200"),
        ({"digest": "f" * 16}, "the engine is for digest 'ffff"),
        ({"tensorrt": "8.6"}, "the engine is for tensorrt '8.6' instead of '10.9.0.34'"),
    ],
)
def test_an_engine_for_something_else_is_announced_and_built_anew(
    change: dict[str, Any], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = cache_folder() / KEY.file_name()
    path.parent.mkdir(parents=True)
    write_engine(path, replace(KEY, **change), b"foreign")  # renamed by somebody
    with pytest.raises(ModelFileError, match=words):
        read_engine(path, KEY)
    with caplog.at_level(logging.WARNING):
        assert cached_engine(KEY, IDENTITY, lambda: b"ours") == b"ours"
    assert words in caplog.text
    assert read_engine(path, KEY) == b"ours"


@pytest.mark.parametrize("content", [b"", b"x", b"egorear_engine/2\n{}\n", b"egorear_engine/2\n{\nplan", b"\n[]\nplan"])
def test_damaged_engines(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.engine"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="not a complete engine file"):
        read_engine(path, KEY)


def test_a_damaged_plan_is_built_anew(caplog: pytest.LogCaptureFixture) -> None:
    assert cached_engine(KEY, IDENTITY, lambda: b"a long plan") == b"a long plan"
    path = cache_folder() / KEY.file_name()
    for damage in (lambda data: data[:-1], lambda data: data[:-3] + b"?" + data[-2:]):
        path.write_bytes(damage(path.read_bytes()))
        caplog.clear()
        assert cached_engine(KEY, IDENTITY, lambda: b"another plan") == b"another plan"
        assert "A kept engine is built anew: " in caplog.text
        assert "the engine is damaged" in caplog.text
    assert read_engine(path, KEY) == b"another plan"


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tensorrt", None)
    with pytest.raises(RuntimeSetupError, match="tensorrt needs an NVIDIA GPU"):
        check_tensorrt(replace(CONFIG, device="cpu"))
    monkeypatch.setattr("egorear_ros.runtimes.tensorrt.choose_device", lambda _: torch.device("cuda"))
    with pytest.raises(RuntimeSetupError, match=r"tensorrt cannot be imported.*pip install '\.\[tensorrt\]'"):
        check_tensorrt(CONFIG)
    monkeypatch.setitem(__import__("sys").modules, "tensorrt", SimpleNamespace(__version__="10"))
    for precision in ("bf16", "int8"):
        with pytest.raises(RuntimeSetupError, match="tensorrt runs fp32 and fp16.*openvino or onnxruntime for int8"):
            check_tensorrt(replace(CONFIG, precision=precision))
    assert check_tensorrt(CONFIG).type == "cuda"


class FakeLibrary:
    """As much of TensorRT as building an engine touches; remembers the profile."""

    __version__ = "10.0"
    NetworkDefinitionCreationFlag = SimpleNamespace(STRONGLY_TYPED=1)
    MemoryPoolType = SimpleNamespace(WORKSPACE=0)

    def __init__(self, readable: bool = True, plan: bytes | None = b"plan") -> None:
        self.readable, self.plan, self.shapes = readable, plan, {}

    def Builder(self, _: object) -> Any:
        entries = [
            SimpleNamespace(name="images", shape=(-1, 4, 3, 64, 64)),
            SimpleNamespace(name="mask", shape=(-1, 4)),
        ]
        network = SimpleNamespace(num_inputs=2, get_input=entries.__getitem__)
        profile = SimpleNamespace(set_shape=lambda name, *shapes: self.shapes.update({name: shapes}))
        settings = SimpleNamespace(
            set_memory_pool_limit=lambda *_: None, add_optimization_profile=lambda given: self.shapes.update(kept=given)
        )
        return SimpleNamespace(
            create_network=lambda _: network,
            create_builder_config=lambda: settings,
            create_optimization_profile=lambda: profile,
            build_serialized_network=lambda *_: self.plan,
        )

    def OnnxParser(self, *_: object) -> Any:
        return SimpleNamespace(parse=lambda _: self.readable, num_errors=1, get_error=lambda _: "op 7 unknown")


def test_engines_take_one_to_many_frame_sets(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"model")
    library = FakeLibrary()
    assert build_engine(library, None, path) == b"plan"
    assert library.shapes["images"] == ((1, 4, 3, 64, 64), (1, 4, 3, 64, 64), (MAX_BATCH, 4, 3, 64, 64))
    assert library.shapes["mask"] == ((1, 4), (1, 4), (MAX_BATCH, 4))
    assert "kept" in library.shapes
    with pytest.raises(RuntimeSetupError, match="cannot read .*model.onnx: op 7 unknown"):
        build_engine(FakeLibrary(readable=False), None, path)
    with pytest.raises(RuntimeSetupError, match="cannot build an engine"):
        build_engine(FakeLibrary(plan=None), None, path)


@pytest.mark.cuda
@pytest.mark.parametrize("name", tiny.BUILDERS)
def test_joints_are_those_of_pytorch(name: str) -> None:
    pytest.importorskip("tensorrt")
    pytest.importorskip("onnx")
    network = tiny.tiny_network(name)
    identity, images = tiny.tiny_identity(network), tiny.tiny_images(MAX_BATCH + 1)
    runtime = make_runtime(network, replace(CONFIG, fallback=False), identity)
    expected = make_runtime(network, RuntimeConfig(device="cpu"), identity).run(images)
    np.testing.assert_allclose(runtime.run(images).joints_cm, expected.joints_cm, rtol=0, atol=0.1)
