"""OpenVINO, on CPUs: usually the fastest there."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egorear_ros.config import RuntimeConfig
from egorear_ros.runtimes.arrays import Feed, make_feed, run_each
from egorear_ros.runtimes.base import Float32Array, Prediction, RuntimeSetupError
from egorear_ros.runtimes.identity import ModelIdentity
from egorear_ros.runtimes.install import import_library
from egorear_ros.runtimes.onnx_cache import cache_folder

PRECISIONS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}
"""What is not quantised in a file of int8 is computed in."""


def check_openvino(config: RuntimeConfig) -> None:
    """Raise RuntimeSetupError if the library is missing or cannot do what is asked."""
    import_library("openvino", "openvino")
    if config.precision not in PRECISIONS:
        raise RuntimeSetupError(
            f"runtime.precision is {config.precision}, but openvino knows {', '.join(PRECISIONS)} on a CPU. "
            "Set one of these."
        )
    if config.device not in ("auto", "cpu"):
        raise RuntimeSetupError(
            f"runtime.device is {config.device}, but openvino is used on the CPU. Set it to cpu, or runtime.name to "
            "pytorch."
        )


class OpenVinoRuntime:
    """Runs an exported model."""

    def __init__(
        self, path: Path, identity: ModelIdentity, T_camera_device: Float32Array, config: RuntimeConfig
    ) -> None:
        """Compile a file; see `OnnxRuntime`. What is compiled is kept in the cache for the next start."""
        check_openvino(config)
        library = import_library("openvino", "openvino")
        settings: dict[str, str | int] = {
            "INFERENCE_PRECISION_HINT": PRECISIONS[config.precision],
            "PERFORMANCE_HINT": "LATENCY",
            "CACHE_DIR": str(cache_folder()),
        }
        if config.threads:
            settings["INFERENCE_NUM_THREADS"] = config.threads
        core = library.Core()
        model = core.read_model(str(path))
        # Of known shape it is faster, and frame sets come one at a time.
        model.reshape({entry.get_any_name(): [1, *list(entry.partial_shape)[1:]] for entry in model.inputs})
        compiled = core.compile_model(model, "CPU", settings)
        self._request = compiled.create_infer_request()
        self._names = [output.get_any_name() for output in compiled.outputs]
        self._identity, self._extrinsics = identity, T_camera_device
        self.description = f"openvino {library.__version__}, {config.precision}, on cpu"

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
        answer = self._request.infer({name: np.ascontiguousarray(values) for name, values in feed.items()})
        return {name: np.array(answer[name]) for name in self._names}  # the request reuses its own
