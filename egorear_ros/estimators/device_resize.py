"""Pillow's bicubic on any device: pixels become network input in one go, where they are.

The kernel is as wide as the image shrinks (antialiased) and goes over columns, then rows; Pillow rounds to bytes and
confines them to 0..255 in between, and so does this. What is left are ties of rounding: one grey level at most.
PyTorch's own antialiased bicubic has the same kernel, but keeps what shoots beyond the range until the end.
"""

import numpy as np
import torch
from torch import Tensor

from egorear_ros.models.image_statistics import IMAGE_MEAN, IMAGE_STD

KEYS_A = -0.5
"""Of the cubic kernel; -0.75 is OpenCV's.

Source: Keys, "Cubic convolution interpolation for digital image processing", 1981."""

REACH = 2.0
"""Of the kernel, in its own units."""

WHITE = 255.0


class DeviceResize:
    """Resizes images of one size to a square and normalises them.

    Args:
        size: (width, height) of the images, px.
        image_size: height and width of the network's input, px.
        device: where both are.
    """

    def __init__(self, size: tuple[int, int], image_size: int, device: torch.device) -> None:
        width, height = size
        self._columns = _weights(width, image_size).T.contiguous().to(device)
        self._rows = _weights(height, image_size).to(device)
        mean, deviation = (torch.from_numpy(values)[:, None, None] for values in (IMAGE_MEAN, IMAGE_STD))
        self._scale = (1.0 / (WHITE * deviation)).to(device)
        self._shift = (-mean / deviation).to(device)

    def __call__(self, pixels: Tensor, out: Tensor) -> None:
        """Fill a part of a network's input.

        Args:
            pixels: (N, H, W, 3) uint8 RGB.
            out: (N, 3, image_size, image_size), overwritten.
        """
        torch.addcmul(self._shift, self.resize(pixels), self._scale, out=out)

    def resize(self, pixels: Tensor) -> Tensor:
        """Return (N, 3, image_size, image_size) whole numbers from 0 to 255 of (N, H, W, 3) uint8 RGB."""
        planes = pixels.permute(0, 3, 1, 2).float()
        narrow = (planes @ self._columns).round_().clamp_(0.0, WHITE)
        return (self._rows @ narrow).round_().clamp_(0.0, WHITE)


def _weights(before: int, after: int) -> Tensor:
    """Return the (after, before) matrix that resizes one axis."""
    scale = before / after
    stretch = max(scale, 1.0)
    centres = (np.arange(after)[:, None] + 0.5) * scale
    pixels = np.arange(before)[None]
    # Pixels belong to the kernel by their whole numbers, as in Pillow: one at the rim may be in although it is 0.
    first = np.maximum((centres - REACH * stretch + 0.5).astype(int), 0)
    last = np.minimum((centres + REACH * stretch + 0.5).astype(int), before)
    weights = np.where((pixels >= first) & (pixels < last), _kernel((pixels + 0.5 - centres) / stretch), 0.0)
    return torch.from_numpy((weights / weights.sum(axis=1, keepdims=True)).astype(np.float32))


def _kernel(x: np.ndarray) -> np.ndarray:
    x = np.abs(x)
    near = ((KEYS_A + 2.0) * x - (KEYS_A + 3.0)) * x * x + 1.0
    far = (((x - 5.0) * x + 8.0) * x - 4.0) * KEYS_A
    return np.where(x < 1.0, near, np.where(x < REACH, far, 0.0))
