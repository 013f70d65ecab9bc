"""Where images are prepared: as configured, announced, and on the CPU when the GPU fails."""

import logging
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from egorear_ros.config import EstimatorConfig, RuntimeConfig
from egorear_ros.estimators.base import EstimateError, EstimatorSetupError
from egorear_ros.estimators.egorear import EgoRearEstimator
from egorear_ros.estimators.gpu_preprocessor import GpuPreprocessor
from egorear_ros.estimators.preprocess_choice import make_preprocess
from egorear_ros.estimators.preprocess_fallback import FallbackPreprocessor
from egorear_ros.estimators.preprocessor import Preprocess, Preprocessor
from egorear_ros.structures import FrameSet, Rig, TrackingState

SIZE = 64


class Engine:
    """Stands for one on a GPU, which the CPU plays, or on none."""

    def __init__(self, device: torch.device | None) -> None:
        self.image_device, self.description = device, "an engine"


def choose(
    rig: Rig, where: str, device: torch.device | None, architecture: str = "egorear", fallback: bool = True
) -> Preprocess:
    config = EstimatorConfig(preprocess_on=where)
    runtime: Any = Engine(device)
    return make_preprocess(config, RuntimeConfig(fallback=fallback), runtime, rig, SIZE, architecture)


def test_where(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    device = torch.device("cpu")
    assert isinstance(choose(rig, "auto", None), Preprocessor)
    assert not caplog.records
    assert isinstance(choose(rig, "auto", device), FallbackPreprocessor)
    assert "images are prepared on cpu, JPEGs decoded by the CPU" in caplog.text
    assert isinstance(choose(rig, "gpu", device, fallback=False), GpuPreprocessor)
    with pytest.raises(EstimatorSetupError, match="preprocess_on is gpu, but an engine takes images from ordinary"):
        choose(rig, "gpu", None)


def test_nvimagecodec_only_where_jpegs_need_not_be_exact(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setitem(sys.modules, "nvidia", None)
    choose(rig, "gpu", torch.device("cpu"))
    assert "nvImageCodec" not in caplog.text
    choose(rig, "gpu", torch.device("cpu"), "egorear_small")
    assert "nvImageCodec is not used" in caplog.text
    assert "pip install '.[gpu-jpeg]'" in caplog.text


class Mortal:
    """Prepares a number of times."""

    notice, in_threads = "", True

    def __init__(self, inner: Preprocess, left: int) -> None:
        self.inner, self.left = inner, left
        self.released = 0

    def __call__(self, frames: Any) -> Any:
        if self.left == 0:
            raise RuntimeError("CUDA error: out of memory\nmore")
        self.left -= 1
        return self.inner(frames)

    def release(self, used: Any) -> None:
        self.released += 1
        self.inner.release(used)


def test_a_gpu_that_fails_is_left_and_said(
    rig: Rig,
    frame_set: Callable[..., FrameSet],
    jpeg: Callable[..., bytes],
    known_runtime: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    on_gpu = Mortal(GpuPreprocessor(rig, SIZE, torch.device("cpu")), 2)
    preprocess = FallbackPreprocessor(on_gpu, lambda: Preprocessor(rig, SIZE))
    estimator = EgoRearEstimator(known_runtime, rig, SIZE, "test", preprocess=preprocess)
    known_runtime.run = lambda images, *_: known_runtime.prediction
    assert estimator.estimate(frame_set()).state is TrackingState.OK
    with pytest.raises(EstimateError, match="front_left: damaged"):
        estimator.estimate(frame_set(front_left=jpeg()[:2000]))
    assert (estimator.notice, caplog.records, on_gpu.released) == ("", [], 1)
    for _ in range(2):
        assert estimator.estimate(frame_set()).state is TrackingState.OK
    words = "preparing images on the GPU failed: CUDA error: out of memory. The CPU prepares them instead."
    assert estimator.notice == words
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert words in caplog.text
    assert isinstance(preprocess(frame_set().frames).images, np.ndarray)
    assert on_gpu.released == 1
