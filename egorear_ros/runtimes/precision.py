"""Fewer digits where most of the work is: in convolutions over whole maps.

Places in images, rays and coordinates need more digits than bfloat16 has, and cost little. The last
layer of a heatmap head stays as it is as well: neighbours of a peak would become equal.
"""

from typing import cast

import torch
from torch import Tensor, nn

from egorear_ros.models.encoder import Encoding
from egorear_ros.models.fast.encoder import FastEncoder
from egorear_ros.models.fast.network import FastEgoRear, MapsApart
from egorear_ros.models.fast.small import FastSmallEncoder
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


class ReducedLayers(nn.Sequential):
    """Layers that compute with fewer digits and answer in single precision."""

    def __init__(self, layers: nn.Sequential, dtype: torch.dtype) -> None:
        """Convert their weights."""
        super().__init__(*layers.to(dtype))
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layers."""
        return super().forward(x.to(self.dtype)).float()


def reduce_precision(network: nn.Module, precision: str, device: torch.device) -> nn.Module:
    """Return an inference form whose convolutions compute with `precision`; the one given is changed.

    Args:
        network: made by `optimize`.
        precision: a key of `DTYPES`.
        device: where it will run.

    Raises:
        RuntimeSetupError: the device cannot compute so.
    """
    if precision == "fp32":
        return network
    if precision not in DTYPES:
        raise RuntimeSetupError(
            f"runtime.precision is {precision}, but PyTorch knows {', '.join(DTYPES)}. Set one of these, or "
            "runtime.name to openvino or onnxruntime."
        )
    if precision == "fp16" and device.type == "cpu":
        raise RuntimeSetupError("runtime.precision fp16 is for GPUs. On a CPU set it to bf16 or fp32.")
    dtype = DTYPES[precision]
    if isinstance(network, FastEgoRear):
        _reduce_egorear(network, dtype)
        return network
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, FastEncoder | FastSmallEncoder):
                setattr(module, name, ReducedEncoder(child, dtype))
    return network


def _reduce_egorear(network: FastEgoRear, dtype: torch.dtype) -> None:
    for group in network.groups:
        network.encoders[group] = ReducedEncoder(network.encoders[group], dtype)
        network.heads[group] = _all_but_the_last(cast(nn.Sequential, network.heads[group]), dtype)
    refiners = network.refiners
    for part in refiners.map_parts() if isinstance(refiners, MapsApart) else [refiners]:
        part.base = ReducedLayers(part.base, dtype)
        part.refined = ReducedLayers(part.refined, dtype)
        part.heatmap_layers = _all_but_the_last(part.heatmap_layers, dtype)
    lifter = network.lifter.lifter
    lifter.conv_frame_feat = ReducedLayers(lifter.conv_frame_feat, dtype)


def _all_but_the_last(layers: nn.Sequential, dtype: torch.dtype) -> nn.Sequential:
    return nn.Sequential(ReducedLayers(nn.Sequential(*list(layers)[:-1]), dtype), layers[-1])
