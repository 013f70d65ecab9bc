"""`runtime.name: auto`: the fastest installed engine that says the same as PyTorch."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from torch import nn

from egorear_ros.config import RuntimeConfig
from egorear_ros.runtimes.base import NotInstalledError, Runtime, RuntimeSetupError
from egorear_ros.runtimes.identity import ModelFileError, ModelIdentity
from egorear_ros.runtimes.pytorch import choose_device

LOG = logging.getLogger(__name__)
CANDIDATES = {"cpu": ("openvino", "onnxruntime"), "cuda": ()}
TOLERANCE_CM = 0.01
"""Largest distance of a joint from PyTorch's: a tenth of a millimetre."""

RUNS = 3

Maker = Callable[[nn.Module, RuntimeConfig, ModelIdentity], Runtime]


def choose_runtime(
    network: nn.Module, config: RuntimeConfig, identity: ModelIdentity, makers: Mapping[str, Maker]
) -> Runtime:
    """Return the fastest engine; why, and why not the others, is logged.

    Args:
        network: with its weights.
        config: `precision` must be fp32.
        identity: of the network.
        makers: of engines, by name.

    Raises:
        RuntimeSetupError: a reduced precision is asked for, or PyTorch itself cannot run.
    """
    if config.precision != "fp32":
        raise RuntimeSetupError(
            f"runtime.precision is {config.precision}, but auto chooses among engines that agree with fp32. "
            "Name an engine in runtime.name."
        )
    best = makers["pytorch"](network, replace(config, name="pytorch"), identity)
    images, mask = _inputs(identity)
    expected = best.run(images, view_mask=mask).joints_cm
    best_s = _fastest_s(best, images[:1])
    pytorch_s = best_s
    for name in CANDIDATES[choose_device(config.device).type]:
        try:
            engine = makers[name](network, replace(config, name=name), identity)
            error_cm = float(np.abs(engine.run(images, view_mask=mask).joints_cm - expected).max())
        except NotInstalledError as error:
            LOG.info("runtime.name auto: %s is left out: %s", name, error)
            continue
        except (RuntimeSetupError, ModelFileError, RuntimeError) as error:
            LOG.warning("runtime.name auto: %s does not work here: %s", name, error)
            continue
        if not error_cm <= TOLERANCE_CM:
            LOG.warning("runtime.name auto: %s is left out: its joints are %.3g mm off.", name, 10.0 * error_cm)
            continue
        seconds = _fastest_s(engine, images[:1])
        LOG.info("runtime.name auto: %s takes %.1f ms, pytorch %.1f ms.", name, 1e3 * seconds, 1e3 * pytorch_s)
        if seconds < best_s:
            best, best_s = engine, seconds
    LOG.info("runtime.name auto: chosen: %s.", best.description)
    return best


def _inputs(identity: ModelIdentity) -> tuple[np.ndarray, np.ndarray]:
    """Return random images, and a mask by which the second entry lacks a view."""
    views, size = len(identity.views), identity.image_size
    images = np.random.default_rng(0).normal(size=(2, views, 3, size, size)).astype(np.float32)
    mask = np.ones((2, views), dtype=bool)
    mask[1, -1] = False
    return images, mask


def _fastest_s(runtime: Runtime, images: np.ndarray) -> float:
    seconds = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        runtime.run(images)
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])
