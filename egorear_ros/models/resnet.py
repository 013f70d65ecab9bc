"""ResNet-18 without its classifier, named by the stride of each level.

Source: He et al., "Deep residual learning for image recognition", CVPR 2016; initialised as
torchvision does it, so that torchvision's ImageNet weights fit (`load_imagenet_weights`).
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        """Build the block; a shortcut that changes shape is a 1x1 convolution."""
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H / stride, W / stride)."""
        residual = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(self.downsample(x) + residual)


class ResNet18(nn.Module):
    """Image in, four feature maps out."""

    def __init__(self, channels: int = 64) -> None:
        """Build the network; `channels` is the width of its first level."""
        super().__init__()
        c = channels
        self.layer_s2 = nn.Sequential(
            nn.Conv2d(3, c, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(c), nn.ReLU(inplace=True)
        )
        self.layer_s4 = nn.Sequential(nn.MaxPool2d(3, stride=2, padding=1), _level(c, c, stride=1))
        self.layer_s8 = _level(c, 2 * c, stride=2)
        self.layer_s16 = _level(2 * c, 4 * c, stride=2)
        self.layer_s32 = _level(4 * c, 8 * c, stride=2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Map (N, 3, H, W) normalised images to maps at a 4th, 8th, 16th and 32nd of their size."""
        s4 = self.layer_s4(self.layer_s2(images))
        s8 = self.layer_s8(s4)
        s16 = self.layer_s16(s8)
        return s4, s8, s16, self.layer_s32(s16)

    def load_imagenet_weights(self, state_dict: Mapping[str, Tensor]) -> None:
        """Take over the weights of torchvision's `resnet18` (IMAGENET1K_V1 and the like).

        Args:
            state_dict: its tensors, for example from `models.official.load_without_executing(path)`.

        Raises:
            ValueError: the file is not a ResNet-18 of this width.
        """
        renamed = {_our_name(key): value for key, value in state_dict.items() if not key.startswith("fc.")}
        try:
            self.load_state_dict(renamed)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise ValueError(
                f"these weights are not torchvision's resnet18 ({reason}). Save them with "
                "`torch.save(torchvision.models.resnet18(weights='IMAGENET1K_V1').state_dict(), FILE)`."
            ) from error


def _level(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        BasicBlock(in_channels, out_channels, stride), BasicBlock(out_channels, out_channels, stride=1)
    )


def _our_name(torchvision_key: str) -> str:
    levels = {"conv1": "layer_s2.0", "bn1": "layer_s2.1", "layer1": "layer_s4.1"}
    levels |= {"layer2": "layer_s8", "layer3": "layer_s16", "layer4": "layer_s32"}
    return re.sub(r"^[^.]+", lambda match: levels.get(match[0], match[0]), torchvision_key)
