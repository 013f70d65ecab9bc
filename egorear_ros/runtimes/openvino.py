"""OpenVINO, on CPUs: usually the fastest there."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egorear_ros.config import RuntimeConfig
from egorear_ros.runtimes.arrays import Feed, make_feed, run_each
from egorear_ros.runtimes.base import Float32Array, Images, Prediction, RuntimeSetupError
from egorear_ros.runtimes.compiled_cache import compiled_in
from egorear_ros.runtimes.identity import ModelIdentity
from egorear_ros.runtimes.install import import_library
from egorear_ros.runtimes.onnx_cache import cache_folder
from egorear_ros.runtimes.onnx_file import stored_checksum

PRECISIONS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}
"""What is not quantised in a file of int8 is computed in."""

LOADED = "LOADED_FROM_CACHE"


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

    image_device = None

    def __init__(
        self, path: Path, identity: ModelIdentity, T_camera_device: Float32Array, config: RuntimeConfig
    ) -> None:
        """Compile a file; see `OnnxRuntime`. What is compiled is kept in the cache for the next start."""
        check_openvino(config)
        library = import_library("openvino", "openvino")
        self._path, self._precision, self._identity = path, config.precision, identity
        threads: dict[str, str | int] = {"INFERENCE_NUM_THREADS": config.threads} if config.threads else {}
        compiled = self._compile({"PERFORMANCE_HINT": "LATENCY", **threads})
        self._request = compiled.create_infer_request()
        self._names = [output.get_any_name() for output in compiled.outputs]
        self._streams: Any = None
        self._own = local()
        self._extrinsics = T_camera_device
        self.description = f"openvino {library.__version__}, {config.precision}, on cpu"

    def _compile(self, settings: Mapping[str, str | int]) -> Any:
        """Return the file compiled for one frame set: of known shape it is faster."""
        library = import_library("openvino", "openvino")
        core = library.Core()
        model = core.read_model(str(self._path))
        model.reshape({entry.get_any_name(): [1, *list(entry.partial_shape)[1:]] for entry in model.inputs})
        wanted = {"INFERENCE_PRECISION_HINT": PRECISIONS[self._precision], **settings}

        def compile_model(folder: Path | None) -> Any:
            kept = {} if folder is None else {"CACHE_DIR": str(folder)}
            return core.compile_model(model, "CPU", {**wanted, **kept})

        facts = json.dumps([stored_checksum(self._path), library.__version__, wanted], sort_keys=True)
        name = f"{self._identity.digest}-openvino-{sha256(facts.encode()).hexdigest()[:12]}"
        return compiled_in(cache_folder() / name, compile_model, lambda made: bool(made.get_property(LOADED)))

    def spread(self, threads: int) -> int:
        """See `ManyCallers.spread`: a stream of one core for each."""
        self._own = local()
        self._streams = self._compile(
            {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": threads, "INFERENCE_NUM_THREADS": threads}
        )
        return 1

    def gather(self) -> None:
        """See `ManyCallers.gather`."""
        self._streams, self._own = None, local()

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
        return run_each(feed, self._run_one)

    def _run_one(self, feed: Feed) -> Mapping[str, Float32Array]:
        answer = self._free_request().infer({name: np.ascontiguousarray(values) for name, values in feed.items()})
        return {name: np.array(answer[name]) for name in self._names}  # the request reuses its own

    def _free_request(self) -> Any:
        """Return the request of the thread that calls: no two may use one at the same time."""
        if self._streams is None:
            return self._request
        if not hasattr(self._own, "request"):
            self._own.request = self._streams.create_infer_request()
        return self._own.request
