"""`runtime.name: auto`: the fastest installed engine that says the same as PyTorch."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import nn

from egorear_ros.config import RuntimeConfig
from egorear_ros.runtimes.base import NotInstalledError, Runtime, RuntimeSetupError
from egorear_ros.runtimes.identity import ModelFileError, ModelIdentity
from egorear_ros.runtimes.measured import record_path, remember, remembered
from egorear_ros.runtimes.pytorch import choose_device

LOG = logging.getLogger(__name__)
CANDIDATES = {"cpu": ("openvino", "onnxruntime"), "cuda": ("tensorrt", "pytorch_compiled")}
TOLERANCE_CM = 0.01
"""Largest distance of a joint from PyTorch's: a tenth of a millimetre."""

RUNS = 3

Maker = Callable[[nn.Module, RuntimeConfig, ModelIdentity], Runtime]


def choose_runtime(
    network: nn.Module, config: RuntimeConfig, identity: ModelIdentity, makers: Mapping[str, Maker]
) -> Runtime:
    """Return the fastest engine; why, and why not the others, is logged.

    What was measured is kept, so that the next start on the same machine only loads the engine.

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
    candidates = CANDIDATES[choose_device(config.device).type]
    record = record_path(identity, config, candidates)
    known = remembered(record, ("pytorch", *candidates))
    if known is not None:
        name, times_ms = known
        measured = ", ".join(f"{engine} {value:.1f} ms" for engine, value in times_ms.items())
        try:
            engine = makers[name](network, replace(config, name=name), identity)
        except Exception as error:  # noqa: BLE001 - libraries derive theirs from nothing more special
            LOG.warning("runtime.name auto: %s was fastest, but does not work any more: %s", name, _reason(error))
        else:
            LOG.info("runtime.name auto: chosen: %s, as measured before (%s).", engine.description, measured)
            return engine
    return _measure(network, config, identity, {name: makers[name] for name in ("pytorch", *candidates)}, record)


def _measure(
    network: nn.Module, config: RuntimeConfig, identity: ModelIdentity, makers: Mapping[str, Maker], record: Path
) -> Runtime:
    """Compare all engines with the first, PyTorch; write down and return the fastest that agrees."""
    images, mask = _inputs(identity)
    engines: dict[str, Runtime] = {}
    times_ms: dict[str, float] = {}
    expected = None
    for name, make in makers.items():
        try:
            engine = make(network, replace(config, name=name), identity)
            joints_cm = engine.run(images, view_mask=mask).joints_cm
            expected = joints_cm if expected is None else expected
            error_cm = float(np.abs(joints_cm - expected).max())
            if not error_cm <= TOLERANCE_CM:
                LOG.warning("runtime.name auto: %s is left out: its joints are %.3g mm off.", name, 10.0 * error_cm)
                continue
            time_ms = 1e3 * _fastest_s(engine, images[:1])
        except Exception as error:  # libraries derive theirs from nothing more special
            if not engines:
                raise  # PyTorch's own: there is nothing to fall back on
            level = logging.INFO if isinstance(error, NotInstalledError) else logging.WARNING
            what = "is left out" if isinstance(error, NotInstalledError) else "does not work here"
            LOG.log(level, "runtime.name auto: %s %s: %s", name, what, _reason(error))
            continue
        engines[name], times_ms[name] = engine, time_ms
        LOG.info("runtime.name auto: %s takes %.1f ms.", name, time_ms)
    best = min(times_ms, key=times_ms.__getitem__)
    remember(record, best, times_ms)
    LOG.info("runtime.name auto: chosen: %s.", engines[best].description)
    return engines[best]


def _reason(error: Exception) -> str:
    """Return its text, after its kind where it is a library's own: such texts can be empty or a bare name."""
    ours = isinstance(error, RuntimeSetupError | ModelFileError)
    return str(error) if ours else f"{type(error).__name__}: {error}"


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
