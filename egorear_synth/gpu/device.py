"""Warp, and the device that it runs on."""

import contextlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from egorear_synth.rendering import RendererError


@lru_cache(maxsize=2)
def open_device(name: str) -> Any:
    """Return the Warp device of a name ("cpu", "cuda").

    Raises:
        RendererError: Warp is not installed, or this machine has no such device.
    """
    if importlib.util.find_spec("warp") is None:
        raise RendererError(
            "--renderer warp needs the package warp-lang, which is not installed. "
            "In a checkout of egorear_ros: pip install '.[gpu-synth]', or use --renderer embree."
        )
    import warp

    warp.config.log_level = warp.LOG_WARNING
    with _quiet() if name == "cpu" else contextlib.nullcontext():
        warp.init()
    if name == "cuda" and not warp.is_cuda_available():
        raise RendererError(
            "--device cuda: Warp finds no NVIDIA GPU that it can use on this machine; it needs one of compute "
            "capability 7.5 or newer and a driver 580 or newer (nvidia-smi shows both). "
            "Use --renderer embree, which needs none; --renderer warp --device cpu runs the GPU's kernels "
            "on the processor, slowly, for tests."
        )
    return warp.get_device(name)


def device_facts(name: str) -> dict[str, str]:
    """Return what images depend on: Warp's version, and the GPU.

    Raises:
        RendererError: see `open_device`.
    """
    device = open_device(name)
    import warp

    return {"warp": warp.__version__, "device": device.name if device.is_cuda else "cpu"}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep from the terminal what Warp's library says about a missing GPU to those who want none."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
