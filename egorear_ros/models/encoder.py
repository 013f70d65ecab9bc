"""Image encoder: a ResNet-18 whose levels are fused into one map at a quarter of the image size."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from egorear_ros.models.blocks import conv1x1, conv3x3, upsample
from egorear_ros.models.resnet import ResNet18
from egorear_ros.models.size import ModelSize
from egorear_ros.models.views import mask_views


class Encoding(NamedTuple):
    """What an encoder says about images; leading axes are (N,) or (B, V).

    Attributes:
        features: (..., C, H/4, W/4) fused feature maps.
        deepest: (..., C_deepest, H/32, W/32) last backbone level.
    """

    features: Tensor
    deepest: Tensor

    def detach(self) -> "Encoding":
        """Return the same values, cut off from the encoder's gradients."""
        return Encoding(self.features.detach(), self.deepest.detach())


class FeaturePyramid(nn.Module):
    """Fuses the backbone's levels from the deepest to the finest."""

    def __init__(self, level_channels: tuple[int, ...], channels: int) -> None:
        """Build one lateral convolution per level and one fusion per step between levels."""
        super().__init__()
        steps = len(level_channels) - 1
        self.lateral_convs = nn.ModuleList(nn.Sequential(conv1x1(c, channels), nn.ReLU()) for c in level_channels)
        self.fuse_convs = nn.ModuleList(nn.Sequential(conv1x1(2 * channels, channels), nn.ReLU()) for _ in range(steps))
        self.fpn_convs = nn.ModuleList(nn.Sequential(conv3x3(channels, channels), nn.ReLU()) for _ in range(steps))
        self.upsample = upsample()

    def forward(self, levels: tuple[Tensor, ...]) -> Tensor:
        """Map the levels, finest first, to one (N, channels, H, W) map of the finest one's size."""
        fused, *finer = (lateral(level) for lateral, level in zip(self.lateral_convs[::-1], levels[::-1], strict=True))
        for lateral, fuse, smooth in zip(finer, self.fuse_convs[::-1], self.fpn_convs[::-1], strict=True):
            fused = smooth(fuse(torch.cat((lateral, self.upsample(fused)), dim=1)))
        return fused


class Encoder(nn.Module):
    """Backbone and neck."""

    def __init__(self, size: ModelSize) -> None:
        """Build both for images of `size.image_size`."""
        super().__init__()
        c = size.backbone_channels
        self.backbone = ResNet18(c)
        self.neck = FeaturePyramid((c, 2 * c, 4 * c, 8 * c), size.channels)

    def forward(self, images: Tensor) -> Encoding:
        """Encode (N, 3, H, W) normalised images."""
        levels = self.backbone(images)
        return Encoding(self.neck(levels), levels[-1])


def encode_views(encoder: nn.Module, images: Tensor, view_mask: Tensor | None) -> Encoding:
    """Encode the images of several views with one encoder.

    A masked view is not encoded at all: its encoding is zero whatever its image holds, it costs
    nothing, and it does not disturb batch statistics in training. A GPU that estimates encodes it all the
    same and forgets it, because it would have to wait until the host knows which images there are.

    Args:
        encoder: shared by the views; maps (N, 3, H, W) to an `Encoding`.
        images: (B, V, 3, H, W) normalised images.
        view_mask: (B, V) bool, False where a view is missing; None: all are there.

    Returns:
        Encoding with leading axes (B, V).
    """
    flat = images.flatten(0, 1)
    if view_mask is None:
        encoded = encoder(flat)
    elif is_fixed(images, training=encoder.training):
        # Without batch statistics zeros do the same.
        whole = Encoding(*(part.unflatten(0, (-1, images.shape[1])) for part in encoder(flat)))
        return Encoding(*(mask_views(part, view_mask) for part in whole))
    else:
        present = view_mask.flatten()
        encoded = Encoding(*(scatter(part, present) for part in encoder(flat[present])))
    return Encoding(*(part.unflatten(0, (-1, images.shape[1])) for part in encoded))


def is_fixed(values: Tensor, *, training: bool = False) -> bool:
    """Return whether entries cannot be left out: in a graph made once; on a GPU that estimates they had better not."""
    in_graph = torch.onnx.is_in_onnx_export() or torch.compiler.is_compiling()
    return in_graph or (values.is_cuda and not training)


def scatter(values: Tensor, present: Tensor) -> Tensor:
    """Return (N, ...) with (M, ...) values where (N,) bool `present` is true, and zeros elsewhere."""
    zeros = values.new_zeros((len(present), *values.shape[1:]))
    if values.is_contiguous(memory_format=torch.channels_last):
        zeros = zeros.to(memory_format=torch.channels_last)  # else what follows lays all views out anew
    return zeros.index_put((present.nonzero()[:, 0],), values)
