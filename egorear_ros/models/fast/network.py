"""EgoRear for inference: the same joints from two thirds of the arithmetic.

Made from a trained network by exact algebra (`optimize`): batch norms are folded, samples are taken
before projections, channels are mixed before upsampling, constants are computed once, and nothing is
computed that nobody asked for.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, TypeVar, cast

import torch
from torch import Tensor, nn

from egorear_ros.heatmap import find_peaks
from egorear_ros.models.egorear import EgoRear, EgoRearOutput
from egorear_ros.models.encoder import Encoder, Encoding, encode_views
from egorear_ros.models.fast.attention import FastDeformableAttention
from egorear_ros.models.fast.encoder import FastEncoder
from egorear_ros.models.fast.fold import shrink_before_upsampling
from egorear_ros.models.fast.present import apply_to_present, apply_to_views, known_mask, of_view
from egorear_ros.models.inputs import check_inputs
from egorear_ros.models.lifter import Lift, Lifter, PoseTransformer
from egorear_ros.models.plug_in import RefinedEstimator, SeenViews
from egorear_ros.models.refinement import Refinement, RefinementNetwork
from egorear_ros.models.refiner import RefinedView, Refiner
from egorear_ros.models.transformer import JointTransformerLayer
from egorear_ros.models.views import mask_views

if TYPE_CHECKING:
    from egorear_ros.models.fast.grouped import GroupedRefiners

NetworkT = TypeVar("NetworkT", bound=nn.Module)


class FastLayer(nn.Module):
    """A transformer layer whose attention samples first."""

    def __init__(self, layer: JointTransformerLayer, projection: nn.Conv2d, position: Tensor | None) -> None:
        """Take over a trained layer.

        Args:
            layer: trained.
            projection: 1x1 convolution that makes its memory from features.
            position: (V, H * W, D) added to the memory; None: nothing.
        """
        super().__init__()
        matrix, bias = projection.weight[:, :, 0, 0], cast(Tensor, projection.bias)
        nothing = torch.zeros(1, 1, len(matrix))
        self.look = FastDeformableAttention(layer.cross_attn, matrix, bias, nothing if position is None else position)
        self.fuse, self.norm_cross = layer.fuse_mlp, layer.norm_cross
        self.talk, self.norm_spatial = layer.spatial_attn, layer.norm_spatial
        self.ffn, self.norm_ffn = layer.ffn, layer.norm_ffn

    def forward(self, query: Tensor, rows: Tensor, anchors_uv: Tensor, valid: Tensor) -> Tensor:
        """See `JointTransformerLayer.forward`; `rows` are (B, V, H * W, C) features."""
        seen = self.look(query, rows, anchors_uv, valid)
        query = self.norm_cross(query + self.fuse(seen.transpose(1, 2).flatten(-2)))
        query = self.norm_spatial(query + self.talk(query))
        return self.norm_ffn(query + self.ffn(query))


def join_views(parts: Sequence[Tensor]) -> Tensor:
    """Return (B, V_n, C, H, W) maps of some views and others as one, channels last like each of them.

    Nothing that follows has to lay them out anew then.
    """
    if torch.onnx.is_in_onnx_export() or torch.compiler.is_compiling():
        return torch.cat(list(parts), dim=1)  # compilers choose a layout themselves
    return torch.cat([part.movedim(2, -1) for part in parts], dim=1).movedim(-1, 2)


class RefinerMaps(nn.Module):
    """The second half of one view's refiner: from refined queries to refined features and heatmaps."""

    def __init__(self, refiner: Refiner) -> None:
        """Take over a trained refiner."""
        super().__init__()
        self.side = refiner.query_map_size
        self.offset = shrink_before_upsampling(cast(nn.Sequential, refiner.head_layers[0].get_submodule("head")))
        self.base = refiner.frame_feat_proj_layers
        self.refined = shrink_before_upsampling(cast(nn.Sequential, refiner.frame_feat_refined_proj_layers[0]))
        self.heatmap_layers = shrink_before_upsampling(cast(nn.Sequential, refiner.conv_heatmap_layers[0]))

    def forward(self, refined_query: Tensor, features: Tensor) -> Tensor:
        """Return (B, C, H, W) refined features of (B, J, D) normalised queries and (B, C, H, W) features."""
        query_maps = refined_query.unflatten(-1, (self.side, self.side))
        refined: Tensor = self.refined(self.offset(query_maps) + self.base(features))
        return refined


