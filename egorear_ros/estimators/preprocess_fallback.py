"""Preprocessing on a GPU that fails goes on on the CPU, and everybody is told."""

import logging
from collections.abc import Callable, Mapping
from threading import Lock

import numpy as np

from egorear_ros.estimators.base import EstimateError
from egorear_ros.estimators.preprocessor import NetworkInput, Preprocess
from egorear_ros.runtimes.fallback import first_line
from egorear_ros.structures import Frame

LOG = logging.getLogger(__name__)


class FallbackPreprocessor:
    """Prepares on a GPU until that fails, say because it is out of memory or lost, then on the CPU.

    Args:
        on_gpu: begins.
        make_on_cpu: makes what follows, when it is needed.
    """

    def __init__(self, on_gpu: Preprocess, make_on_cpu: Callable[[], Preprocess]) -> None:
        self._on_gpu, self._make_on_cpu = on_gpu, make_on_cpu
        self._on_cpu: Preprocess | None = None
        self._lock = Lock()
        self.in_threads = True
        self.notice = ""

    def __call__(self, frames: Mapping[str, Frame]) -> NetworkInput:
        """Return the input that frames make; see `Preprocess`."""
        if self._on_cpu is None:
            try:
                return self._on_gpu(frames)
            except EstimateError:
                raise  # the images' fault
            except Exception as error:  # noqa: BLE001 -- whatever it is, the CPU does not share it
                self._go_on(error)
        assert self._on_cpu is not None
        self._on_cpu.in_threads = self.in_threads
        return self._on_cpu(frames)

    def release(self, used: NetworkInput) -> None:
        """Give an input's memory back to whom it belongs."""
        owner = self._on_cpu if isinstance(used.images, np.ndarray) else self._on_gpu
        assert owner is not None
        owner.release(used)

    def _go_on(self, error: Exception) -> None:
        with self._lock:  # several threads may find out
            if self._on_cpu is not None:
                return
            self._on_cpu = self._make_on_cpu()
            self.notice = f"preparing images on the GPU failed: {first_line(error)}. The CPU prepares them instead."
        LOG.error("%s Restart the node to try the GPU again, or set estimator.preprocess_on to cpu.", self.notice)
