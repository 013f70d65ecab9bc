"""Layers that do what R layers of one shape do, each on its own part of the input."""

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class GroupedLinear(nn.Module):
    """R linear layers, each for its own rows."""

    weight: Tensor
    bias: Tensor

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        """Stack layers of one shape."""
        super().__init__()
        linear = [cast(nn.Linear, layer) for layer in layers]
        self.register_buffer("weight", torch.stack([layer.weight for layer in linear]).mT.contiguous())
        self.register_buffer("bias", torch.stack([layer.bias for layer in linear])[:, None])

    def forward(self, x: Tensor) -> Tensor:
        """Map (R, ..., C_in) to (R, ..., C_out)."""
        return torch.baddbmm(self.bias, x.flatten(1, -2), self.weight).view(*x.shape[:-1], -1)


class GroupedNorm(nn.Module):
    """R layer norms."""

    weight: Tensor
    bias: Tensor

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        """Stack norms of one width."""
        super().__init__()
        norms = [cast(nn.LayerNorm, layer) for layer in layers]
        self.eps = norms[0].eps
        self.register_buffer("weight", torch.stack([norm.weight for norm in norms])[:, None, None])
        self.register_buffer("bias", torch.stack([norm.bias for norm in norms])[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """Map (R, B, J, D) to (R, B, J, D)."""
        return F.layer_norm(x, x.shape[-1:], eps=self.eps) * self.weight + self.bias


class GroupedMixing(nn.Module):
    """R convolutions of 1x1: products of matrices, for which libraries have better kernels than for groups."""

    weight: Tensor
    bias: Tensor

    def __init__(self, layers: Sequence[nn.Conv2d]) -> None:
        """Stack convolutions of one shape."""
        super().__init__()
        self.register_buffer("weight", torch.stack([layer.weight[:, :, 0, 0] for layer in layers]))
        self.register_buffer("bias", torch.stack([cast(Tensor, layer.bias) for layer in layers])[..., None])

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, R * C_in, H, W) to (B, R * C_out, H, W)."""
        pixels = x.unflatten(1, (len(self.weight), -1)).flatten(-2)
        return (self.weight @ pixels).add_(self.bias).flatten(1, 2).unflatten(-1, x.shape[-2:])


def group_convolutions(layers: Sequence[nn.Module]) -> nn.Module:
    """Return one layer that does what R layers do, each with its own block of channels."""
    first = layers[0]
    if not isinstance(first, nn.Conv2d):
        return first  # it has no weights: ReLU, upsampling
    convolutions = [cast(nn.Conv2d, layer) for layer in layers]
    if first.kernel_size == (1, 1):
        return GroupedMixing(convolutions)
    count = len(layers)
    kernel, stride, padding = first.kernel_size, first.stride, first.padding
    assert not isinstance(padding, str)
    made = nn.Conv2d(
        count * first.in_channels,
        count * first.out_channels,
        (kernel[0], kernel[1]),
        (stride[0], stride[1]),
        (padding[0], padding[1]),
        groups=count,
    )
    with torch.no_grad():
        made.weight.copy_(torch.cat([layer.weight for layer in convolutions]))
        cast(Tensor, made.bias).copy_(torch.cat([cast(Tensor, layer.bias) for layer in convolutions]))
    return made


def group_sequences(sequences: Sequence[nn.Sequential]) -> nn.Sequential:
    """Return layers for (B, R * C, H, W) of R sequences for (B, C, H, W)."""
    return nn.Sequential(*(group_convolutions(layers) for layers in zip(*sequences, strict=True)))