class FastRefiner(nn.Module):
    """One view's refiner."""

    def __init__(self, refiner: Refiner) -> None:
        """Take over a trained refiner."""
        super().__init__()
        self.heatmap_proj, self.fc_bfb, self.fc_query = refiner.heatmap_proj, refiner.fc_bfb, refiner.fc_query
        self.joint_query_embed = refiner.joint_query_embed
        layer = cast(JointTransformerLayer, refiner.transformer_layers[0])
        position = refiner.frame_feat_multi_view_pos_embed[0].detach()
        self.layer = FastLayer(layer, refiner.frame_feat_multi_view_proj, position)
        self.norm = refiner.post_norm[0]
        self.maps = RefinerMaps(refiner)

    def forward(
        self,
        view: int,
        encoded: Encoding,
        rows: Tensor,
        heatmaps: Tensor,
        anchors_uv: Tensor,
        valid: Tensor,
        present: Tensor | None = None,
    ) -> RefinedView:
        """See `Refiner.forward`; `rows` are (B, V, H * W, C) features, `present` (B,) whether the view is there."""
        from_image = self.fc_bfb(encoded.deepest[:, view].mean(dim=(-2, -1)))[:, None]
        from_heatmaps = self.heatmap_proj(heatmaps[:, view].flatten(-2))
        query = self.fc_query(self.joint_query_embed.weight + from_image + from_heatmaps)
        refined_query = self.layer(query, rows, anchors_uv, valid)
        features = apply_to_present(self.maps, present, self.norm(refined_query), encoded.features[:, view])
        return RefinedView(query, refined_query, features)


