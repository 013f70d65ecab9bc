"""Where and how a method's images become network input."""

import logging
import math
from typing import TYPE_CHECKING

from egorear_ros.config import EstimatorConfig, RuntimeConfig
from egorear_ros.estimators.base import EstimatorSetupError
from egorear_ros.estimators.preprocess_fallback import FallbackPreprocessor
from egorear_ros.estimators.preprocessor import Preprocess, Preprocessor, pinned
from egorear_ros.runtimes.base import Runtime
from egorear_ros.structures import Rig

if TYPE_CHECKING:
    import torch

    from egorear_ros.estimators.gpu_preprocessor import DeviceDecoder

LOG = logging.getLogger(__name__)
REDUCED_JPEGS = {"egorear_small": 1.5}
"""Architectures whose accuracy was measured with JPEGs decoded at reduced scale, and how many times the width and
height of what they see is left of them at least; see docs/preprocessing.md."""


def make_preprocess(
    config: EstimatorConfig,
    runtime: RuntimeConfig,
    engine: Runtime,
    rig: Rig,
    image_size: int,
    architecture: str,
    seen_px: int | None = None,
) -> Preprocess:
    """Return what prepares images for an engine; on a GPU that is said in the log.

    Args:
        config: `preprocess_on` and `jpeg_decoding`.
        runtime: `fallback`.
        engine: takes the input.
        rig: cameras in the network's order.
        image_size: height and width of the network's input, px.
        architecture: of the network.
        seen_px: height and width of what the network sees through its virtual cameras; None: it sees its input.

    Raises:
        EstimatorSetupError: the GPU is asked for, and the engine takes no images there.
    """
    least_px, device = least_jpeg_px(config, architecture, seen_px or image_size), engine.image_device
    if config.preprocess_on == "cpu" or (config.preprocess_on == "auto" and device is None):
        from egorear_ros.runtimes.pytorch import choose_device

        # What a GPU fetches by itself, for any engine there.
        buffers = pinned if choose_device(runtime.device).type == "cuda" else None
        return Preprocessor(rig, image_size, least_jpeg_px=least_px, make_buffer=buffers)
    if device is None:
        raise EstimatorSetupError(
            f"estimator.preprocess_on is gpu, but {engine.description} takes images from ordinary memory. Set it to "
            "auto or cpu, or runtime.name to pytorch or pytorch_compiled and runtime.device to cuda."
        )
    from egorear_ros.estimators.gpu_preprocessor import GpuPreprocessor

    decoder = gpu_decoder(device) if least_px else None
    LOG.info("images are prepared on %s, JPEGs decoded by %s", device, "nvImageCodec there" if decoder else "the CPU")
    on_gpu = GpuPreprocessor(rig, image_size, device, least_jpeg_px=least_px, decoder=decoder)
    if not runtime.fallback:
        return on_gpu
    return FallbackPreprocessor(on_gpu, lambda: Preprocessor(rig, image_size, least_jpeg_px=least_px))


def gpu_decoder(device: "torch.device") -> "DeviceDecoder | None":
    """Return nvImageCodec's decoder; None, with a line in the log, where it is not or does not work."""
    from egorear_ros.estimators.nvimgcodec import NvImageDecoder

    try:
        return NvImageDecoder(device)
    except ImportError as error:
        LOG.info(
            "nvImageCodec is not used (%s). To try it: in a checkout of egorear_ros, pip install '.[gpu-jpeg]'.", error
        )
    except RuntimeError as error:
        LOG.warning("nvImageCodec does not work on %s: %s", device, error)
    return None


def least_jpeg_px(config: EstimatorConfig, architecture: str, image_size: int) -> int:
    """Return the size that JPEGs must have when they are decoded, px; 0: their own.

    Args:
        config: `jpeg_decoding`. Published weights see images exactly as in their training by default.
        architecture: of the network.
        image_size: of what it sees, px: of its input, or through its virtual cameras.
    """
    auto = math.ceil(REDUCED_JPEGS.get(architecture, 0.0) * image_size)
    return {"auto": auto, "exact": 0, "reduced": 2 * image_size, "smallest": image_size}[config.jpeg_decoding]
