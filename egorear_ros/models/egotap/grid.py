"""Grid ViT: the heatmaps of all views and joints, tiled to one picture, attend to each other patch by patch.

Source: Kang and Lee, "Attention-Propagation Network for Egocentric Heatmap to 3D Pose Lifting",
CVPR 2024: patches of a quarter of a map, learned positions, no class token, three pre-norm layers,
empty cells filled by a mask token that takes part in attention.
"""

import math

import torch
from torch import Tensor, nn

from egorear_ros.models.size import ModelSize
from egorear_ros.models.transformer import FeedForward, SelfAttention

PATCHES_A_SIDE = 4
PATCHES = PATCHES_A_SIDE**2
"""Patches of one heatmap."""


class GridLayer(nn.Module):
    """Attention among all patches, then thought about each; norms come first."""

    def __init__(self, dim: int, heads: int) -> None:
        """Build the layer for tokens of width `dim`."""
        super().__init__()
        self.norm_attention, self.attention = nn.LayerNorm(dim), SelfAttention(dim, heads)
        self.norm_ffn, self.ffn = nn.LayerNorm(dim), FeedForward(dim, 4 * dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, N, D) to (B, N, D)."""
        tokens = tokens + self.attention(self.norm_attention(tokens))
        return tokens + self.ffn(self.norm_ffn(tokens))


class HeatmapGrid(nn.Module):
    """Describes every heatmap in the light of all others.

    The grid is the smallest square that holds all maps: 6x6 for the 30 of two views, 8x8 for the 60
    of four. Every patch has a learned position, so the order of patches means nothing: they come
    cell by cell here, not row by row of the tiled picture.

    Our choices: a masked view's maps are empty cells; a norm follows the last layer.
    """

    def __init__(self, size: ModelSize) -> None:
        """Build the grid for `size.view_count` views."""
        super().__init__()
        self.dim = 8 * size.channels
        self.views, self.joints = size.view_count, size.heatmap_joint_count
        self.cells = math.ceil(math.sqrt(self.views * self.joints)) ** 2
        self.embed = nn.Linear(size.query_map_size**2, self.dim)
        self.mask_token = nn.Parameter(torch.zeros(self.dim))
        self.position = nn.Parameter(torch.zeros(self.cells * PATCHES, self.dim))
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        nn.init.trunc_normal_(self.position, std=0.02)
        heads = 2 * size.attention_heads
        self.layers = nn.ModuleList(GridLayer(self.dim, heads) for _ in range(size.lifter_layers))
        self.norm = nn.LayerNorm(self.dim)

    def forward(self, heatmaps: Tensor, view_mask: Tensor | None = None) -> Tensor:
        """Return (B, V, J_heatmap, 16 * D) descriptions of (B, V, J_heatmap, H, W) heatmaps.

        Args:
            heatmaps: of all views.
            view_mask: (B, V) bool; the maps of a view where it is False are not looked at.
        """
        cells = self.embed(cut(heatmaps))
        if view_mask is not None:
            cells = torch.where(view_mask[:, :, None, None, None], cells, self.mask_token)
        cells = cells.flatten(1, 2)
        empty = self.mask_token.expand(heatmaps.shape[0], self.cells - cells.shape[1], PATCHES, -1)
        tokens = torch.cat([cells, empty], dim=1).flatten(1, 2) + self.position
        for layer in self.layers:
            tokens = layer(tokens)
        maps = tokens.unflatten(1, (self.cells, PATCHES))[:, : self.views * self.joints]
        return self.norm(maps).flatten(-2).unflatten(1, (self.views, self.joints))


def cut(maps: Tensor) -> Tensor:
    """Cut (..., H, W) maps into (..., 16, H / 4 * W / 4) patches, row by row."""
    rows = maps.unflatten(-2, (PATCHES_A_SIDE, -1))
    patches = rows.unflatten(-1, (PATCHES_A_SIDE, -1)).transpose(-3, -2)
    return patches.flatten(-2).flatten(-3, -2)
