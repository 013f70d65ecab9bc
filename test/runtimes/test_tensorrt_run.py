"""A TensorRT engine that Python plays, on memory of the CPU: what a call reads, writes and allocates."""

import ctypes
import threading
import time
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from egorear_ros.config import RuntimeConfig
from egorear_ros.runtimes import tensorrt
from egorear_ros.runtimes.base import RuntimeSetupError
from egorear_ros.runtimes.identity import ModelIdentity
from egorear_ros.runtimes.tensorrt import MAX_BATCH, TensorRtRuntime

VIEWS, SIZE, JOINTS = ("a", "b"), 8, 16
IDENTITY = ModelIdentity("test", "0123456789abcdef", VIEWS, SIZE, "rig")
EXTRINSICS = np.tile(np.eye(4, dtype=np.float32), (len(VIEWS), 1, 1))
VIEWS_OF_TENSORS = ("detach", "lift_fresh")
OUTPUTS = {"joints_cm": (JOINTS, 3), "scale_cm": (JOINTS,)}


class FakeContext:
    """Joint j of a frame set is j plus the mean of its images of views that are there; its scale is j."""

    def __init__(self) -> None:
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.places: dict[str, int] = {}
        self.works, self.calls, self.overlapped = True, 0, False

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> None:
        self.shapes[name] = shape

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (self.shapes["images"][0], *OUTPUTS[name])

    def set_tensor_address(self, name: str, place: int) -> None:
        self.places[name] = place

    def execute_async_v3(self, _: int) -> bool:
        self.calls += 1
        mine = self.calls
        time.sleep(0.001)  # others run, if they are not kept from it
        images, mask = self._array("images", ctypes.c_float), self._array("view_mask", ctypes.c_bool)
        means = (images.mean(axis=(2, 3, 4)) * mask).sum(axis=1)
        self._array("joints_cm", ctypes.c_float)[:] = np.arange(JOINTS)[:, None] + means[:, None, None]
        self._array("scale_cm", ctypes.c_float)[:] = np.arange(JOINTS)
        self.overlapped |= mine != self.calls
        return self.works

    def _array(self, name: str, kind: Any) -> np.ndarray:
        shape = self.shapes.get(name) or self.get_tensor_shape(name)
        return np.ctypeslib.as_array((kind * int(np.prod(shape))).from_address(self.places[name])).reshape(shape)


class FakeLibrary:
    """As much of TensorRT as loading an engine touches."""

    __version__ = "10.0"
    TensorIOMode = SimpleNamespace(OUTPUT="output")

    def __init__(self, context: FakeContext | None) -> None:
        names = ["images", "view_mask", "T_camera_device", *OUTPUTS]
        self.engine = SimpleNamespace(
            num_io_tensors=len(names),
            get_tensor_name=names.__getitem__,
            get_tensor_mode=lambda name: "output" if name in OUTPUTS else "input",
            create_execution_context=lambda: context,
        )
        self.Logger = type("Logger", (), {"WARNING": 0, "__init__": lambda self, _: None})

    def Runtime(self, _: object) -> Any:
        return SimpleNamespace(deserialize_cuda_engine=lambda _: self.engine)


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the CPU play the GPU."""
    monkeypatch.setattr(tensorrt, "check_tensorrt", lambda _: torch.device("cpu"))
    monkeypatch.setattr(tensorrt, "cached_engine", lambda *_: b"plan")
    stream = SimpleNamespace(cuda_stream=0, synchronize=lambda: None)
    played = {"device": nullcontext, "stream": nullcontext, "Stream": lambda _: stream}
    played |= {"get_device_capability": lambda _: (9, 0), "get_device_name": lambda _: "a GPU"}
    for name, value in played.items():
        monkeypatch.setattr(torch.cuda, name, value)


def load(monkeypatch: pytest.MonkeyPatch, context: FakeContext | None) -> TensorRtRuntime:
    library = FakeLibrary(context)
    monkeypatch.setattr(tensorrt, "import_library", lambda *_: library)
    path: Any = None
    return TensorRtRuntime(path, IDENTITY, EXTRINSICS, RuntimeConfig(name="tensorrt"))


@pytest.fixture
def context() -> FakeContext:
    return FakeContext()


@pytest.fixture
def runtime(context: FakeContext, monkeypatch: pytest.MonkeyPatch) -> TensorRtRuntime:
    return load(monkeypatch, context)


def level(value: float, batch: int = 1) -> np.ndarray:
    """Return images whose every number is `value` plus that of the frame set."""
    images = np.full((batch, len(VIEWS), 3, SIZE, SIZE), value, dtype=np.float32)
    return images + np.arange(batch, dtype=np.float32)[:, None, None, None, None]


class Operations(TorchDispatchMode):
    """Writes down what PyTorch does."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def operations_of(runtime: TensorRtRuntime, images: np.ndarray) -> list[str]:
    with Operations() as done:
        runtime.run(images)
    return done.names


