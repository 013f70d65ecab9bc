"""A 3x3 convolution by minimal filtering, with what follows it."""

import ctypes
import threading
from typing import NamedTuple

import torch
from torch import Tensor, nn

from egorear_ros.models.fast.minimal.emit import FLOAT
from egorear_ros.models.fast.minimal.jit import PLANS, compiled
from egorear_ros.models.fast.minimal.kernel import Argument
from egorear_ros.models.fast.minimal.plan import Plan, transform_weights
from egorear_ros.models.fast.minimal.registers import Registers
from egorear_ros.models.fast.minimal.threads import run_on_threads

BLOCK_BYTES = 1_500_000
"""What a block of tiles may occupy between transforms, about a core's second cache.

Half hardly matters for one core. Where weights are large and maps small, one block and not two means that each core
reads a part of the weights, and not both read all of them."""

LINE = 64
"""Bytes of a cache line."""

_Arguments = ctypes.c_int64 * len(Argument)
_OWN = threading.local()


class Partition(NamedTuple):
    """How the work is cut into tasks.

    Attributes:
        blocks: of tiles.
        tiles: of a block; the last one may have fewer.
        chunks: of panels.
        panels: of a chunk; likewise.
    """

    blocks: int
    tiles: int
    chunks: int
    panels: int


