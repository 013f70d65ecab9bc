"""PyTorch, compiled: fused kernels, and on a GPU one CUDA graph instead of hundreds of launches."""

import os
import shutil
import threading
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from egorear_ros.config import RuntimeConfig
from egorear_ros.runtimes.base import Float32Array, Images, Prediction, RuntimeSetupError
from egorear_ros.runtimes.cuda_graph import CudaGraphs
from egorear_ros.runtimes.identity import ModelIdentity
from egorear_ros.runtimes.onnx_cache import cache_folder
from egorear_ros.runtimes.pytorch import OptimizedPyTorchRuntime, choose_device

CPU_OPTIONS: dict[str, Any] = {"freezing": True}
"""Weights become constants, laid out once as the kernels want them."""


def check_compiler(device: torch.device) -> None:
    """Raise RuntimeSetupError if code for the CPU is needed and there is no C++ compiler."""
    compiler = os.environ.get("CXX", "g++")
    if device.type == "cpu" and shutil.which(compiler) is None:
        raise RuntimeSetupError(
            f"pytorch_compiled needs a C++ compiler on the CPU, and there is no {compiler}. Install g++, name one in "
            "the environment variable CXX, or set runtime.name to pytorch."
        )


class CompiledPyTorchRuntime(OptimizedPyTorchRuntime):
    """Runs the compiled inference form. Each new batch size is compiled when it first comes.

    Masks are applied instead of leaving views out, so that one compiled program serves all of them.
    """

    _eager = False  # the compiler knows nothing of what is faster without it

    def __init__(self, network: nn.Module, config: RuntimeConfig, identity: ModelIdentity) -> None:
        """Compile for one frame set; see `OptimizedPyTorchRuntime`.

        Args:
            network: trained; stays as it is.
            config: device, precision, threads.
            identity: says what inputs look like.

        Raises:
            RuntimeSetupError: no compiler, no such device or precision, or it does not compile.
        """
        device = choose_device(config.device)
        check_compiler(device)
        # What is compiled is found again at the next start.
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder().parent / "inductor"))
        super().__init__(network, config)
        self._views = len(identity.views)
        self._lock = threading.Lock()
        options = None if device.type == "cuda" else CPU_OPTIONS
        compiled = torch.compile(self._network, fullgraph=True, dynamic=False, options=options)
        self._call = CudaGraphs(compiled, device) if device.type == "cuda" else compiled
        self.description = f"pytorch {torch.__version__}, compiled, {config.precision}, on {device}"
        blank = np.zeros((1, self._views, 3, identity.image_size, identity.image_size), dtype=np.float32)
        try:
            self.run(blank)
        except RuntimeError as error:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise RuntimeSetupError(
                f"pytorch_compiled does not work here: {reason} Set runtime.name to pytorch."
            ) from error

    def run(
        self,
        images: Images,
        T_camera_device: Float32Array | None = None,
        view_mask: NDArray[np.bool_] | None = None,
        *,
        refined_peaks: bool = False,
    ) -> Prediction:
        """See `Runtime.run`."""
        if view_mask is None:  # else there would be a second program for it
            view_mask = np.ones((len(images), self._views), dtype=bool)
        with self._lock:  # a CUDA graph has one set of buffers
            return super().run(images, T_camera_device, view_mask, refined_peaks=refined_peaks)

    def spread(self, threads: int) -> int:
        """See `ManyCallers.spread`: one call after another."""
        return 0
