"""PyTorch, eager: the reference that other engines are compared with."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from egorear_ros.config import RuntimeConfig
from egorear_ros.heatmap import find_peaks
from egorear_ros.models.egorear import EgoRearOutput
from egorear_ros.models.lifter import Lift
from egorear_ros.models.small.network import SmallOutput
from egorear_ros.runtimes.base import Float32Array, Prediction, RuntimeSetupError


class PyTorchRuntime:
    """Runs a pose network on a CPU or a GPU."""

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
        self.description = f"pytorch {torch.__version__} on {self._device}"

    def run(
        self,
        images: Float32Array,
        T_camera_device: Float32Array | None = None,
        view_mask: NDArray[np.bool_] | None = None,
    ) -> Prediction:
        """See `Runtime.run`."""
        _check_finite("images", images)
        if T_camera_device is not None:
            _check_finite("T_camera_device", T_camera_device)
        with torch.inference_mode():
            output = self._network(self._tensor(images), self._tensor(T_camera_device), self._tensor(view_mask))
            return _prediction(output)

    def _tensor(self, values: NDArray[np.generic] | None) -> Tensor | None:
        return None if values is None else torch.from_numpy(values).to(self._device)


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


def _prediction(output: EgoRearOutput | SmallOutput | Lift) -> Prediction:
    if isinstance(output, Lift):
        return Prediction(_array(output.joints_cm))
    if isinstance(output, SmallOutput):
        peaks, lift = output.peaks, output.lift
        return Prediction(_array(lift.joints_cm), _array(peaks.uv), _array(peaks.score), _array(lift.scale_cm))
    heatmaps = output.refinement.refined_heatmaps
    assert heatmaps is not None  # asked for by default
    peaks = find_peaks(heatmaps)
    return Prediction(_array(output.lift.joints_cm), _array(peaks.uv), _array(peaks.score))


def _array(values: Tensor) -> Float32Array:
    return values.float().cpu().numpy()


def _check_finite(name: str, values: NDArray[np.generic]) -> None:
    if not np.isfinite(values).all():
        raise ValueError(f"{name} {values.shape} holds NaN or infinity. Check the calibration and the camera.")
