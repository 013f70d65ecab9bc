"""The refiners of all views at once: one launch where the loop has one for each view.

On a GPU a frame set is so little work that launches and half-empty kernels cost more than arithmetic. On a CPU that
is true of the queries, a few rows each; their maps are faster one view after the other.
"""

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from egorear_ros.models.encoder import Encoding
from egorear_ros.models.fast.attention import FastDeformableAttention
from egorear_ros.models.fast.grouped_layers import GroupedLinear, GroupedNorm, group_sequences
from egorear_ros.models.fast.network import (
    FastLayer,
    FastRefinedEstimator,
    FastRefiner,
    MapsApart,
    RefinerMaps,
    SeparateRefiners,
    join_views,
)
from egorear_ros.models.fast.present import apply_to_present, of_view
from egorear_ros.models.fast.sampling import Taps, bilinear_taps, gather
from egorear_ros.models.refiner import RefinedView
from egorear_ros.models.transformer import SelfAttention


def group_refiners(network: nn.Module, *, maps: bool = True) -> nn.Module:
    """Return an inference form whose refiners work together; the one given is changed. Others have no refiners.

    Args:
        network: any inference form.
        maps: whether that is also true of their maps, or of their queries alone.
    """
    if isinstance(network, FastRefinedEstimator) and isinstance(network.refiners, SeparateRefiners) and network.refined:
        parts = [cast(FastRefiner, refiner) for refiner in network.refiners.views]
        network.refiners = GroupedRefiners(parts) if maps else GroupedQueryRefiners(parts)
    return network


class GroupedAttention(nn.Module):
    """R deformable attentions, each looking at all V views."""

    matrix: Tensor
    constant: Tensor

    def __init__(self, looks: Sequence[FastDeformableAttention]) -> None:
        """Stack attentions whose memory has a position."""
        super().__init__()
        first = looks[0]
        self.heads, self.points, self.size = first.heads, first.points, first.size
        self.offsets = GroupedLinear([look.offsets for look in looks])
        self.weights = GroupedLinear([look.weights for look in looks])
        self.output = GroupedLinear([look.output for look in looks])
        # Without a fourth axis, so that nobody takes them for images and lays them out channels last.
        self.register_buffer("matrix", torch.cat([look.matrix for look in looks]), persistent=False)
        self.register_buffer("constant", torch.cat([look.constant for look in looks]), persistent=False)

    def forward(self, query: Tensor, rows: Tensor, anchors_uv: Tensor, valid: Tensor) -> Tensor:
        """Collect what each view shows around each joint; (R, B, J, V, D).

        Args:
            query: (R, B, J, D).
            rows: (B, V, H * W, C) features, row by row.
            anchors_uv: (B, V, J, 2).
            valid: (B, V, J) bool.
        """
        groups, batch, joints, _ = query.shape
        views = rows.shape[1]
        per_head = (groups, batch, joints, self.heads, self.points)
        offsets = self.offsets(query).view(*per_head, 2) / self.size
        weights = self.weights(query).view(per_head).softmax(dim=-1)
        locations = anchors_uv[:, :, :, None, None] + offsets[:, :, None]
        weights = weights[:, :, None].expand(-1, -1, views, -1, -1, -1)
        taps = bilinear_taps(locations, weights, self.size)  # (R, B, V, J, heads, taps)
        flat = Taps(*(part.flatten(0, 2).flatten(1, 2) for part in taps))
        summed = gather(rows.flatten(0, 1), flat, repeated=True).view(
            groups, batch, views, joints, self.heads, rows.shape[-1]
        )
        matrix = self.matrix.unflatten(0, (groups, -1))
        seen = torch.einsum("rbvjhc,rhcd->rbjvhd", summed, matrix) + self._constant(taps)
        return self.output(seen.flatten(-2)) * valid.transpose(1, 2)[..., None]

    def _constant(self, taps: Taps) -> Tensor:
        """Return what the constant maps add, (R, B, J, V, heads, D / heads)."""
        groups, batch, views, joints = taps.pixel.shape[:4]
        by_map = Taps(*(part.permute(1, 0, 2, 4, 3, 5) for part in taps))  # (B, R, V, heads, J, taps)
        flat = Taps(*(part.flatten(0, 3) for part in by_map))
        summed = gather(self.constant, flat, repeated=True)
        return summed.view(batch, groups, views, self.heads, joints, -1).permute(1, 0, 4, 2, 3, 5)


class GroupedTalk(nn.Module):
    """R attentions among joints."""

    def __init__(self, talks: Sequence[SelfAttention]) -> None:
        """Stack attentions of one width."""
        super().__init__()
        self.heads = talks[0].heads
        names = ("q_proj", "k_proj", "v_proj")
        self.projections = nn.ModuleList(GroupedLinear([talk.get_submodule(name) for talk in talks]) for name in names)
        self.output = GroupedLinear([talk.out_proj for talk in talks])

    def forward(self, x: Tensor) -> Tensor:
        """Map (R, B, J, D) to (R, B, J, D)."""
        q, k, v = (
            projection(x).unflatten(-1, (self.heads, -1)).transpose(2, 3).flatten(0, 1)
            for projection in self.projections
        )
        attended = F.scaled_dot_product_attention(q, k, v)
        return self.output(attended.transpose(1, 2).flatten(-2).unflatten(0, x.shape[:2]))


