"""The transformer layer of refiner and lifter: look at the views, talk among joints, think."""

import torch.nn.functional as F
from torch import Tensor, nn

from egorear_ros.models.deformable_attention import DeformableAttention
from egorear_ros.models.size import ModelSize


class SelfAttention(nn.Module):
    """Multi-head attention among the joints of one body."""

    def __init__(self, dim: int, heads: int) -> None:
        """Build the four projections."""
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(dim, dim)
        self.k_proj = nn.Linear(dim, dim)
        self.v_proj = nn.Linear(dim, dim)
        self.out_proj = nn.Linear(dim, dim)
        for projection in (self.q_proj, self.k_proj, self.v_proj):
            nn.init.xavier_uniform_(projection.weight)
        for projection in (self.q_proj, self.k_proj, self.v_proj, self.out_proj):
            nn.init.zeros_(projection.bias)

    def forward(self, x: Tensor, keys: Tensor | None = None) -> Tensor:
        """Map (B, J, D) to (B, J, D); where (B, J) bool `keys` is False nobody attends to a token."""
        q, k, v = (
            projection(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        mask = None if keys is None else keys[:, None, None]
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.out_proj(attended.transpose(1, 2).flatten(-2))


class FeedForward(nn.Module):
    """Two linear layers, applied to each joint alone."""

    def __init__(self, dim: int, hidden_dim: int) -> None:
        """Build the layers."""
        super().__init__()
        self.layers = nn.Sequential(nn.Sequential(nn.Linear(dim, hidden_dim), nn.GELU()), nn.Linear(hidden_dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, J, D) to (B, J, D)."""
        return self.layers(x)


class JointTransformerLayer(nn.Module):
    """Update joint queries from all views and from each other."""

    def __init__(self, dim: int, size: ModelSize) -> None:
        """Build a layer for queries of width `dim`."""
        super().__init__()
        self.cross_attn = DeformableAttention(dim, size.attention_heads, size.attention_points, size.heatmap_size)
        self.fuse_mlp = nn.Linear(size.view_count * dim, dim)
        self.norm_cross = nn.LayerNorm(dim)
        self.spatial_attn = SelfAttention(dim, size.attention_heads)
        self.norm_spatial = nn.LayerNorm(dim)
        self.ffn = FeedForward(dim, 4 * size.channels)
        self.norm_ffn = nn.LayerNorm(dim)

    def forward(self, query: Tensor, memory: Tensor, anchors_uv: Tensor, valid: Tensor) -> Tensor:
        """Map (B, J, D) queries to (B, J, D); the other arguments as in `DeformableAttention`."""
        seen = self.cross_attn(query, memory, anchors_uv, valid)
        query = self.norm_cross(query + self.fuse_mlp(seen.transpose(1, 2).flatten(-2)))
        query = self.norm_spatial(query + self.spatial_attn(query))
        return self.norm_ffn(query + self.ffn(query))
