"""From refined tokens to joints in 3D, with an uncertainty for each."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from egorear_ros.models.anchors import CM_PER_M, AnchorProjection
from egorear_ros.models.size import ModelSize
from egorear_ros.models.small.context import ContextLayer, ViewContext
from egorear_ros.models.small.look import CrossAttention, ViewLook, with_nobody
from egorear_ros.models.small.rays import ViewRays
from egorear_ros.models.small.refinement import TokenLayer
from egorear_ros.models.small.triangulation import Sights, Triangulation
from egorear_ros.models.views import repeat_as
from egorear_ros.structures import Rig

REACH_CM = 30.0
"""Unit of the regressed coordinates: about the spread of joints around their mean."""


class SmallLift(NamedTuple):
    """A pose, how it came about, and how sure it is.

    Attributes:
        poses_cm: (L + 1, B, J, 3) the proposal, then the pose after each layer; device frame.
        scales_cm: (L + 1, B, J) b of the error's density exp(-|error| / b) / (8 pi b^3); None: never trained.
    """

    poses_cm: Tensor
    scales_cm: Tensor | None

    @property
    def joints_cm(self) -> Tensor:
        """(B, J, 3) the answer, device frame, cm."""
        return self.poses_cm[-1]

    @property
    def scale_cm(self) -> Tensor | None:
        """(B, J) b of the answer; None: never trained."""
        return None if self.scales_cm is None else self.scales_cm[-1]


class ProposalLayer(nn.Module):
    """Joint queries look at the views' tokens, then at each other."""

    def __init__(self, size: ModelSize) -> None:
        """Build the layer."""
        super().__init__()
        dim = size.channels
        self.look, self.norm_look = CrossAttention(dim, size.attention_heads), nn.LayerNorm(dim)
        self.talk = TokenLayer(size)

    def forward(self, query: Tensor, tokens: Tensor, keys: Tensor) -> Tensor:
        """Map (B, J, D) queries; tokens and keys as in `CrossAttention`."""
        query = self.norm_look(query + self.look(query, tokens, keys))
        return self.talk(query)


class CorrectionLayer(nn.Module):
    """Joint queries look at the views around their joints, then at each other."""

    def __init__(self, size: ModelSize) -> None:
        """Build the layer."""
        super().__init__()
        self.look, self.norm_look = ViewLook(size), nn.LayerNorm(size.channels)
        self.talk = TokenLayer(size)

    def forward(self, query: Tensor, features: Tensor, anchors_uv: Tensor, rays: Tensor, valid: Tensor) -> Tensor:
        """Map (B, J, D) queries; the other arguments as in `ViewLook`."""
        query = self.norm_look(query + self.look(query, features, anchors_uv, rays, valid))
        return self.talk(query)