class GroupedLayer(nn.Module):
    """R transformer layers."""

    def __init__(self, layers: Sequence[FastLayer]) -> None:
        """Stack layers."""
        super().__init__()
        self.look = GroupedAttention([layer.look for layer in layers])
        self.fuse = GroupedLinear([layer.fuse for layer in layers])
        self.talk = GroupedTalk([layer.talk for layer in layers])
        feed = [layer.ffn.layers for layer in layers]
        self.ffn = nn.Sequential(
            GroupedLinear([part.get_submodule("0.0") for part in feed]),
            nn.GELU(),
            GroupedLinear([part.get_submodule("1") for part in feed]),
        )
        self.norm_cross, self.norm_spatial, self.norm_ffn = (
            GroupedNorm([layer.get_submodule(name) for layer in layers])
            for name in ("norm_cross", "norm_spatial", "norm_ffn")
        )

    def forward(self, query: Tensor, rows: Tensor, anchors_uv: Tensor, valid: Tensor) -> Tensor:
        """See `FastLayer.forward`; queries are (R, B, J, D)."""
        seen = self.look(query, rows, anchors_uv, valid)
        query = self.norm_cross(query + self.fuse(seen.flatten(-2)))
        query = self.norm_spatial(query + self.talk(query))
        return self.norm_ffn(query + self.ffn(query))


class GroupedQueries(nn.Module):
    """The first halves of all views' refiners: joint queries."""

    embedding: Tensor

    def __init__(self, refiners: Sequence[FastRefiner]) -> None:
        """Stack the refiners of V views."""
        super().__init__()
        self.register_buffer("embedding", torch.stack([refiner.joint_query_embed.weight for refiner in refiners]))
        self.from_image = GroupedLinear([refiner.fc_bfb for refiner in refiners])
        self.from_heatmaps = nn.Sequential(
            GroupedLinear([refiner.heatmap_proj[0] for refiner in refiners]),
            nn.ReLU(),
            GroupedLinear([refiner.heatmap_proj[2] for refiner in refiners]),
        )
        self.query = GroupedLinear([refiner.fc_query[0] for refiner in refiners])
        self.layer = GroupedLayer([refiner.layer for refiner in refiners])
        self.norm = GroupedNorm([refiner.norm for refiner in refiners])

    def forward(
        self, encoded: Encoding, rows: Tensor, heatmaps: Tensor, anchors_uv: Tensor, valid: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return (V, B, J, D) queries: first, refined, and normalised. See `SeparateRefiners.forward`."""
        from_image = self.from_image(encoded.deepest.mean(dim=(-2, -1)).transpose(0, 1))[:, :, None]
        from_heatmaps = self.from_heatmaps(heatmaps.transpose(0, 1).flatten(-2))
        query = self.query(self.embedding[:, None] + from_image + from_heatmaps).relu()
        refined_query = self.layer(query, rows, anchors_uv, valid)
        return query, refined_query, self.norm(refined_query)


class GroupedQueryRefiners(MapsApart):
    """All views' refiners for a CPU; a stand-in for `SeparateRefiners`."""

    def __init__(self, refiners: Sequence[FastRefiner]) -> None:
        """Stack the queries of V views."""
        super().__init__()
        self.queries = GroupedQueries(refiners)
        self.maps = nn.ModuleList(refiner.maps for refiner in refiners)

    def map_parts(self) -> list[RefinerMaps]:
        """See `MapsApart.map_parts`."""
        return [cast(RefinerMaps, part) for part in self.maps]

    def forward(
        self,
        encoded: Encoding,
        rows: Tensor,
        heatmaps: Tensor,
        anchors_uv: Tensor,
        valid: Tensor,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, tuple[RefinedView, ...]]:
        """See `SeparateRefiners.forward`."""
        queries = self.queries(encoded, rows, heatmaps, anchors_uv, valid)
        views = tuple(
            RefinedView(query, refined, apply_to_present(part, of_view(mask, view), normed, encoded.features[:, view]))
            for view, (part, query, refined, normed) in enumerate(zip(self.maps, *queries, strict=True))
        )
        return join_views([view.features[:, None] for view in views]), views


class GroupedRefiners(nn.Module):
    """All views' refiners for a GPU; a stand-in for `SeparateRefiners`."""

    def __init__(self, refiners: Sequence[FastRefiner]) -> None:
        """Stack the refiners of V views."""
        super().__init__()
        self.queries = GroupedQueries(refiners)
        parts = [refiner.maps for refiner in refiners]
        self.side = parts[0].side
        self.offset, self.base, self.refined, self.heatmap_layers = (
            group_sequences([cast(nn.Sequential, part.get_submodule(name)) for part in parts])
            for name in ("offset", "base", "refined", "heatmap_layers")
        )

    def forward(
        self,
        encoded: Encoding,
        rows: Tensor,
        heatmaps: Tensor,
        anchors_uv: Tensor,
        valid: Tensor,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, tuple[RefinedView, ...]]:
        """See `SeparateRefiners.forward`; all views are computed."""
        query, refined_query, normed = self.queries(encoded, rows, heatmaps, anchors_uv, valid)
        maps = normed.transpose(0, 1).flatten(1, 2).unflatten(-1, (self.side, self.side))
        offset, base = self.offset(maps), self.base(encoded.features.flatten(1, 2))
        features = self.refined(offset + base).unflatten(1, (heatmaps.shape[1], -1))
        details = zip(query.unbind(), refined_query.unbind(), features.unbind(1), strict=True)
        return features, tuple(RefinedView(*parts) for parts in details)

    def heatmaps(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        """See `MapsApart.heatmaps`; all views are computed."""
        return self.heatmap_layers(features.flatten(1, 2)).unflatten(1, (features.shape[1], -1))
