"""From `runtime.name` to an engine with a network loaded."""

from collections.abc import Callable

from torch import nn

from egorear_ros.config import RuntimeConfig
from egorear_ros.models.anchors import AnchorProjection
from egorear_ros.runtimes.base import Float32Array, Runtime, RuntimeSetupError
from egorear_ros.runtimes.identity import ModelIdentity
from egorear_ros.runtimes.pytorch import OptimizedPyTorchRuntime, PyTorchRuntime

Maker = Callable[[nn.Module, RuntimeConfig, ModelIdentity], Runtime]


def make_runtime(network: nn.Module, config: RuntimeConfig, identity: ModelIdentity) -> Runtime:
    """Build the engine that the configuration names.

    Args:
        network: `EgoRear`, `EgoRearSmall` or `EgoPoseFormer` with its weights.
        config: engine, device, precision, threads.
        identity: of the network.

    Raises:
        RuntimeSetupError: a library, a device or a precision is not there.
    """
    if config.name == "auto":
        from egorear_ros.runtimes.auto import choose_runtime

        return choose_runtime(network, config, identity, MAKERS)
    return MAKERS[config.name](network, config, identity)


def _plain(network: nn.Module, config: RuntimeConfig, _: ModelIdentity) -> Runtime:
    if config.precision != "fp32":
        raise RuntimeSetupError(
            f"runtime.precision is {config.precision}, but pytorch_plain is the fp32 reference. Set runtime.precision "
            "to fp32, or runtime.name to pytorch."
        )
    return PyTorchRuntime(network, config)


def _pytorch(network: nn.Module, config: RuntimeConfig, _: ModelIdentity) -> Runtime:
    return OptimizedPyTorchRuntime(network, config)


def _onnxruntime(network: nn.Module, config: RuntimeConfig, identity: ModelIdentity) -> Runtime:
    from egorear_ros.runtimes.onnx_cache import cached_onnx
    from egorear_ros.runtimes.onnxruntime import OnnxRuntime, check_onnxruntime

    check_onnxruntime(config)
    return OnnxRuntime(cached_onnx(network, identity), identity, own_extrinsics(network), config)


def _openvino(network: nn.Module, config: RuntimeConfig, identity: ModelIdentity) -> Runtime:
    from egorear_ros.runtimes.onnx_cache import cached_onnx
    from egorear_ros.runtimes.openvino import OpenVinoRuntime, check_openvino

    check_openvino(config)
    return OpenVinoRuntime(cached_onnx(network, identity), identity, own_extrinsics(network), config)


def own_extrinsics(network: nn.Module) -> Float32Array:
    """Return the (V, 4, 4) device to camera transforms that a network was built with."""
    projection = next(module for module in network.modules() if isinstance(module, AnchorProjection))
    return projection.T_camera_device.cpu().numpy()


MAKERS: dict[str, Maker] = {
    "pytorch": _pytorch,
    "pytorch_plain": _plain,
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
}
