"""ONNX Runtime, on CPUs."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egorear_ros.config import RuntimeConfig
from egorear_ros.runtimes.arrays import Feed, make_feed, run_each
from egorear_ros.runtimes.base import Float32Array, Prediction, RuntimeSetupError
from egorear_ros.runtimes.identity import ModelIdentity
from egorear_ros.runtimes.install import import_library
from egorear_ros.runtimes.onnx_file import check_onnx


def check_onnxruntime(config: RuntimeConfig) -> None:
    """Raise RuntimeSetupError if the library is missing or cannot do what is asked."""
    import_library("onnxruntime", "onnx")
    if config.precision != "fp32":
        raise RuntimeSetupError(
            f"runtime.precision is {config.precision}, but onnxruntime runs the model in fp32. Set it to fp32, or "
            "runtime.name to pytorch or openvino."
        )
    if config.device not in ("auto", "cpu"):
        raise RuntimeSetupError(
            f"runtime.device is {config.device}, but onnxruntime is used on the CPU. Set it to cpu, or runtime.name "
            "to pytorch."
        )


class OnnxRuntime:
    """Runs an exported model."""

    def __init__(
        self, path: Path, identity: ModelIdentity, T_camera_device: Float32Array, config: RuntimeConfig
    ) -> None:
        """Load a file.

        Args:
            path: with extrinsics as an input.
            identity: of the model that is expected.
            T_camera_device: (V, 4, 4) the rig's own extrinsics.
            config: `threads`.

        Raises:
            ModelFileError: the file is damaged or of another model.
            RuntimeSetupError: the library is missing, or refuses device or precision.
        """
        check_onnxruntime(config)
        check_onnx(path, identity)
        library = import_library("onnxruntime", "onnx")
        options = library.SessionOptions()
        options.intra_op_num_threads = config.threads
        options.log_severity_level = 3
        self._session = library.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._names = [output.name for output in self._session.get_outputs()]
        self._identity, self._extrinsics = identity, T_camera_device
        self.description = f"onnxruntime {library.__version__} on cpu"

    def run(
        self,
        images: Float32Array,
        T_camera_device: Float32Array | None = None,
        view_mask: NDArray[np.bool_] | None = None,
        *,
        refined_peaks: bool = False,
    ) -> Prediction:
        """See `Runtime.run`."""
        feed = make_feed(self._identity, self._extrinsics, images, T_camera_device, view_mask)
        return run_each(feed, self._run_one)

    def _run_one(self, feed: Feed) -> Mapping[str, Float32Array]:
        return dict(zip(self._names, self._session.run(None, feed), strict=True))
