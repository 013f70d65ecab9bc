"""Engines that fail while they work are replaced, and everybody is told."""

import logging
import weakref
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import tiny_networks as tiny

from egorear_ros.config import RuntimeConfig
from egorear_ros.runtimes import factory
from egorear_ros.runtimes.base import Prediction, Runtime, RuntimeSetupError
from egorear_ros.runtimes.fallback import FallbackRuntime, next_engines


class Mortal:
    """An engine that works a number of times."""

    def __init__(self, name: str, runs: int, error: Exception | None = None) -> None:
        self.description, self.left = name, runs
        self.error = error or RuntimeError(f"{name}: CUDA error: out of memory\nmore lines")

    def run(self, images: np.ndarray, *_: object, **__: object) -> Prediction:
        if self.left == 0:
            raise self.error
        self.left -= 1
        return Prediction(images * float(len(self.description)))


def makers(*engines: Runtime | Exception) -> list[tuple[str, Callable[[], Runtime]]]:
    def make(engine: Runtime | Exception) -> Runtime:
        if isinstance(engine, Exception):
            raise engine
        return engine

    return [(f"engine {number}", lambda engine=engine: make(engine)) for number, engine in enumerate(engines)]


IMAGES = np.ones((1, 2, 3), dtype=np.float32)


def test_the_same_frame_set_goes_to_the_next_engine(caplog: pytest.LogCaptureFixture) -> None:
    runtime = FallbackRuntime(Mortal("a", 2), makers(RuntimeError("no such device"), Mortal("bb", 1), Mortal("ccc", 9)))
    seen = [runtime.run(IMAGES).joints_cm[0, 0, 0] for _ in range(2)]
    assert (seen, runtime.notice, runtime.description) == ([1.0, 1.0], "", "a")
    assert runtime.run(IMAGES).joints_cm[0, 0, 0] == 2.0
    assert runtime.description == "bb"
    expected = "a failed: a: CUDA error: out of memory. engine 0 cannot replace it: no such device. bb is used instead."
    assert runtime.notice == expected
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert expected in caplog.text
    assert runtime.run(IMAGES).joints_cm[0, 0, 0] == 3.0
    assert runtime.notice == f"{expected} bb failed: bb: CUDA error: out of memory. ccc is used instead."


def test_the_last_engine_has_no_successor() -> None:
    with pytest.raises(RuntimeError, match="out of memory"):
        FallbackRuntime(Mortal("a", 0), []).run(IMAGES)
    with pytest.raises(RuntimeError, match="a failed.*engine 0 cannot replace it: gone. No engine is left"):
        FallbackRuntime(Mortal("a", 0), makers(RuntimeError("gone"))).run(IMAGES)


def test_memory_of_an_engine_that_failed_is_free_for_the_next() -> None:
    first = Mortal("a", 0)
    ghost, alive = weakref.ref(first), []

    def make() -> Runtime:
        alive.append(ghost() is not None)
        return Mortal("b", 1)

    runtime = FallbackRuntime(first, [("b", make)])
    del first
    runtime.run(IMAGES)
    assert alive == [False]


def test_after_the_last_engine_every_set_is_refused_in_words() -> None:
    runtime = FallbackRuntime(Mortal("a", 0), makers(RuntimeError("gone")))
    with pytest.raises(RuntimeError, match="No engine is left"):
        runtime.run(IMAGES)
    with pytest.raises(RuntimeError, match="No engine is left after a, which failed. Restart the node"):
        runtime.run(IMAGES)


def test_bad_input_is_not_the_engines_fault() -> None:
    runtime = FallbackRuntime(Mortal("a", 0, ValueError("images has shape")), makers(Mortal("b", 1)))
    with pytest.raises(ValueError, match="images has shape"):
        runtime.run(IMAGES)
    assert runtime.description == "a"


@pytest.mark.parametrize(
    ("config", "device", "expected"),
    [
        (RuntimeConfig(), "cpu", []),
        (RuntimeConfig(name="openvino", precision="bf16"), "cpu", [("pytorch", "cpu")]),
        (RuntimeConfig(precision="bf16", device="cpu"), "cpu", [("pytorch", "cpu")]),
        (RuntimeConfig(), "cuda", [("pytorch", "cpu")]),
        (RuntimeConfig(name="tensorrt", precision="fp16"), "cuda", [("pytorch", "cuda"), ("pytorch", "cpu")]),
        (
            RuntimeConfig(name="pytorch_compiled", device="cuda:1"),
            "cuda",
            [("pytorch", "cuda:1"), ("pytorch", "cpu")],
        ),
    ],
)
def test_who_follows(config: RuntimeConfig, device: str, expected: list[tuple[str, str]]) -> None:
    found = next_engines(config, device)
    assert [(settings.name, settings.device) for _, settings in found] == expected
    assert all(settings.precision == "fp32" and not settings.model for _, settings in found)


def test_an_engine_of_the_factory_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    network, images = tiny.tiny_network(), tiny.tiny_images(2)
    config = RuntimeConfig(name="openvino", device="cpu", threads=1)
    monkeypatch.setitem(factory.MAKERS, "openvino", lambda *_: Mortal("fast", 1))
    loaded = []
    runtime = factory.make_runtime(
        network, config, tiny.tiny_identity(network), lambda: loaded.append(1) or tiny.tiny_network()
    )
    runtime.run(images)
    assert not loaded
    expected = factory.make_runtime(network, replace(config, name="pytorch"), tiny.tiny_identity(network)).run(images)
    np.testing.assert_allclose(runtime.run(images).joints_cm, expected.joints_cm, atol=1e-5)
    assert loaded == [1]
    strict = factory.make_runtime(network, replace(config, fallback=False), tiny.tiny_identity(network))
    strict.run(images)
    with pytest.raises(RuntimeError, match="out of memory"):
        strict.run(images)


def test_files_are_for_engines_that_run_them() -> None:
    network = tiny.tiny_network()
    with pytest.raises(RuntimeSetupError, match="pytorch_compiled runs no files"):
        factory.make_runtime(
            network, RuntimeConfig(name="pytorch_compiled", model="x.onnx"), tiny.tiny_identity(network)
        )
