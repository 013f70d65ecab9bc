"""An engine that fails while it works is replaced by the next one, and everybody is told."""

import logging
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from egorear_ros.config import RuntimeConfig
from egorear_ros.runtimes.base import Float32Array, Images, Prediction, Runtime

if TYPE_CHECKING:
    import torch

LOG = logging.getLogger(__name__)

Maker = Callable[[], Runtime]


class FallbackRuntime:
    """Runs an engine until it fails, then the next.

    What an engine raises because of its input (`ValueError`) is passed on. Everything else, such as a GPU that
    is lost or out of memory, ends the use of that engine: the same frame set is run again by the next one.
    """

    def __init__(self, first: Runtime, others: Sequence[tuple[str, Maker]]) -> None:
        """Begin with an engine that is loaded.

        Args:
            first: the engine.
            others: name and maker of those that follow, in order; they are made when they are needed.
        """
        self._engine, self._others = first, list(others)
        self._notices: list[str] = []

    @property
    def description(self) -> str:
        """Engine and device of the engine that works now."""
        return self._engine.description

    @property
    def image_device(self) -> "torch.device | None":
        """See `Runtime.image_device`: of the engine that works now."""
        return self._engine.image_device

    @property
    def notice(self) -> str:
        """What went wrong and what is used instead; "" as long as the first engine works."""
        return " ".join(self._notices)

    def run(
        self,
        images: Images,
        T_camera_device: Float32Array | None = None,
        view_mask: NDArray[np.bool_] | None = None,
        *,
        refined_peaks: bool = False,
    ) -> Prediction:
        """See `Runtime.run`.

        Raises:
            RuntimeError: the last engine failed as well.
        """
        while True:
            try:
                return self._engine.run(images, T_camera_device, view_mask, refined_peaks=refined_peaks)
            except ValueError:
                raise
            except Exception as error:
                if not self._others:
                    raise
                self._go_on(error)

    def _go_on(self, error: Exception) -> None:
        """Replace the engine by the first of the others that can be made.

        Raises:
            RuntimeError: none can.
        """
        failed = self._engine.description
        reason = f"{failed} failed: {first_line(error)}."
        # Its memory may be what the next one lacks: nothing holds it from here on, the traceback neither.
        self._engine = _Ended(f"{failed}, which failed")
        traceback.clear_frames(error.__traceback__)
        while self._others:
            name, make = self._others.pop(0)
            try:
                self._engine = make()
            except Exception as next_error:  # noqa: BLE001 -- whatever it is, the one after it may work
                reason += f" {name} cannot replace it: {first_line(next_error)}."
                continue
            self._notices.append(f"{reason} {self._engine.description} is used instead.")
            LOG.error("%s Restart the node to try the first engine again.", self._notices[-1])
            return
        LOG.error("%s No engine is left.", reason)
        raise RuntimeError(f"{reason} No engine is left.") from error


class _Ended:
    """In the place of an engine that failed and has no successor."""

    image_device = None

    def __init__(self, description: str) -> None:
        self.description = description

    def run(self, *_: object, **__: object) -> Prediction:
        """Refuse.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError(f"No engine is left after {self.description}. Restart the node.")


def next_engines(config: RuntimeConfig, device_type: str) -> list[tuple[str, RuntimeConfig]]:
    """Return what follows when an engine fails in flight: title and configuration, in order.

    On a GPU: PyTorch there, because a failing engine often leaves the GPU intact, then PyTorch on the CPU. On a
    CPU: PyTorch. Always with whole precision. PyTorch on the CPU has no successor.

    Args:
        config: of the engine that begins.
        device_type: where it runs, "cuda" or "cpu".
    """
    cpu = replace(config, name="pytorch", device="cpu", precision="fp32", provider="auto", model="")
    chain = [("pytorch on cpu", cpu)]
    if device_type == "cuda":
        gpu = replace(cpu, device="cuda" if config.device == "auto" else config.device)
        chain.insert(0, (f"pytorch on {gpu.device}", gpu))
    plain = config.precision == "fp32" and config.name in ("pytorch", "pytorch_plain")
    if plain:  # it is the first of them itself
        del chain[0]
    return chain


def first_line(error: Exception) -> str:
    """Return what an exception says first, without its last full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
