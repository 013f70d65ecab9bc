"""Refiner of one view: what the other views know corrects this view's features and heatmaps.

Joint queries, made from this view's first heatmaps and its image as a whole, collect features of
all views around the heatmaps' peaks. A view whose peak is weak is masked for that joint. Each
refined query is then reshaped to a small map; together the maps are an offset to this view's
features.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from egorear_ros.models.blocks import conv1x1, conv3x3, heatmap_layers, upsample
from egorear_ros.models.encoder import Encoding
from egorear_ros.models.size import ModelSize
from egorear_ros.models.transformer import JointTransformerLayer


class RefinedView(NamedTuple):
    """What the refiner of one view found.

    Attributes:
        query: (B, J_heatmap, D) joint queries before the views were consulted.
        refined_query: (B, J_heatmap, D) joint queries afterwards.
        features: (B, C, H, W) refined feature map.
    """

    query: Tensor
    refined_query: Tensor
    features: Tensor


class Refiner(nn.Module):
    """One view's refiner; the views of a rig do not share weights.

    Attributes:
        train_base_path: whether gradients reach the path that passes a view's own features on. The
            published training never does, so that its weights stay as they were initialised.
    """

    train_base_path = False

    def __init__(self, size: ModelSize) -> None:
        """Build the refiner for one of `size.view_count` views."""
        super().__init__()
        dim, c, joints = size.refiner_dim, size.channels, size.heatmap_joint_count
        tokens = size.heatmap_size**2
        self.query_map_size = size.query_map_size

        self.heatmap_proj = nn.Sequential(nn.Linear(tokens, dim), nn.ReLU(), nn.Linear(dim, dim))
        self.fc_bfb = nn.Linear(size.deepest_channels, dim)
        self.joint_query_embed = nn.Embedding(joints, dim)
        self.fc_query = nn.Sequential(nn.Linear(dim, dim), nn.ReLU())

        self.frame_feat_multi_view_proj = conv1x1(c, dim)
        self.frame_feat_multi_view_pos_embed = nn.Parameter(torch.zeros(1, size.view_count, tokens, dim))
        self.transformer_layers = nn.ModuleList([JointTransformerLayer(dim, size)])
        self.post_norm = nn.ModuleList([nn.LayerNorm(dim)])

        offset_head = nn.Sequential(conv1x1(joints, c // 2), nn.ReLU(), upsample(), conv1x1(c // 2, c), nn.ReLU())
        self.head_layers = nn.ModuleList([nn.ModuleDict({"head": offset_head})])
        self.frame_feat_proj_layers = nn.Sequential(
            conv1x1(c, 2 * c), nn.ReLU(), conv3x3(2 * c, 4 * c, stride=2), nn.ReLU(), conv1x1(4 * c, c), nn.ReLU()
        )
        self.frame_feat_refined_proj_layers = nn.ModuleList(
            [nn.Sequential(conv1x1(c, c), nn.ReLU(), upsample(), conv1x1(c, c), nn.ReLU())]
        )
        self.conv_heatmap_layers = nn.ModuleList([nn.Sequential(*heatmap_layers(c, joints))])

    def forward(self, view: int, encoded: Encoding, heatmaps: Tensor, anchors_uv: Tensor, valid: Tensor) -> RefinedView:
        """Refine one view.

        Args:
            view: index of this refiner's view.
            encoded: encodings of all V views.
            heatmaps: (B, V, J_heatmap, H, W) first heatmaps.
            anchors_uv: (B, V, J_heatmap, 2) their peaks.
            valid: (B, V, J_heatmap) bool, where a peak can be trusted.
        """
        query = self.make_query(heatmaps[:, view], encoded.deepest[:, view])
        memory = self.make_memory(encoded.features)
        refined_query = self.transformer_layers[0](query, memory, anchors_uv, valid)
        features = self.refine_features(encoded.features[:, view], refined_query)
        return RefinedView(query, refined_query, features)

    def make_query(self, heatmaps: Tensor, deepest: Tensor) -> Tensor:
        """Describe each joint by its heatmap, the image as a whole and a learned vector; (B, J, D)."""
        from_heatmaps = self.heatmap_proj(heatmaps.flatten(-2))
        from_image = self.fc_bfb(deepest.mean(dim=(-2, -1)))[:, None]
        return self.fc_query(self.joint_query_embed.weight + from_image + from_heatmaps)

    def make_memory(self, features: Tensor) -> Tensor:
        """Turn (B, V, C, H, W) maps of all views into (B, V, H * W, D) tokens that know their place."""
        batch, views = features.shape[:2]
        tokens = self.frame_feat_multi_view_proj(features.flatten(0, 1)).flatten(-2).transpose(-2, -1)
        return tokens.unflatten(0, (batch, views)) + self.frame_feat_multi_view_pos_embed

    def refine_features(self, features: Tensor, refined_query: Tensor) -> Tensor:
        """Add what the queries learned to this view's (B, C, H, W) map."""
        side = self.query_map_size
        query_maps = self.post_norm[0](refined_query).unflatten(-1, (side, side))
        offset = self.head_layers[0].get_submodule("head")(query_maps)
        base = self.frame_feat_proj_layers(features)
        if not self.train_base_path:
            base = base.detach()
        return self.frame_feat_refined_proj_layers[0](offset + base)

    def heatmaps(self, refined_features: Tensor) -> Tensor:
        """Map refined (B, C, H, W) features to (B, J_heatmap, H, W) heatmaps."""
        return self.conv_heatmap_layers[0](refined_features)
