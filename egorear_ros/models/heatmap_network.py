"""Stage 1: heatmaps from single images, which teaches an encoder to see joints.

The later stages take over the encoder; the head stays in their state dictionaries unused, because
a deeper head replaces it there.
"""

from torch import Tensor, nn

from egorear_ros.models.blocks import conv1x1
from egorear_ros.models.encoder import Encoder
from egorear_ros.models.size import ModelSize


class HeatmapNetwork(nn.Module):
    """An encoder and a linear head."""

    def __init__(self, size: ModelSize) -> None:
        """Build the network."""
        super().__init__()
        self.encoder = Encoder(size)
        self.conv_heatmap = conv1x1(size.channels, size.heatmap_joint_count)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, 3, H, W) normalised images to (N, J_heatmap, H/4, W/4) heatmaps."""
        return self.conv_heatmap(self.encoder(images).features)
