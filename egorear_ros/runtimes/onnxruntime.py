"""ONNX Runtime: on CPUs, and on GPUs with CUDA or TensorRT."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egorear_ros.config import RuntimeConfig
from egorear_ros.runtimes.arrays import as_prediction, make_feed
from egorear_ros.runtimes.base import Float32Array, Images, Prediction, RuntimeSetupError
from egorear_ros.runtimes.identity import ModelIdentity
from egorear_ros.runtimes.install import import_library

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
PRECISIONS = {"cpu": ("fp32", "int8"), "cuda": ("fp32", "fp16"), "tensorrt": ("fp32", "fp16")}
"""int8 on CPUs alone: the files that `egorear export` measures have zero points, which TensorRT does not read."""


def choose_provider(config: RuntimeConfig, available: Sequence[str]) -> str:
    """Return a key of `PROVIDERS`.

    Args:
        config: `provider`, `device` and `precision`.
        available: ONNX Runtime's names of what its installation has.

    Raises:
        RuntimeSetupError: it has not what is asked for, or that cannot compute so.
    """
    gpu = config.device.startswith("cuda")
    name = config.provider
    if name == "auto":
        on_gpu = gpu or (config.device == "auto" and PROVIDERS["cuda"] in available)
        name = "cuda" if on_gpu else "cpu"
    if (name == "cpu" and gpu) or (name != "cpu" and config.device == "cpu"):
        raise RuntimeSetupError(
            f"runtime.device is {config.device} but runtime.provider is {name}. Set one of them to auto."
        )
    if PROVIDERS[name] not in available:
        raise RuntimeSetupError(
            f"runtime.provider {name}: this ONNX Runtime has {', '.join(available)}. Install onnxruntime-gpu in place "
            "of onnxruntime, set runtime.device and runtime.provider to cpu, or runtime.name to pytorch."
        )
    if config.precision not in PRECISIONS[name]:
        raise RuntimeSetupError(
            f"runtime.precision is {config.precision}, but onnxruntime runs {', '.join(PRECISIONS[name])} with {name}. "
            "Set one of these, or runtime.name to pytorch or openvino."
        )
    return name


def check_onnxruntime(config: RuntimeConfig) -> None:
    """Raise RuntimeSetupError if the library is missing or cannot do what is asked."""
    choose_provider(config, import_library("onnxruntime", "onnx").get_available_providers())


class OnnxRuntime:
    """Runs an exported model."""

    image_device = None

    def __init__(
        self,
        path: Path,
        identity: ModelIdentity,
        T_camera_device: Float32Array,
        config: RuntimeConfig,
        engines: Path | None = None,
    ) -> None:
        """Load a file, which `onnx_for` has checked.

        Args:
            path: with extrinsics as an input.
            identity: of the model.
            T_camera_device: (V, 4, 4) the rig's own extrinsics.
            config: `threads`, `device`, `provider`, `precision`.
            engines: folder where the TensorRT provider keeps what it builds.

        Raises:
            RuntimeSetupError: the library is missing, refuses device or precision, or cannot start.
        """
        library = import_library("onnxruntime", "onnx")
        name = choose_provider(config, library.get_available_providers())
        self._path, self._on_cpu = path, name == "cpu"
        self._session = self._wide = self._load(config.threads, _with_options(name, config, engines))
        started = self._session.get_providers()
        if PROVIDERS[name] not in started:  # it goes on with another one without raising
            raise RuntimeSetupError(
                f"runtime.provider {name} could not start; ONNX Runtime would use {', '.join(started)}. Check its CUDA "
                "and cuDNN libraries, or set runtime.provider to cpu."
            )
        self._names = [output.name for output in self._session.get_outputs()]
        self._identity, self._extrinsics = identity, T_camera_device
        self.description = f"onnxruntime {library.__version__}, {config.precision}, on {name}"

    def _load(self, threads: int, providers: list[Any]) -> Any:
        """Return a session whose operations use so many threads; 0: as many as there are cores."""
        library = import_library("onnxruntime", "onnx")
        options = library.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            return library.InferenceSession(str(self._path), options, providers=providers)
        except Exception as error:
            raise RuntimeSetupError(f"onnxruntime cannot load {self._path}: {error}") from error

    def spread(self, threads: int) -> int:
        """See `ManyCallers.spread`."""
        if not self._on_cpu:
            return 0
        if self._session is self._wide:
            self._session = self._load(1, [PROVIDERS["cpu"]])
        return 1

    def gather(self) -> None:
        """See `ManyCallers.gather`."""
        self._session = self._wide

    def run(
        self,
        images: Images,
        T_camera_device: Float32Array | None = None,
        view_mask: NDArray[np.bool_] | None = None,
        *,
        refined_peaks: bool = False,
    ) -> Prediction:
        """See `Runtime.run`."""
        feed = make_feed(self._identity, self._extrinsics, images, T_camera_device, view_mask)
        return as_prediction(dict(zip(self._names, self._session.run(None, feed), strict=True)))


def _with_options(name: str, config: RuntimeConfig, engines: Path | None) -> list[Any]:
    """Return providers as `InferenceSession` takes them, best first."""
    if name == "cpu":
        return [PROVIDERS["cpu"]]
    device_id = int(config.device.partition(":")[2] or 0)
    cuda = (PROVIDERS["cuda"], {"device_id": device_id})
    if name == "cuda":
        return [cuda, PROVIDERS["cpu"]]
    settings: dict[str, Any] = {"device_id": device_id, "trt_fp16_enable": config.precision == "fp16"}
    if engines is not None:
        settings |= {"trt_engine_cache_enable": True, "trt_engine_cache_path": str(engines)}
    return [(PROVIDERS["tensorrt"], settings), cuda, PROVIDERS["cpu"]]
