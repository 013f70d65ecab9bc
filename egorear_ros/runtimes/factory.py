"""From `runtime.name` to an engine with a network loaded."""

from collections.abc import Callable

import torch
from torch import nn

from egorear_ros.config import RuntimeConfig
from egorear_ros.models.anchors import AnchorProjection
from egorear_ros.models.virtual_views import VirtualViews
from egorear_ros.runtimes.base import Float32Array, NotInstalledError, Runtime, RuntimeSetupError
from egorear_ros.runtimes.fallback import FallbackRuntime, next_engines
from egorear_ros.runtimes.identity import ModelIdentity
from egorear_ros.runtimes.pytorch import OptimizedPyTorchRuntime, PyTorchRuntime, choose_device

Maker = Callable[[nn.Module, RuntimeConfig, ModelIdentity], Runtime]
RUN_FILES = ("onnxruntime", "openvino", "tensorrt")


def make_runtime(
    network: nn.Module,
    config: RuntimeConfig,
    identity: ModelIdentity,
    reload: Callable[[], nn.Module] | None = None,
) -> Runtime:
    """Build the engine that the configuration names.

    Args:
        network: `EgoRear`, `EgoRearSmall` or `EgoPoseFormer` with its weights.
        config: engine, device, precision, threads, fallback.
        identity: of the network.
        reload: makes the network again, should an engine fail in flight, so that `network` may be consumed;
            None: it is kept in memory for that.

    Raises:
        RuntimeSetupError: a library, a device or a precision is not there.
        ModelFileError: `config.model` is not a file of this network.
    """
    _check_model_file(config)
    consume = reload is not None
    engine = _make(network, config, identity, consume)
    if not config.fallback:
        return engine
    again = reload or (lambda: network)
    device = choose_device("cpu" if config.name == "openvino" else config.device)
    others = [
        (title, lambda settings=settings: _make(again(), settings, identity, consume))
        for title, settings in next_engines(config, device.type)
    ]
    return FallbackRuntime(engine, others) if others else engine


def _make(network: nn.Module, config: RuntimeConfig, identity: ModelIdentity, consume: bool) -> Runtime:
    if config.name == "pytorch":
        return OptimizedPyTorchRuntime(network, config, consume=consume)
    if config.name == "auto":
        from egorear_ros.runtimes.auto import choose_runtime

        return choose_runtime(network, config, identity, MAKERS)
    try:
        return MAKERS[config.name](network, config, identity)
    except NotInstalledError as error:
        raise NotInstalledError(f"{str(error).removesuffix('.')}, or set runtime.name to pytorch.") from error


def _check_model_file(config: RuntimeConfig) -> None:
    if config.model and config.name not in RUN_FILES:
        raise RuntimeSetupError(
            f"runtime.model is {config.model}, but {config.name} runs no files. Set runtime.name to "
            f"{', '.join(RUN_FILES[:-1])} or {RUN_FILES[-1]}, or runtime.model to an empty text."
        )


def _plain(network: nn.Module, config: RuntimeConfig, _: ModelIdentity) -> Runtime:
    if config.precision != "fp32":
        raise RuntimeSetupError(
            f"runtime.precision is {config.precision}, but pytorch_plain is the fp32 reference. Set runtime.precision "
            "to fp32, or runtime.name to pytorch."
        )
    return PyTorchRuntime(network, config)


def _pytorch(network: nn.Module, config: RuntimeConfig, _: ModelIdentity) -> Runtime:
    return OptimizedPyTorchRuntime(network, config)


def _compiled(network: nn.Module, config: RuntimeConfig, identity: ModelIdentity) -> Runtime:
    from egorear_ros.runtimes.pytorch_compiled import CompiledPyTorchRuntime

    return CompiledPyTorchRuntime(network, config, identity)


def _onnxruntime(network: nn.Module, config: RuntimeConfig, identity: ModelIdentity) -> Runtime:
    from egorear_ros.runtimes.onnx_cache import cache_folder, onnx_for
    from egorear_ros.runtimes.onnxruntime import OnnxRuntime, check_onnxruntime

    check_onnxruntime(config)
    path = onnx_for(network, config, identity)
    return OnnxRuntime(path, identity, own_extrinsics(network), config, cache_folder())


def _openvino(network: nn.Module, config: RuntimeConfig, identity: ModelIdentity) -> Runtime:
    from egorear_ros.runtimes.onnx_cache import onnx_for
    from egorear_ros.runtimes.openvino import OpenVinoRuntime, check_openvino

    check_openvino(config)
    return OpenVinoRuntime(onnx_for(network, config, identity), identity, own_extrinsics(network), config)


def _tensorrt(network: nn.Module, config: RuntimeConfig, identity: ModelIdentity) -> Runtime:
    from egorear_ros.runtimes.onnx_cache import onnx_for
    from egorear_ros.runtimes.tensorrt import TensorRtRuntime, check_tensorrt

    check_tensorrt(config)
    return TensorRtRuntime(onnx_for(network, config, identity), identity, own_extrinsics(network), config)


def own_extrinsics(network: nn.Module) -> Float32Array:
    """Return the (V, 4, 4) device to camera transforms that a network was built with."""
    projection = next(module for module in network.modules() if isinstance(module, AnchorProjection))
    virtual = next((module for module in network.modules() if isinstance(module, VirtualViews)), None)
    T_camera_device = projection.T_camera_device
    if virtual is not None:
        T_camera_device = torch.linalg.inv(virtual.T_virtual_camera) @ T_camera_device
    return T_camera_device.cpu().numpy()


MAKERS: dict[str, Maker] = {
    "pytorch": _pytorch,
    "pytorch_compiled": _compiled,
    "pytorch_plain": _plain,
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
    "tensorrt": _tensorrt,
}
