"""A whole method that runs for long keeps nothing: the same memory for images, no objects, no tensors."""

import gc
import io
import tracemalloc
from dataclasses import replace

import numpy as np
import tiny_networks as tiny
import torch
from PIL import Image

from egorear_ros.config import RuntimeConfig
from egorear_ros.estimators.egorear import EgoRearEstimator
from egorear_ros.estimators.preprocessor import Preprocessor
from egorear_ros.runtimes.base import Images, Prediction, Runtime
from egorear_ros.runtimes.factory import make_runtime
from egorear_ros.structures import Frame, FrameSet

WARM, LONG = 40, 160
JPEG_PX = 64
LEAK_BYTES = 200
"""For every set: less than a pose has. What Python keeps of small objects that are free grows by a fifth of it."""


class Watched:
    """An engine whose images are noted by the place of their memory."""

    image_device = None

    def __init__(self, inner: Runtime) -> None:
        self.inner, self.description = inner, inner.description
        self.places: set[int] = set()

    def run(self, images: Images, *others: object, **named: object) -> Prediction:
        assert isinstance(images, np.ndarray)
        self.places.add(images.ctypes.data)
        return self.inner.run(images, *others, **named)  # type: ignore[arg-type]


def frame_sets() -> list[FrameSet]:
    """Return sets of other images each, one without a view."""
    random, sets = np.random.default_rng(0), []
    for number in range(3):
        frames = {}
        for view in tiny.RIG.views[number == 2 :]:
            buffer = io.BytesIO()
            Image.fromarray(random.integers(0, 255, (JPEG_PX, JPEG_PX, 3), dtype=np.uint8)).save(buffer, "JPEG")
            frames[view] = Frame(view, number, "jpeg", buffer.getvalue())
        sets.append(FrameSet(number, tiny.RIG.views, frames))
    return sets


def test_a_long_run_keeps_no_memory() -> None:
    network = tiny.tiny_network("small")
    runtime = Watched(make_runtime(network, RuntimeConfig(device="cpu", threads=1), tiny.tiny_identity(network)))
    made: list[np.ndarray] = []

    def memory(shape: tuple[int, ...]) -> np.ndarray:
        made.append(np.empty(shape, dtype=np.float32))
        return made[-1]

    preprocess = Preprocessor(tiny.RIG, tiny.SIZE, make_buffer=memory)
    estimator = EgoRearEstimator(runtime, tiny.RIG, tiny.SIZE, "test", accept_missing_views=True, preprocess=preprocess)
    sets = frame_sets()

    def go_on(count: int) -> tuple[int, int]:
        """Estimate, and return the traced memory in bytes, and how many tensors there are."""
        for number in range(count):
            frames = replace(sets[number % len(sets)], stamp_ns=number)
            assert np.isfinite(estimator.estimate(frames).joints_device).all()
        gc.collect()
        tensors = sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())
        return tracemalloc.get_traced_memory()[0], tensors

    estimator.warm_up()
    tracemalloc.start()
    try:
        before, tensors_before = go_on(WARM)
        after, tensors_after = go_on(LONG)
    finally:
        tracemalloc.stop()
    assert len(made) == 1, "one set after another needs the memory of one"
    assert runtime.places == {made[0].ctypes.data}
    assert after - before < LEAK_BYTES * LONG
    assert tensors_after == tensors_before
