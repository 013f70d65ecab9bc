"""Looking at the views around a joint that is already roughly known.

As `models.deformable_attention`, with two differences: points are sampled from the features
themselves and projected afterwards, which is the same function at a fraction of the cost because
sampling is linear; and views are weighed by attention instead of a matrix over all of them, so
that any number of views will do.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from egorear_ros.models.size import ModelSize


def with_nobody(tokens: Tensor, keys: Tensor, nobody: Tensor) -> tuple[Tensor, Tensor]:
    """Append a token to look at where nobody else may be looked at.

    Args:
        tokens: (B, N, D).
        keys: (B, N) bool, where to look.
        nobody: (1, 1, D) the token.
    """
    always = keys[:, :1] | ~keys[:, :1]  # True, but no constant: exported files take any batch
    return torch.cat([tokens, nobody * always[..., None]], dim=1), torch.cat([keys, always], dim=1)


class CrossAttention(nn.Module):
    """Queries collect what tokens say."""

    def __init__(self, dim: int, heads: int, token_dim: int | None = None) -> None:
        """Build the projections.

        Args:
            dim: D, of queries.
            heads: of the attention.
            token_dim: D' of tokens, and width of the attention; None: D.
        """
        super().__init__()
        inner = token_dim or dim
        self.heads = heads
        self.q_proj, self.kv_proj, self.out_proj = (
            nn.Linear(dim, inner),
            nn.Linear(inner, 2 * inner),
            nn.Linear(inner, dim),
        )

    def forward(self, query: Tensor, tokens: Tensor, keys: Tensor | None) -> Tensor:
        """Map (B, J, D) queries and (B, N, D') tokens to (B, J, D); (B, N) `keys` are True where to look, None: all."""
        q = self.q_proj(query).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        k, v = self.kv_proj(tokens).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mask = None if keys is None else keys[:, None, None]
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.out_proj(seen.transpose(1, 2).flatten(-2))


class ViewLook(nn.Module):
    """Samples each view around a joint's projection, then weighs the views."""

    def __init__(self, size: ModelSize) -> None:
        """Build the layer for queries and maps of `size.channels`."""
        super().__init__()
        dim = size.channels
        self.heads, self.points, self.map_size = size.attention_heads, size.attention_points, size.heatmap_size
        self.offsets = nn.Linear(dim, self.heads * self.points * 2)
        self.weights = nn.Linear(dim, self.heads * self.points)
        self.value = nn.Linear(self.heads * dim, dim)
        self.from_ray = nn.Linear(6, dim)
        self.nobody = nn.Parameter(torch.zeros(1, 1, dim))
        self.attention = CrossAttention(dim, self.heads)
        angle = torch.arange(self.heads) * (2 * math.pi / self.heads)
        direction = torch.stack((angle.cos(), angle.sin()), dim=-1)
        reach = torch.arange(self.points)  # the first point is the joint's own place
        nn.init.zeros_(self.offsets.weight)
        with torch.no_grad():
            self.offsets.bias.copy_((direction[:, None] * reach[:, None]).flatten())

    def forward(self, query: Tensor, features: Tensor, anchors_uv: Tensor, rays: Tensor, valid: Tensor) -> Tensor:
        """Return (B, J, D): what the views show around each joint.

        Args:
            query: (B, J, D).
            features: (B, V, C, H, W), C = D.
            anchors_uv: (B, V, J, 2) projected joints as fractions of width and height.
            rays: (B, V, J, 6) from camera centre to joint and the centre itself, device frame, m.
            valid: (B, V, J) bool, where to look.
        """
        views, joints = anchors_uv.shape[1], anchors_uv.shape[2]
        per_head = (-1, joints, self.heads, self.points)
        offsets = self.offsets(query).view(*per_head, 2) / self.map_size
        places = anchors_uv[:, :, :, None, None] + offsets[:, None]
        grid = (places + 0.5 / self.map_size) * 2.0 - 1.0
        sampled = F.grid_sample(
            features.flatten(0, 1), grid.flatten(0, 1).flatten(2, 3), padding_mode="border", align_corners=False
        ).view(-1, views, features.shape[2], joints, self.heads, self.points)
        weights = self.weights(query).view(per_head).softmax(dim=-1)
        seen = torch.einsum("bvcjhp,bjhp->bjvhc", sampled, weights).flatten(-2)
        tokens = (self.value(seen) + self.from_ray(rays.transpose(1, 2))).flatten(0, 1)
        keys = valid.transpose(1, 2).flatten(0, 1)
        tokens, keys = with_nobody(tokens, keys, self.nobody)
        return self.attention(query.flatten(0, 1)[:, None], tokens, keys).view(-1, joints, query.shape[2])
