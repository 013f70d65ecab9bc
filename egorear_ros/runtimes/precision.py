"""Fewer digits where most of the work is: the image encoder alone.

Places in images, rays and coordinates need more digits than bfloat16 has, and cost little.
"""

from typing import cast

import torch
from torch import Tensor, nn

from egorear_ros.models.encoder import Encoding
from egorear_ros.runtimes.base import RuntimeSetupError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class ReducedEncoder(nn.Module):
    """An encoder that computes with fewer digits and answers in single precision."""

    def __init__(self, encoder: nn.Module, dtype: torch.dtype) -> None:
        """Convert an encoder's weights."""
        super().__init__()
        self.encoder, self.dtype = encoder.to(dtype), dtype

    def forward(self, images: Tensor) -> Encoding:
        """Encode (N, 3, H, W) normalised images."""
        encoded = self.encoder(images.to(self.dtype))
        return Encoding(encoded.features.float(), encoded.deepest.float())


def reduce_precision(network: nn.Module, precision: str, device: torch.device) -> nn.Module:
    """Return an inference form whose encoders compute with `precision`; the one given is changed.

    Args:
        network: made by `optimize`.
        precision: a key of `DTYPES`.
        device: where it will run.

    Raises:
        RuntimeSetupError: the device cannot compute so.
    """
    if precision == "fp32":
        return network
    if precision == "fp16" and device.type == "cpu":
        raise RuntimeSetupError("runtime.precision fp16 is for GPUs. On a CPU set it to bf16 or fp32.")
    dtype = DTYPES[precision]
    if hasattr(network, "encoders"):
        encoders = cast(nn.ModuleDict, network.encoders)
        for name, encoder in list(encoders.items()):
            encoders[name] = ReducedEncoder(encoder, dtype)
    else:
        network.encoder = ReducedEncoder(cast(nn.Module, network.encoder), dtype)
    return network