def partition(tiles: int, panels: int, most: int, threads: int) -> Partition:
    """Cut tiles, and panels where these are too few, so that all threads have something to do.

    Blocks are cut first, because every chunk of panels transforms its tiles again.

    Args:
        tiles: at least one.
        panels: at least one.
        most: tiles that fit in a block, at least one.
        threads: at least one.
    """
    blocks = -(-tiles // most)
    if blocks > 1:
        blocks = -(-blocks // threads) * threads
    per_block = -(-tiles // blocks)
    blocks = -(-tiles // per_block)
    enough = threads == 1 or blocks >= 4 * threads
    chunks = 1 if enough else min(panels, -(-2 * threads // blocks))
    per_chunk = -(-panels // chunks)
    return Partition(blocks, per_block, -(-panels // per_chunk), per_chunk)


class MinimalConv2d(nn.Module):
    """3x3 convolution with a padding of 1, bias, residual and ReLU in one; channels last.

    Computes in single precision on the CPU, on as many threads as PyTorch, and knows no gradients.
    """

    weight: Tensor
    bias: Tensor
    zeros: Tensor

    def __init__(self, conv: nn.Conv2d, tile: int, registers: Registers, *, relu: bool) -> None:
        """Transform the weights of a convolution.

        Args:
            conv: that fits (`replace.fits`).
            tile: outputs of a tile in each direction, see `PLANS`.
            registers: of the processor, see `host_registers`.
            relu: whether negative results become zero.
        """
        super().__init__()
        self.in_channels, self.out_channels = conv.in_channels, conv.out_channels
        self.stride, self.tile, self.relu, self.registers = conv.stride[0], tile, relu, registers
        bias = torch.zeros(conv.out_channels) if conv.bias is None else conv.bias.detach().clone()
        weight = transform_weights(PLANS[self.stride, tile], conv.weight.detach(), registers.panel)
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("bias", bias, persistent=False)
        zeros = torch.zeros(max(conv.in_channels, conv.out_channels))
        self.register_buffer("zeros", zeros, persistent=False)
        compiled(self.stride, tile, registers)  # now, not when the first image is there
        self._known: dict[tuple[int, ...], tuple[bytes, int]] = {}

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """Map (N, C, H, W) to (N, K, ceil(H / stride), ceil(W / stride)).

        Args:
            x: float32.
            residual: of the result's shape, added before the ReLU.

        Raises:
            ValueError: other shapes or another precision.
        """
        result = torch.empty(self._checked_shape(x, residual), memory_format=torch.channels_last)
        if not result.numel():
            return result
        threads = torch.get_num_threads()
        template, size = self._template(len(x), x.shape[2], x.shape[3], threads)
        x = x.contiguous(memory_format=torch.channels_last)
        if residual is not None:
            residual = residual.contiguous(memory_format=torch.channels_last)
        workspace = _workspace(size)
        arguments = _Arguments.from_buffer_copy(template)
        arguments[Argument.IMAGES], arguments[Argument.RESULT] = x.data_ptr(), result.data_ptr()
        arguments[Argument.RESIDUAL] = 0 if residual is None else residual.data_ptr()
        arguments[Argument.WEIGHTS], arguments[Argument.BIAS] = self.weight.data_ptr(), self.bias.data_ptr()
        arguments[Argument.ZEROS] = self.zeros.data_ptr()
        arguments[Argument.WASTE] = workspace
        arguments[Argument.WORKSPACE] = workspace + _round_up(self.out_channels * FLOAT)
        run_on_threads(compiled(self.stride, self.tile, self.registers), ctypes.addressof(arguments), threads)
        return result

    def extra_repr(self) -> str:
        """Describe the layer."""
        return f"{self.in_channels}, {self.out_channels}, stride={self.stride}, tile={self.tile}, relu={self.relu}"

    def _checked_shape(self, x: Tensor, residual: Tensor | None) -> tuple[int, int, int, int]:
        single = x.dtype == self.weight.dtype == torch.float32 and x.device.type == self.weight.device.type == "cpu"
        if x.ndim != 4 or x.shape[1] != self.in_channels or not single:
            raise ValueError(
                f"input is {tuple(x.shape)}, {x.dtype}, on {x.device}, and weights are {self.weight.dtype}, on "
                f"{self.weight.device}; expected (N, {self.in_channels}, H, W), torch.float32, on cpu. Other engines "
                "and precisions use the network as it is before `use_minimal_filtering`."
            )
        height, width = ((length - 1) // self.stride + 1 for length in x.shape[2:])
        shape = (len(x), self.out_channels, height, width)
        if residual is not None and (residual.shape != shape or residual.dtype != x.dtype):
            raise ValueError(f"residual is {tuple(residual.shape)}, {residual.dtype}; expected {shape}, {x.dtype}.")
        return shape

    def _template(self, images: int, height: int, width: int, threads: int) -> tuple[bytes, int]:
        """Return the arguments but for addresses, and the size of the workspace in bytes."""
        key = (images, height, width, threads)
        if key not in self._known:
            self._known[key] = self._make_template(images, height, width, threads)
        return self._known[key]

    def _make_template(self, images: int, height: int, width: int, threads: int) -> tuple[bytes, int]:
        plan = PLANS[self.stride, self.tile]
        out_height, out_width = ((length - 1) // self.stride + 1 for length in (height, width))
        tiles_y, tiles_x = -(-out_height // self.tile), -(-out_width // self.tile)
        tiles, panels = images * tiles_y * tiles_x, self.out_channels // self.registers.panel
        per_tile = bytes_per_tile(plan, self.in_channels, self.registers)
        cut = partition(tiles, panels, max(BLOCK_BYTES // per_tile, 2 * self.registers.rows), threads)
        per_thread = _round_up(cut.tiles * per_tile)
        values = {
            Argument.TASKS: cut.blocks * cut.chunks,
            Argument.BLOCKS: cut.blocks,
            Argument.BLOCK_TILES: cut.tiles,
            Argument.TASK_PANELS: cut.panels,
            Argument.PANELS: panels,
            Argument.TILES: tiles,
            Argument.TILES_Y: tiles_y,
            Argument.TILES_X: tiles_x,
            Argument.HEIGHT: height,
            Argument.WIDTH: width,
            Argument.OUT_HEIGHT: out_height,
            Argument.OUT_WIDTH: out_width,
            Argument.CHANNELS: self.in_channels,
            Argument.WORKSPACE_BYTES: per_thread,
            Argument.RELU: int(self.relu),
        }
        template = _Arguments(*(values.get(argument, 0) for argument in Argument))
        return bytes(template), threads * per_thread + _round_up(self.out_channels * FLOAT)


def bytes_per_tile(plan: Plan, channels: int, registers: Registers) -> int:
    """Return what a tile occupies between transforms."""
    return (plan.products * channels + len(plan.depths) * registers.panel) * FLOAT


def _workspace(size: int) -> int:
    """Return the address of memory that this thread uses for one layer after the other."""
    buffer = getattr(_OWN, "buffer", None)
    if buffer is None or len(buffer) < size + LINE:
        buffer = _OWN.buffer = torch.empty(size + LINE, dtype=torch.uint8)
    return _round_up(buffer.data_ptr())


def _round_up(size: int) -> int:
    return -(-size // LINE) * LINE
