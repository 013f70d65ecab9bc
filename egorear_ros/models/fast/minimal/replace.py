"""Which layers of an inference form are worth it, and putting them in their place."""

import logging

from torch import Tensor, nn

from egorear_ros.models.fast.encoder import FastBlock
from egorear_ros.models.fast.minimal.convolution import MinimalConv2d
from egorear_ros.models.fast.minimal.jit import vector_product_program
from egorear_ros.models.fast.minimal.linear import StreamedLinear
from egorear_ros.models.fast.minimal.registers import Registers, host_registers
from egorear_ros.models.fast.minimal.threads import openmp

LOG = logging.getLogger(__name__)

MANY_WEIGHTS = 256 * 256
"""Channels in times channels out from which transformed weights are kept small: from 512 * 512 on, reading them takes
longer than computing, and below that the time is nearly the same but the memory is not."""


class MinimalBlock(nn.Module):
    """A residual block whose sums and ReLUs are part of its convolutions."""

    def __init__(self, block: FastBlock, registers: Registers) -> None:
        """Rewrite a folded block whose convolutions fit."""
        super().__init__()
        self.conv1 = make(block.conv1, registers, relu=True)
        self.conv2 = make(block.conv2, registers, relu=True)
        self.shortcut = block.shortcut

    def forward(self, x: Tensor) -> Tensor:
        """See `BasicBlock.forward`."""
        return self.conv2(self.conv1(x), self.shortcut(x))


def use_minimal_filtering(network: nn.Module) -> bool:
    """Replace the 3x3 convolutions of an inference form that fit, with the ReLUs that follow them, and huge matrices.

    Args:
        network: made by `optimize`, in single precision, on the CPU; changed in place.

    Returns:
        Whether it was possible: the processor has vector arithmetic that we know, PyTorch threads that we can use, and
        the system lets programs be made. If not, the network is as it was.
    """
    registers = host_registers()
    if registers is None or openmp() is None:
        LOG.info("minimal filtering is not available on this machine; convolutions stay PyTorch's.")
        return False
    try:
        vector_product_program(registers)
    except (RuntimeError, OSError) as error:
        LOG.warning(
            "no program can be compiled on this machine (%s): convolutions stay PyTorch's, which are slower. "
            "If they are too slow, set runtime.name to openvino or onnxruntime.",
            error,
        )
        return False
    _replace_in(network, registers)
    return True


def fits(layer: nn.Module, registers: Registers) -> bool:
    """Return whether a layer is a 3x3 convolution with a padding of 1 that fills the registers."""
    return (
        isinstance(layer, nn.Conv2d)
        and layer.kernel_size == (3, 3)
        and layer.padding == (1, 1)
        and layer.padding_mode == "zeros"
        and layer.dilation == (1, 1)
        and layer.groups == 1
        and layer.stride in ((1, 1), (2, 2))
        and layer.in_channels % registers.lanes == 0
        and layer.out_channels % registers.panel == 0
    )


def make(conv: nn.Conv2d, registers: Registers, *, relu: bool) -> MinimalConv2d:
    """Return a convolution by minimal filtering.

    Larger tiles need fewer products and more weights: at a stride of 1, 2.25 and 4 times as many for tiles of 2 and 4;
    at a stride of 2, 2.8 and 9 times as many for 1.44 and 1.78 times fewer products, which never pays by much.
    """
    few = conv.stride == (1, 1) and conv.in_channels * conv.out_channels < MANY_WEIGHTS
    return MinimalConv2d(conv, 4 if few else 2, registers, relu=relu)


def _replace_in(module: nn.Module, registers: Registers) -> None:
    for name, child in list(module.named_children()):
        if isinstance(child, FastBlock) and fits(child.conv1, registers) and fits(child.conv2, registers):
            setattr(module, name, MinimalBlock(child, registers))
            continue
        _replace_in(child, registers)
        if type(child) is nn.Sequential:
            setattr(module, name, _replaced(child, registers))


def _replaced(layers: nn.Sequential, registers: Registers) -> nn.Sequential:
    """Return layers in which those that fit are replaced; convolutions have swallowed their ReLUs."""
    modules: list[nn.Module] = []
    for layer in layers:
        if isinstance(layer, nn.Linear) and StreamedLinear.fits(layer, registers):
            modules.append(StreamedLinear(layer, registers))
        elif isinstance(layer, nn.Conv2d) and fits(layer, registers):
            modules.append(make(layer, registers, relu=False))
        elif isinstance(layer, nn.ReLU) and modules and isinstance(modules[-1], MinimalConv2d):
            modules[-1].relu = True
        elif isinstance(layer, nn.ReLU) and modules and isinstance(modules[-1], nn.Conv2d):
            modules.append(nn.ReLU(inplace=True))  # nobody else has what a convolution made
        else:
            modules.append(layer)
    return nn.Sequential(*modules)
