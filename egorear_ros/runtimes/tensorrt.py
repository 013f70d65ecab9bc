"""TensorRT, on NVIDIA GPUs: engines made from an exported file, once for each GPU, library and checkpoint."""

from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from egorear_ros.config import RuntimeConfig
from egorear_ros.runtimes.arrays import as_prediction, make_feed
from egorear_ros.runtimes.base import Float32Array, Images, Prediction, RuntimeSetupError
from egorear_ros.runtimes.device_buffers import DeviceBuffers
from egorear_ros.runtimes.engine_cache import EngineKey, cached_engine
from egorear_ros.runtimes.identity import ModelIdentity
from egorear_ros.runtimes.install import import_library
from egorear_ros.runtimes.pytorch import choose_device

PRECISIONS = ("fp32", "fp16")
"""Not int8: the files that `egorear export` measures have zero points, which TensorRT does not read."""

MAX_BATCH = 8
WORKSPACE_BYTES = 4 << 30


def check_tensorrt(config: RuntimeConfig) -> torch.device:
    """Return the GPU to use.

    Raises:
        RuntimeSetupError: the library or the GPU is missing, or cannot compute as is asked.
    """
    # The GPU first: nobody should install gigabytes to be told that it is missing.
    device = choose_device(config.device)
    if device.type != "cuda":
        raise RuntimeSetupError(
            f"runtime.device is {config.device}, but tensorrt needs an NVIDIA GPU and a CUDA build of PyTorch. Set "
            "runtime.name to openvino or pytorch."
        )
    import_library("tensorrt", "tensorrt")
    if config.precision not in PRECISIONS:
        raise RuntimeSetupError(
            f"runtime.precision is {config.precision}, but tensorrt runs {' and '.join(PRECISIONS)}. Set one of these, "
            "or runtime.name to pytorch_compiled for bf16, to openvino or onnxruntime for int8."
        )
    return device


class TensorRtRuntime:
    """Runs an exported model as a TensorRT engine, on PyTorch's buffers and stream."""

    image_device = None

    def __init__(
        self, path: Path, identity: ModelIdentity, T_camera_device: Float32Array, config: RuntimeConfig
    ) -> None:
        """Load the engine, or build it.

        Args:
            path: ONNX file with extrinsics as an input, checked by `onnx_for`. Its precision is the engine's:
                TensorRT is told to keep every type.
            identity: of the model.
            T_camera_device: (V, 4, 4) the rig's own extrinsics.
            config: device and precision.

        Raises:
            RuntimeSetupError: library or GPU are missing, or the engine cannot be built.
        """
        self._device = check_tensorrt(config)
        library = import_library("tensorrt", "tensorrt")
        logger = library.Logger(library.Logger.WARNING)
        major, minor = torch.cuda.get_device_capability(self._device)
        gpu = torch.cuda.get_device_name(self._device)
        key = EngineKey(gpu, f"{major}.{minor}", library.__version__, identity.digest, config.precision, MAX_BATCH)
        with torch.cuda.device(self._device):
            plan = cached_engine(key, identity, lambda: build_engine(library, logger, path))
            self._engine = library.Runtime(logger).deserialize_cuda_engine(plan)
            if self._engine is None:
                raise RuntimeSetupError(
                    f"TensorRT {library.__version__} cannot load the engine of {identity.model_id} for {gpu}. Remove "
                    f"{key.file_name()} from the cache, or set runtime.name to pytorch_compiled."
                )
            self._context = self._engine.create_execution_context()
            if self._context is None:
                raise RuntimeSetupError(
                    f"TensorRT {library.__version__} cannot make room for the activations of {identity.model_id} on "
                    f"{gpu}: it is out of memory. End other programs there, or set runtime.name to pytorch."
                )
            self._stream = torch.cuda.Stream(self._device)
        self._logger, self._identity, self._extrinsics = logger, identity, T_camera_device
        names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
        self._outputs = [name for name in names if self._engine.get_tensor_mode(name) == library.TensorIOMode.OUTPUT]
        self._buffers, self._lock = DeviceBuffers(self._device), Lock()
        self.description = f"tensorrt {library.__version__}, {config.precision}, on {gpu}"

    def run(
        self,
        images: Images,
        T_camera_device: Float32Array | None = None,
        view_mask: NDArray[np.bool_] | None = None,
        *,
        refined_peaks: bool = False,
    ) -> Prediction:
        """See `Runtime.run`; batches above `MAX_BATCH` are split."""
        feed = make_feed(self._identity, self._extrinsics, images, T_camera_device, view_mask)
        parts = [
            self._run({name: values[first : first + MAX_BATCH] for name, values in feed.items()})
            for first in range(0, len(images), MAX_BATCH)
        ]
        return as_prediction({name: np.concatenate([part[name] for part in parts]) for name in self._outputs})

    def _run(self, feed: dict[str, NDArray[np.generic]]) -> dict[str, Float32Array]:
        """Return the outputs of at most `MAX_BATCH` frame sets, in memory of the caller's own."""
        # Context, stream and buffers serve one call at a time.
        with self._lock, torch.cuda.device(self._device), torch.cuda.stream(self._stream):
            buffers = {name: self._buffers.filled(name, torch.from_numpy(values)) for name, values in feed.items()}
            for name, buffer in buffers.items():
                self._context.set_input_shape(name, tuple(buffer.shape))
            for name in self._outputs:
                shape = tuple(self._context.get_tensor_shape(name))
                buffers[name] = self._buffers.get(name, shape, torch.float32)
            for name, buffer in buffers.items():
                self._context.set_tensor_address(name, buffer.data_ptr())
            if not self._context.execute_async_v3(self._stream.cuda_stream):
                raise RuntimeError(f"{self.description}: the engine could not be executed; see the log above.")
            self._stream.synchronize()
            return {name: buffers[name].to("cpu", copy=True).numpy() for name in self._outputs}


def build_engine(library: Any, logger: Any, path: Path) -> bytes:
    """Return a serialised engine of an ONNX file, for 1 to `MAX_BATCH` frame sets.

    Args:
        library: the module `tensorrt`.
        logger: of that library.
        path: the file.

    Raises:
        RuntimeSetupError: TensorRT cannot read the file or build an engine of it.
    """
    builder = library.Builder(logger)
    network = builder.create_network(1 << int(library.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = library.OnnxParser(network, logger)
    if not parser.parse(path.read_bytes()):
        reasons = "; ".join(str(parser.get_error(index)) for index in range(parser.num_errors))
        raise RuntimeSetupError(
            f"TensorRT {library.__version__} cannot read {path}: {reasons}. Set runtime.name to pytorch_compiled."
        )
    settings = builder.create_builder_config()
    settings.set_memory_pool_limit(library.MemoryPoolType.WORKSPACE, WORKSPACE_BYTES)
    profile = builder.create_optimization_profile()
    for index in range(network.num_inputs):
        entry = network.get_input(index)
        rest = tuple(entry.shape)[1:]
        profile.set_shape(entry.name, (1, *rest), (1, *rest), (MAX_BATCH, *rest))
    settings.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, settings)
    if plan is None:
        raise RuntimeSetupError(
            f"TensorRT {library.__version__} cannot build an engine of {path}; its log says why. Set runtime.name to "
            "pytorch_compiled."
        )
    return bytes(plan)