class MapsApart(nn.Module, ABC):
    """All views' refiners, whose maps are made one view after the other: their matrices stay in a CPU's cache."""

    @abstractmethod
    def map_parts(self) -> list[RefinerMaps]:
        """Return each view's second half."""

    def heatmaps(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map (B, V, C, H, W) refined features to (B, V, J_heatmap, H, W) heatmaps; `mask` as in `forward`."""
        maps = [
            apply_to_present(part.heatmap_layers, of_view(mask, view), features[:, view])
            for view, part in enumerate(self.map_parts())
        ]
        return torch.stack(maps, dim=1)


class SeparateRefiners(MapsApart):
    """The views' refiners, one after the other."""

    def __init__(self, refiners: Iterable[FastRefiner]) -> None:
        """Take those of V views."""
        super().__init__()
        self.views = nn.ModuleList(refiners)

    def map_parts(self) -> list[RefinerMaps]:
        """See `MapsApart.map_parts`."""
        return [cast(FastRefiner, refiner).maps for refiner in self.views]

    def forward(
        self,
        encoded: Encoding,
        rows: Tensor,
        heatmaps: Tensor,
        anchors_uv: Tensor,
        valid: Tensor,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, tuple[RefinedView, ...]]:
        """Return (B, V, C, H, W) refined features and V details.

        Arguments are those of `FastRefiner.forward`; where (B, V) `mask` is False nothing is computed but queries.
        """
        views = tuple(
            refiner(view, encoded, rows, heatmaps, anchors_uv, valid, of_view(mask, view))
            for view, refiner in enumerate(self.views)
        )
        return join_views([view.features[:, None] for view in views]), views


class FastRefinedEstimator(nn.Module):
    """What comes before the lifter; a stand-in for `RefinedEstimator` in evaluation. The subclass adds the lifter.

    Attributes:
        refined: whether there are refiners.
    """

    def __init__(self, network: RefinedEstimator) -> None:
        """Take over a trained network, which is of no use afterwards."""
        super().__init__()
        self.size, self.refined, heatmap = network.size, network.refined, network.heatmap_estimator
        self.groups = heatmap.groups
        self.encoders = nn.ModuleDict({group: FastEncoder(_encoder(heatmap, group)) for group in self.groups})
        self.heads = nn.ModuleDict({group: shrink_before_upsampling(_head(heatmap, group)) for group in self.groups})
        self.refiners: MapsApart | GroupedRefiners = SeparateRefiners(
            FastRefiner(refiner) for refiner in heatmap.refiners
        )

    def see(
        self, images: Tensor, T_camera_device: Tensor | None, view_mask: Tensor | None, *, refined_heatmaps: bool
    ) -> tuple[Refinement, SeenViews, Tensor]:
        """Look at frame sets; see `RefinedEstimator.see`. The last is (B, V, H * W, C), the encoder's features."""
        check_inputs(self.size, images, T_camera_device, view_mask)
        encoded = self.encode(images, view_mask)
        rows = rows_of(encoded.features)
        mask = known_mask(view_mask)
        heatmaps = mask_views(self.first_heatmaps(encoded.features, mask), view_mask)
        peaks = find_peaks(heatmaps)
        features, refined = encoded.features, None
        views: tuple[RefinedView, ...] = ()
        if self.refined:
            features, views = self.refiners(encoded, rows, heatmaps, peaks.uv, peaks.valid, mask)
            features = mask_views(features, view_mask)
        if self.refined and refined_heatmaps:
            refined = mask_views(self.refiners.heatmaps(features, mask), view_mask)
        seen = SeenViews(encoded.features, features, heatmaps if refined is None else refined)
        return Refinement(heatmaps, peaks, features, refined, views), seen, rows

    def encode(self, images: Tensor, view_mask: Tensor | None) -> Encoding:
        """See `RefinementNetwork.encode`."""
        encoded = [
            encode_views(self.encoders[group], images[:, views], None if view_mask is None else view_mask[:, views])
            for group, views in self.groups.items()
        ]
        return Encoding(*(join_views(parts) for parts in zip(*encoded, strict=True)))

    def first_heatmaps(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        """See `RefinementNetwork.first_heatmaps`; those of views that (B, V) `mask` leaves out are zero."""
        maps = [
            apply_to_views(self.heads[group], None if mask is None else mask[:, views], features[:, views])
            for group, views in self.groups.items()
        ]
        return torch.cat(maps, dim=1)


class FastEgoRear(FastRefinedEstimator):
    """The whole network; a stand-in for `EgoRear` in evaluation."""

    def __init__(self, network: EgoRear, *, consume: bool = False) -> None:
        """Rewrite a trained network, which stays as it is unless it is consumed."""
        network = for_inference(network, consume=consume)
        super().__init__(network)
        self.lifter = FastLifter(network.pose3d_estimator)

    def forward(
        self,
        images: Tensor,
        T_camera_device: Tensor | None = None,
        view_mask: Tensor | None = None,
        *,
        refined_heatmaps: bool = False,
    ) -> EgoRearOutput:
        """Estimate poses; see `EgoRear.forward`. Refined heatmaps only if asked for; of the poses the last alone."""
        refinement, seen, rows = self.see(images, T_camera_device, view_mask, refined_heatmaps=refined_heatmaps)
        return EgoRearOutput(refinement, self.lifter(seen.refined_features, rows, T_camera_device, view_mask))


class FastCorrection(nn.Module):
    """The correction of a proposed pose, of which only the last layer says where the joints are."""

    lifter: PoseTransformer

    def __init__(self, lifter: PoseTransformer) -> None:
        """Take over a trained lifter."""
        super().__init__()
        self.lifter = lifter
        self.layers = nn.ModuleList(
            FastLayer(cast(JointTransformerLayer, layer), lifter.feat_proj, None) for layer in lifter.layers
        )

    def correct(
        self, proposal_cm: Tensor, rows: Tensor, T_camera_device: Tensor | None, view_mask: Tensor | None
    ) -> Lift:
        """Return the pose of a (B, J, 3) proposal; `rows` are (B, V, H * W, C) encoder features."""
        lifter = self.lifter
        anchors = lifter.project(proposal_cm, T_camera_device)
        valid = anchors.valid if view_mask is None else anchors.valid & view_mask[..., None]
        query = lifter.first_query(anchors.points_cm)
        for layer in self.layers:
            query = layer(query, rows, anchors.uv, valid)
        joints_cm = anchors.points_cm + lifter.reg_mlp[-1](lifter.post_norm[-1](query))
        return Lift(joints_cm[None], anchors)


class FastLifter(FastCorrection):
    """EgoRear's proposal and its correction."""

    lifter: Lifter

    def forward(
        self, refined_features: Tensor, rows: Tensor, T_camera_device: Tensor | None, view_mask: Tensor | None
    ) -> Lift:
        """See `Lifter.forward`; `rows` are (B, V, H * W, C) encoder features."""
        lifter, mask = self.lifter, known_mask(view_mask)
        per_view = mask_views(apply_to_views(lifter.conv_frame_feat, mask, refined_features), view_mask)
        return self.correct(lifter.guess(per_view), rows, T_camera_device, view_mask)


def for_inference(network: NetworkT, *, consume: bool) -> NetworkT:
    """Return a network that can be taken apart: the one given if it may be consumed, otherwise a copy."""
    return (network if consume else deepcopy(network)).eval().requires_grad_(False)


def rows_of(features: Tensor) -> Tensor:
    """Turn (B, V, C, H, W) features into (B, V, H * W, C)."""
    return features.flatten(-2).mT.contiguous()


def _encoder(heatmap: RefinementNetwork, group: str) -> Encoder:
    return cast(Encoder, heatmap.get_submodule(f"heatmap_estimator_{group}.encoder"))


def _head(heatmap: RefinementNetwork, group: str) -> nn.Sequential:
    return cast(nn.Sequential, heatmap.get_submodule(f"conv_heatmap_layers_{group}"))
