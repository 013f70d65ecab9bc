"""PyTorch, eager: the module as it was trained, or its inference form.

The former is the reference that other engines are compared with.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from egorear_ros.config import RuntimeConfig
from egorear_ros.heatmap import find_peaks
from egorear_ros.models.egorear import EgoRearOutput
from egorear_ros.models.egotap.network import EgoTapOutput
from egorear_ros.models.fast.grouped import group_refiners
from egorear_ros.models.fast.network import FastEgoRear
from egorear_ros.models.fast.optimize import optimize
from egorear_ros.models.fast.plug_in import FastRefinedEgoPoseFormer
from egorear_ros.models.lifter import Lift
from egorear_ros.models.small.network import EgoRearSmall, SmallOutput
from egorear_ros.runtimes.base import Float32Array, Images, Prediction, RuntimeSetupError, check_finite
from egorear_ros.runtimes.device_images import DeviceImages
from egorear_ros.runtimes.precision import reduce_precision

SMALL_CALL_IMAGES = 16
"""Calls of EgoRear-small with fewer images spend much of their time between the operations, and oneDNN computes
them on one core by other kernels than on several."""


class PyTorchRuntime:
    """Runs a pose network, as it is, on a CPU or a GPU."""

    def __init__(self, network: nn.Module, config: RuntimeConfig) -> None:
        """Move the network to its device.

        Args:
            network: `EgoRear`, `EgoRearSmall` or `EgoPoseFormer`.
            config: `device` and `threads`; the latter holds for the whole process.

        Raises:
            RuntimeSetupError: there is no such device, or it has too little memory.
        """
        self._device = choose_device(config.device)
        if config.threads:
            torch.set_num_threads(config.threads)
        try:
            self._network = network.eval().requires_grad_(False).to(self._device)
        except RuntimeError as error:
            raise RuntimeSetupError(f"runtime.device {self._device}: {error} Set runtime.device to cpu.") from error
        self._call: Callable[..., Any] = self._network
        on_gpu = self._device.type == "cuda"
        self.image_device = self._device if on_gpu else None
        self._stream = torch.cuda.Stream(self._device) if on_gpu else None
        self._threads_before = 0
        self.description = f"pytorch {torch.__version__} on {self._device}"

    @property
    def network(self) -> nn.Module:
        """What is run, on its device."""
        return self._network

    def run(
        self,
        images: Images,
        T_camera_device: Float32Array | None = None,
        view_mask: NDArray[np.bool_] | None = None,
        *,
        refined_peaks: bool = False,
    ) -> Prediction:
        """See `Runtime.run`."""
        check_finite(images if isinstance(images, np.ndarray) else None, T_camera_device)
        if self._threads_before and torch.get_num_threads() != 1:
            torch.set_num_threads(1)  # of the thread that calls
        can_leave_out = isinstance(self._network, FastEgoRear | FastRefinedEgoPoseFormer)
        wish = {"refined_heatmaps": refined_peaks} if can_leave_out else {}
        # The preprocessor of the next set must not wait for this one, nor this one for it.
        with torch.inference_mode(), torch.cuda.stream(self._stream):
            on_device = images.on(self._device) if isinstance(images, DeviceImages) else self._tensor(images)
            output = self._call(on_device, self._tensor(T_camera_device), self._tensor(view_mask), **wish)
            return as_prediction(output)

    def spread(self, threads: int) -> int:
        """See `ManyCallers.spread`."""
        if self._device.type != "cpu":
            return 0
        self._threads_before = self._threads_before or torch.get_num_threads()
        return SMALL_CALL_IMAGES if isinstance(self._network, EgoRearSmall) else 1

    def gather(self) -> None:
        """See `ManyCallers.gather`."""
        if self._threads_before:
            torch.set_num_threads(self._threads_before)
            self._threads_before = 0

    def _tensor(self, values: NDArray[np.generic] | None) -> Tensor | None:
        return None if values is None else torch.from_numpy(values).to(self._device, non_blocking=True)


class OptimizedPyTorchRuntime(PyTorchRuntime):
    """Runs a pose network's inference form, its images laid out channels last.

    On a CPU and in single precision, 3x3 convolutions take fewer multiplications (`models.fast.minimal`).
    """

    _eager = True

    def __init__(self, network: nn.Module, config: RuntimeConfig, *, consume: bool = False) -> None:
        """Derive the inference form; see `PyTorchRuntime`.

        Args:
            network: trained; stays as it is unless it is consumed.
            config: `precision` as well.
            consume: see `optimize`.

        Raises:
            RuntimeSetupError: the device cannot compute with that precision, or is not there.
        """
        device = choose_device(config.device)
        minimal = self._eager and device.type == "cpu" and config.precision == "fp32"
        if minimal:
            from egorear_ros.models.fast.minimal.jit import compile_ahead
            from egorear_ros.models.fast.minimal.replace import use_minimal_filtering

            compile_ahead()
        fast = optimize(network, consume=consume)
        if device.type == "cuda" or self._eager:
            fast = group_refiners(fast, maps=device.type == "cuda")
        fast = reduce_precision(fast, config.precision, device)
        fast = fast.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if minimal:
            use_minimal_filtering(fast)
        super().__init__(fast, config)
        self.description = f"pytorch {torch.__version__}, inference form, {config.precision}, on {device}"


def choose_device(name: str) -> torch.device:
    """Return the device that `runtime.device` names.

    Raises:
        RuntimeSetupError: it is not a device or not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise RuntimeSetupError(f"runtime.device is {name!r}; expected auto, cpu, cuda or cuda:N.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise RuntimeSetupError(
            f"runtime.device is {name}, but PyTorch {torch.__version__} finds no CUDA device. Check `nvidia-smi`, "
            "install a CUDA build of PyTorch, or set runtime.device to auto or cpu."
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise RuntimeSetupError(f"runtime.device is {name}, but there are {torch.cuda.device_count()} CUDA devices.")
    if device.type not in ("cpu", "cuda"):
        raise RuntimeSetupError(f"runtime.device is {name!r}; expected auto, cpu, cuda or cuda:N.")
    return device


def as_prediction(output: EgoRearOutput | EgoTapOutput | SmallOutput | Lift) -> Prediction:
    """Return what a network says, as arrays on the CPU."""
    if isinstance(output, Lift):
        return Prediction(_array(output.joints_cm))
    if isinstance(output, SmallOutput):
        peaks, lift = output.peaks, output.lift
        scores, scales = _array(peaks.score), None if lift.scale_cm is None else _array(lift.scale_cm)
        return Prediction(_array(lift.joints_cm), _array(peaks.uv), scores, scales, refined_peaks=True)
    refinement = output.refinement
    heatmaps = refinement.refined_heatmaps
    peaks = refinement.peaks if heatmaps is None else find_peaks(heatmaps)
    joints_cm, scores = _array(output.lift.joints_cm), _array(peaks.score)
    return Prediction(joints_cm, _array(peaks.uv), scores, refined_peaks=heatmaps is not None)


def _array(values: Tensor) -> Float32Array:
    return values.float().cpu().numpy()
