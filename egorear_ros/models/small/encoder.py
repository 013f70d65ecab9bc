"""The small encoder: a slim ResNet that starts at a quarter of the image size.

At low resolution a processor spends most of its time moving activations, not computing, so the
stem goes to a quarter in one step, and the neck adds levels and smooths at an eighth.
"""

from torch import Tensor, nn

from egorear_ros.models.blocks import conv1x1, conv3x3
from egorear_ros.models.encoder import Encoding
from egorear_ros.models.resnet import BasicBlock
from egorear_ros.models.size import ModelSize

BLOCKS = (1, 2, 2, 2)
"""Residual blocks at a 4th, 8th, 16th and 32nd of the image size."""


class SmallEncoder(nn.Module):
    """Backbone and neck; a stand-in for `models.encoder.Encoder`."""

    def __init__(self, size: ModelSize) -> None:
        """Build both for images of `size.image_size`."""
        super().__init__()
        c, out = size.backbone_channels, size.channels
        widths = [c * 2**level for level in range(len(BLOCKS))]
        self.stem = nn.Sequential(
            nn.Conv2d(3, c, 7, stride=4, padding=3, bias=False), nn.BatchNorm2d(c), nn.ReLU(inplace=True)
        )
        inputs = [c, *widths[:-1]]
        self.levels = nn.ModuleList(
            _level(before, width, 1 if level == 0 else 2, BLOCKS[level])
            for level, (before, width) in enumerate(zip(inputs, widths, strict=True))
        )
        self.laterals = nn.ModuleList(conv1x1(width, out) for width in widths)
        self.smooth = nn.Sequential(conv3x3(out, out), nn.ReLU(inplace=True))
        self.fuse = nn.Sequential(nn.ReLU(inplace=True), conv1x1(out, out), nn.ReLU(inplace=True))
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is None:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Encoding:
        """Encode (N, 3, H, W) normalised images."""
        levels, x = [], self.stem(images)
        for level in self.levels:
            x = level(x)
            levels.append(x)
        fine, middle, coarse, deepest = (lateral(x) for lateral, x in zip(self.laterals, levels, strict=True))
        middle = self.smooth(middle + self.upsample(coarse + self.upsample(deepest)))
        return Encoding(self.fuse(fine + self.upsample(middle)), levels[-1])


def _level(in_channels: int, channels: int, stride: int, blocks: int) -> nn.Sequential:
    first = BasicBlock(in_channels, channels, stride)
    return nn.Sequential(first, *(BasicBlock(channels, channels, 1) for _ in range(blocks - 1)))
