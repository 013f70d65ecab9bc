"""A linear layer that is larger than any cache, for one vector at a time."""

import ctypes

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from egorear_ros.models.fast.minimal.emit import FLOAT
from egorear_ros.models.fast.minimal.jit import vector_product_program
from egorear_ros.models.fast.minimal.registers import Registers
from egorear_ros.models.fast.minimal.threads import run_on_threads
from egorear_ros.models.fast.minimal.vector_product import ROWS, ProductArgument, step

LEAST_BYTES = 64 * 2**20
"""Smaller matrices may stay in a cache, where libraries are as fast."""

_Arguments = ctypes.c_int64 * len(ProductArgument)


class StreamedLinear(nn.Module):
    """Does what `nn.Linear` does on the CPU, in single precision and without gradients; several rows are PyTorch's.

    PyTorch's library reads such a matrix at two thirds of the speed at which memory could give it.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, linear: nn.Linear, registers: Registers) -> None:
        """Take over the weights of a layer that fits."""
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias
        self.registers = registers
        vector_product_program(registers)  # now, not when the first image is there

    @staticmethod
    def fits(layer: nn.Module, registers: Registers) -> bool:
        """Return whether a layer is large enough and can be cut into the program's tasks."""
        return (
            isinstance(layer, nn.Linear)
            and layer.bias is not None
            and layer.weight.numel() * FLOAT >= LEAST_BYTES
            and layer.in_features % step(registers) == 0
            and layer.out_features % ROWS == 0
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C_in) to (..., C_out)."""
        count, length = self.weight.shape
        single = x.dtype == self.weight.dtype == torch.float32 and x.device.type == "cpu"
        if x.shape[-1] != length or x.numel() != length or not single or not self.weight.is_contiguous():
            return F.linear(x, self.weight, self.bias)
        x = x.contiguous()
        result = torch.empty(*x.shape[:-1], count)
        values = {
            ProductArgument.TASKS: count // ROWS,
            ProductArgument.LENGTH: length,
            ProductArgument.VECTOR: x.data_ptr(),
            ProductArgument.WEIGHTS: self.weight.data_ptr(),
            ProductArgument.BIAS: self.bias.data_ptr(),
            ProductArgument.RESULT: result.data_ptr(),
        }
        arguments = _Arguments(*(values.get(argument, 0) for argument in ProductArgument))
        run_on_threads(vector_product_program(self.registers), ctypes.addressof(arguments), torch.get_num_threads())
        return result
