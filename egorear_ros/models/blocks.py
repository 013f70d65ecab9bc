"""Small building blocks that several networks share."""

from torch import nn


def upsample() -> nn.Upsample:
    """Double height and width; corner pixels stay corner pixels, as in the published networks."""
    return nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)


def conv1x1(in_channels: int, out_channels: int) -> nn.Conv2d:
    """Mix channels pixel by pixel."""
    return nn.Conv2d(in_channels, out_channels, kernel_size=1)


def conv3x3(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    """Convolve a 3x3 neighbourhood; `stride` 2 halves height and width."""
    return nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1)


def heatmap_layers(channels: int, joints: int) -> list[nn.Module]:
    """Return the layers that turn (N, channels, H, W) features into (N, joints, H, W) heatmaps."""
    c = channels
    return [
        conv3x3(c, 2 * c, stride=2),
        nn.ReLU(),
        conv1x1(2 * c, 2 * c),
        nn.ReLU(),
        upsample(),
        conv1x1(2 * c, c),
        nn.ReLU(),
        conv1x1(c, joints),
    ]
