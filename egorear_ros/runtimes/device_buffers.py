"""Memory of a network's inputs and outputs on a device, used again by every call of the same batch."""

import torch
from torch import Tensor


class DeviceBuffers:
    """Lends one tensor for each name, shape and type; whoever calls in several threads takes turns.

    Args:
        device: where the tensors are.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._tensors: dict[tuple[str, tuple[int, ...], torch.dtype], Tensor] = {}

    def get(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Return the tensor of this name, shape and type; it holds what the last call left.

        Args:
            name: of the input or output.
            shape: of the tensor; an engine that takes few batches asks for few.
            dtype: of the tensor.
        """
        key = (name, shape, dtype)
        if key not in self._tensors:
            with torch.inference_mode(False):  # or later calls outside of that mode could not write to it
                self._tensors[key] = torch.empty(shape, dtype=dtype, device=self._device)
        return self._tensors[key]

    def filled(self, name: str, values: Tensor) -> Tensor:
        """Return the tensor of this name with a copy of values, which the current stream makes.

        Args:
            name: of the input.
            values: in host memory that stays as it is until the stream has read it.
        """
        buffer = self.get(name, tuple(values.shape), values.dtype)
        return buffer.copy_(values, non_blocking=True)