def test_later_calls_allocate_nothing_on_the_device(runtime: TensorRtRuntime, context: FakeContext) -> None:
    first = operations_of(runtime, level(1.0))
    places = dict(context.places)
    assert first.count("empty") == len(places) == 3 + len(OUTPUTS)
    for value in (2.0, 3.0):
        later = operations_of(runtime, level(value))
        # Inputs into memory that there is; outputs into host memory of the caller's.
        assert (
            sorted(name for name in later if name not in VIEWS_OF_TENSORS)
            == ["_to_copy"] * len(OUTPUTS) + ["copy_"] * 3
        )
        assert context.places == places
    runtime.run(level(1.0, batch=2))
    assert set(context.places.values()).isdisjoint(places.values()), "another batch has memory of its own"
    assert "empty" not in operations_of(runtime, level(4.0, batch=2))
    runtime.run(level(1.0))
    assert context.places == places


def test_results_belong_to_the_caller(runtime: TensorRtRuntime) -> None:
    first = runtime.run(level(1.0))
    kept = first.joints_cm.copy()
    second = runtime.run(level(5.0))
    np.testing.assert_array_equal(first.joints_cm, kept)
    np.testing.assert_allclose(second.joints_cm - kept, 8.0)


def test_a_first_call_in_inference_mode_binds_no_other(runtime: TensorRtRuntime) -> None:
    with torch.inference_mode():
        first = runtime.run(level(1.0)).joints_cm
    np.testing.assert_array_equal(runtime.run(level(1.0)).joints_cm, first)


def test_batches_are_split_and_masks_are_read(runtime: TensorRtRuntime) -> None:
    batch = 2 * MAX_BATCH + 3
    mask = np.ones((batch, 2), dtype=bool)
    mask[4, 1] = False
    found = runtime.run(level(0.5, batch), view_mask=mask)
    means = (0.5 + np.arange(batch)) * mask.sum(axis=1)
    expected = np.arange(JOINTS)[None, :, None] + means[:, None, None]
    np.testing.assert_allclose(found.joints_cm, np.broadcast_to(expected, (batch, JOINTS, 3)), rtol=1e-6)
    assert found.scales_cm is not None
    assert found.scales_cm.shape == (batch, JOINTS)


def test_several_threads_take_turns(runtime: TensorRtRuntime, context: FakeContext) -> None:
    wrong: list[float] = []

    def work(value: float) -> None:
        for _ in range(20):
            found = runtime.run(level(value)).joints_cm[0, 0, 0]
            if found != 2.0 * value:
                wrong.append(float(found))

    threads = [threading.Thread(target=work, args=(float(value),)) for value in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert context.calls == 4 * 20
    assert not context.overlapped


def test_an_engine_that_cannot_be_executed(runtime: TensorRtRuntime, context: FakeContext) -> None:
    context.works = False
    with pytest.raises(RuntimeError, match="tensorrt 10.0, fp32, on a GPU: the engine could not be executed"):
        runtime.run(level(1.0))
    context.works = True
    assert runtime.run(level(1.0)).joints_cm[0, 0, 0] == 2.0


def test_no_room_for_activations(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeSetupError, match="room for the activations of test on a GPU: it is out of memory"):
        load(monkeypatch, None)
