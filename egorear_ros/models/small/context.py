"""What each view shows as a whole: joints that no view sees are guessed from everything else that is seen."""

import torch
from torch import Tensor, nn

from egorear_ros.models.size import ModelSize
from egorear_ros.models.small.look import CrossAttention
from egorear_ros.models.small.rays import ViewRays
from egorear_ros.models.transformer import FeedForward
from egorear_ros.models.views import repeat_as

CELLS = 4
"""A view is described by this many cells a side."""


class ViewContext(nn.Module):
    """Describes the cells of each view: their features, and where they look."""

    uv: Tensor

    def __init__(self, size: ModelSize) -> None:
        """Build the description, of width `size.context_channels`."""
        super().__init__()
        dim, side = size.context_channels, size.heatmap_size // CELLS
        self.cells = nn.Conv2d(size.channels, dim, side, stride=side)
        self.from_ray = nn.Sequential(nn.Linear(6, dim), nn.GELU(), nn.Linear(dim, dim))
        self.norm = nn.LayerNorm(dim)
        # Column k of a heatmap is u = k / W: centres of cells are half a pixel to the left of the middle.
        axis = (torch.arange(CELLS) + 0.5) / CELLS - 0.5 / size.heatmap_size
        v, u = torch.meshgrid(axis, axis, indexing="ij")
        self.register_buffer("uv", torch.stack([u, v], dim=-1).flatten(0, 1), persistent=False)

    def forward(self, features: Tensor, rays: ViewRays, T_camera_device: Tensor | None) -> Tensor:
        """Return (B, V, N, D) tokens of (B, V, C, H, W) encoder features; see `ViewRays.forward`."""
        views = features.shape[1]
        seen = self.cells(features.flatten(0, 1)).flatten(2).mT.unflatten(0, (-1, views))
        directions, centres = rays(self.uv.expand(1, views, -1, -1), T_camera_device)
        geometry = torch.cat([directions, repeat_as(centres, directions)], dim=-1)
        return self.norm(seen + self.from_ray(geometry))


class ContextLayer(nn.Module):
    """Joint queries look at the views as a whole and think about it; without training it changes nothing."""

    def __init__(self, size: ModelSize) -> None:
        """Build the layer for queries of `size.channels` and tokens of `size.context_channels`."""
        super().__init__()
        dim, inner = size.channels, size.context_channels
        self.norm_look, self.norm_think = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.look = CrossAttention(dim, size.attention_heads, inner)
        self.think = FeedForward(dim, 2 * inner)
        # Networks that were trained without it can go on from where they are.
        last = self.think.layers[-1]
        assert isinstance(last, nn.Linear)
        for layer in (self.look.out_proj, last):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, query: Tensor, tokens: Tensor, keys: Tensor | None) -> Tensor:
        """Map (B, J, D) queries and (B, N, D') tokens, (B, N) `keys` True where to look, to (B, J, D)."""
        query = query + self.look(self.norm_look(query), tokens, keys)
        return query + self.think(self.norm_think(query))
