"""Deformable attention: every joint looks at a few points around its place in every view.

Source: Zhu et al., "Deformable DETR", ICLR 2021, with one feature level and the views as separate
memories that share their weights.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DeformableAttention(nn.Module):
    """Sample each view's feature map at learned offsets from an anchor per joint."""

    spatial_shapes: Tensor
    start_index: Tensor

    def __init__(self, dim: int, heads: int, points: int, map_size: int) -> None:
        """Build the attention over square maps of `map_size` px."""
        super().__init__()
        self.heads, self.points, self.map_size = heads, points, map_size
        self.sampling_offsets = nn.Linear(dim, heads * points * 2)
        self.attention_weights = nn.Linear(dim, heads * points)
        self.value_proj = nn.Linear(dim, dim)
        self.output_proj = nn.Linear(dim, dim)
        # Nothing reads these; published state dictionaries contain them.
        self.register_buffer("spatial_shapes", torch.tensor([[map_size, map_size]]))
        self.register_buffer("start_index", torch.tensor([0]))
        self._init_weights()

    def _init_weights(self) -> None:
        """Each head starts looking in its own direction, its points ever further from the anchor."""
        angles = torch.arange(self.heads) * (2.0 * math.pi / self.heads)
        directions = torch.stack((angles.cos(), angles.sin()), dim=-1)
        directions = (directions / directions.abs().amax(dim=-1, keepdim=True)).round(decimals=6)
        reach = torch.arange(1, self.points + 1)
        nn.init.zeros_(self.sampling_offsets.weight)
        with torch.no_grad():
            self.sampling_offsets.bias.copy_((directions[:, None] * reach[:, None]).flatten())
        nn.init.zeros_(self.attention_weights.weight)
        nn.init.zeros_(self.attention_weights.bias)
        for projection in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(projection.weight)
            nn.init.zeros_(projection.bias)

    def forward(self, query: Tensor, memory: Tensor, anchors_uv: Tensor, valid: Tensor) -> Tensor:
        """Collect what each view shows around each joint.

        Args:
            query: (B, J, D) joint queries.
            memory: (B, V, H * W, D) features of each view, row by row.
            anchors_uv: (B, V, J, 2) place of each joint in each view; (0, 0) is the map's left
                upper corner, (1, 1) its right lower one.
            valid: (B, V, J) bool; where False the result is exactly zero.

        Returns:
            (B, V, J, D).
        """
        per_head = (-1, anchors_uv.shape[2], self.heads, self.points)
        offsets = self.sampling_offsets(query).view(*per_head, 2) / self.map_size
        weights = self.attention_weights(query).view(per_head).softmax(dim=-1)
        locations = anchors_uv[:, :, :, None, None] + offsets[:, None]
        sampled = self._sample(self.value_proj(memory), locations)
        attended = torch.einsum("bvhdjp,bjhp->bvjhd", sampled, weights).flatten(-2)
        return self.output_proj(attended) * valid[..., None]

    def _sample(self, values: Tensor, locations: Tensor) -> Tensor:
        """Sample (B, V, H * W, D) at (B, V, J, heads, points, 2); (B, V, heads, D / heads, J, points)."""
        views, width = values.shape[1], values.shape[3] // self.heads
        maps = values.view(-1, self.map_size, self.map_size, self.heads, width)
        maps = maps.permute(0, 3, 4, 1, 2).flatten(0, 1)
        grid = (locations * 2.0 - 1.0).flatten(0, 1).transpose(1, 2).flatten(0, 1)
        sampled = F.grid_sample(maps, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        return sampled.view(-1, views, self.heads, *sampled.shape[1:])
