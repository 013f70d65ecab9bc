"""Convolutions that take over what follows them."""

import torch
from torch import Tensor, nn

from egorear_ros.models.without_initialisation import WithoutInitialisation


def fold_batch_norm(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """Return one convolution that does what a convolution and its batch norm do in evaluation."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    bias = torch.zeros(conv.out_channels) if conv.bias is None else conv.bias
    shift = norm.bias.double() + (bias.double() - norm.running_mean.double()) * scale
    return copy_conv(conv, conv.weight.double() * scale[:, None, None, None], shift)


def copy_conv(conv: nn.Conv2d, weight: Tensor, bias: Tensor) -> nn.Conv2d:
    """Return a convolution like another, with other weights and as many channels as these have."""
    kernel, stride, padding = conv.kernel_size, conv.stride, conv.padding
    assert not isinstance(padding, str)
    with WithoutInitialisation():
        made = nn.Conv2d(
            weight.shape[1], weight.shape[0], (kernel[0], kernel[1]), (stride[0], stride[1]), (padding[0], padding[1])
        )
    with torch.no_grad():
        made.weight.copy_(weight)
        made.bias.copy_(bias)  # type: ignore[union-attr]
    return made


def conv1x1_of(weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    """Return the 1x1 convolution with a (C_out, C_in) matrix."""
    with WithoutInitialisation():
        made = nn.Conv2d(weight.shape[1], weight.shape[0], 1, bias=bias is not None)
    with torch.no_grad():
        made.weight.copy_(weight[:, :, None, None])
        if bias is not None:
            made.bias.copy_(bias)  # type: ignore[union-attr]
    return made


def shrink_before_upsampling(layers: nn.Sequential) -> nn.Sequential:
    """Return layers in which a 1x1 convolution after an upsampling comes before it.

    The weights of a bilinear interpolation sum to 1, so mixing channels, bias included, and
    interpolating may change places; at the lower resolution it costs a quarter.
    """
    modules = list(layers)
    for index in range(len(modules) - 1):
        first, second = modules[index], modules[index + 1]
        if isinstance(first, nn.Upsample) and isinstance(second, nn.Conv2d) and second.kernel_size == (1, 1):
            modules[index], modules[index + 1] = second, first
    return nn.Sequential(*modules)