class Regression(nn.Module):
    """A query says where its joint is, against a start, and how sure that is."""

    def __init__(self, dim: int) -> None:
        """Build the head; it starts at no change and a scale of `REACH_CM` / 3."""
        super().__init__()
        self.layers = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, 4))
        last = self.layers[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.weight, std=1e-3)
        nn.init.zeros_(last.bias)

    def forward(self, query: Tensor, start_cm: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, J, 3) joints and (B, J) scales, cm."""
        answer = self.layers(query)
        # Bounds keep a likelihood finite on data that fit exactly or not at all.
        scale_cm = REACH_CM / 3 * answer[..., 3].clamp(-5.0, 2.0).exp()
        return start_cm + REACH_CM * answer[..., :3], scale_cm


class SmallLifter(nn.Module):
    """Proposes a pose from tokens, then moves it to where lines of sight meet and corrects it by the views there."""

    mean_pose_cm: Tensor

    def __init__(self, size: ModelSize, rig: Rig, proposal_layers: int = 2) -> None:
        """Build proposal and `size.lifter_layers` corrections."""
        super().__init__()
        dim = size.channels
        self.size = size
        self.project = AnchorProjection(rig)
        self.register_buffer("mean_pose_cm", torch.zeros(size.joint_count, 3))
        self.query_embed = nn.Embedding(size.joint_count, dim)
        self.nobody = nn.Parameter(torch.zeros(1, 1, dim))
        self.proposal = nn.ModuleList(ProposalLayer(size) for _ in range(proposal_layers))
        self.place = nn.Sequential(nn.Linear(3, dim), nn.GELU(), nn.Linear(dim, dim))
        rounds = size.lifter_layers if size.sight_channels else 0
        self.triangulations = nn.ModuleList(Triangulation(size) for _ in range(rounds))
        self.corrections = nn.ModuleList(CorrectionLayer(size) for _ in range(size.lifter_layers))
        self.regress = nn.ModuleList(Regression(dim) for _ in range(size.lifter_layers + 1))
        self.context = ViewContext(size) if size.context_channels else None
        rounds = proposal_layers + size.lifter_layers if size.context_channels else 0
        self.context_layers = nn.ModuleList(ContextLayer(size) for _ in range(rounds))

    def forward(
        self,
        sights: Sights,
        features: Tensor,
        rays: ViewRays,
        T_camera_device: Tensor | None = None,
        view_mask: Tensor | None = None,
    ) -> SmallLift:
        """Lift.

        Args:
            sights: what the views say about joints.
            features: (B, V, C, H, W) encoder features.
            rays: of the rig.
            T_camera_device: see `AnchorProjection`.
            view_mask: (B, V) bool, False where a view is missing; None: all are there.
        """
        tokens = sights.tokens
        everyone, keys = with_nobody(tokens.flatten(1, 2), sights.valid.flatten(1, 2), self.nobody)
        query = repeat_as(self.query_embed.weight, tokens[:, 0, :1, :1])
        context = self._context(features, rays, T_camera_device, view_mask)
        for index, proposal in enumerate(self.proposal):
            query = self._consider(index, proposal(query, everyone, keys), context)
        pose_cm, scale_cm = self.regress[0](query, self.mean_pose_cm)
        poses_cm, scales_cm = [pose_cm], [scale_cm]
        centres = camera_centres(self.project.T_camera_device if T_camera_device is None else T_camera_device)
        centres = centres.to(features.dtype)
        for index, correction in enumerate(self.corrections):
            start_cm = pose_cm.detach()
            if self.triangulations:
                start_cm = start_cm + self.triangulations[index](query, start_cm, scale_cm.detach(), sights)
            about_cm = start_cm.detach()
            anchors = self.project(about_cm, T_camera_device)
            seen = anchors.valid if view_mask is None else anchors.valid & view_mask[..., None]
            towards = joint_rays(about_cm, centres)
            query = correction(query + self.place(about_cm / REACH_CM), features, anchors.uv, towards, seen)
            query = self._consider(len(self.proposal) + index, query, context)
            pose_cm, scale_cm = self.regress[index + 1](query, start_cm)
            poses_cm.append(pose_cm)
            scales_cm.append(scale_cm)
        return SmallLift(torch.stack(poses_cm), torch.stack(scales_cm))

    def _context(
        self, features: Tensor, rays: ViewRays, T_camera_device: Tensor | None, view_mask: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Return what context layers look at: tokens, and where to look; without such layers any tensor."""
        if self.context is None:
            return features, None
        tokens = self.context(features, rays, T_camera_device)
        keys = None if view_mask is None else view_mask.repeat_interleave(tokens.shape[2], dim=1)
        return tokens.flatten(1, 2), keys

    def _consider(self, round_: int, query: Tensor, context: tuple[Tensor, Tensor | None]) -> Tensor:
        """Return (B, J, D) queries after the context layer of a round, if there are any."""
        return query if self.context is None else self.context_layers[round_](query, *context)


def camera_centres(T_camera_device: Tensor) -> Tensor:
    """Return the (..., 3) camera centres, device frame, of (..., 4, 4) extrinsics."""
    return -(T_camera_device[..., :3, :3].mT @ T_camera_device[..., :3, 3:])[..., 0]


def joint_rays(joints_cm: Tensor, centres: Tensor) -> Tensor:
    """Return (B, V, J, 6): from each camera centre to each (B, J, 3) joint, and the (B, V, 3) or (V, 3) centre, m."""
    centres = centres[..., :, None, :]
    towards = joints_cm[:, None] / CM_PER_M - centres
    return torch.cat([towards, repeat_as(centres, towards)], dim=-1)
