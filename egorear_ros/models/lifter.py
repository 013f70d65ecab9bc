"""Stage 3: from the views' features to joints in 3D.

A first pose is proposed from all views at once. Its joints are projected into every view, and
transformer layers correct them by what the views show there.

Source: Yang et al., "EgoPoseFormer", ECCV 2024; the proposal from refined maps is EgoRear's.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from egorear_ros.models.anchors import AnchorProjection, Anchors
from egorear_ros.models.blocks import conv1x1, conv3x3
from egorear_ros.models.size import ModelSize
from egorear_ros.models.transformer import JointTransformerLayer
from egorear_ros.models.views import mask_views, repeat_as
from egorear_ros.structures import Rig


class Lift(NamedTuple):
    """A pose and how it came about.

    Attributes:
        poses_cm: (L + 1, B, J, 3) the proposal, then the pose after each layer; the last one is
            the answer. Device frame, cm.
        anchors: the proposal seen by every view.
    """

    poses_cm: Tensor
    anchors: Anchors

    @property
    def joints_cm(self) -> Tensor:
        """(B, J, 3) the answer, device frame, cm."""
        return self.poses_cm[-1]


class PoseTransformer(nn.Module):
    """Corrects a proposed pose by looking at every view around its projected joints."""

    def __init__(self, size: ModelSize, rig: Rig, legacy_syn_geometry: bool = False) -> None:
        """Build the layers; `rig` and `legacy_syn_geometry` as in `AnchorProjection`."""
        super().__init__()
        if len(rig.cameras) != size.view_count:
            raise ValueError(
                f"the model has {size.view_count} views, rig {rig.name} ({rig.source}) has {len(rig.cameras)}: "
                f"{', '.join(rig.views)}. Choose the calibration that the model was trained for."
            )
        dim = size.channels
        self.size = size
        self.project = AnchorProjection(rig, legacy_syn_geometry)
        self.feat_proj = conv1x1(dim, dim)
        self.query_gen_mlp = nn.Sequential(
            nn.Linear(4, dim), nn.ReLU(), nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim)
        )
        layers = range(size.lifter_layers)
        self.layers = nn.ModuleList(JointTransformerLayer(dim, size) for _ in layers)
        self.post_norm = nn.ModuleList(nn.LayerNorm(dim) for _ in layers)
        self.reg_mlp = nn.ModuleList(nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, 3)) for _ in layers)

    def correct(
        self, proposal_cm: Tensor, features: Tensor, T_camera_device: Tensor | None, view_mask: Tensor | None
    ) -> Lift:
        """Correct a proposal.

        Args:
            proposal_cm: (B, J, 3) device frame, cm.
            features: (B, V, C, H, W) projected feature maps, see `project_features`.
            T_camera_device: see `AnchorProjection`.
            view_mask: (B, V) bool, False where a view is missing; None: all are there.
        """
        anchors = self.project(proposal_cm, T_camera_device)
        valid = anchors.valid if view_mask is None else anchors.valid & view_mask[..., None]
        memory = features.flatten(-2).transpose(-2, -1)
        query = self.first_query(anchors.points_cm)
        poses_cm = [proposal_cm]
        for layer, norm, regress in zip(self.layers, self.post_norm, self.reg_mlp, strict=True):
            query = layer(query, memory, anchors.uv, valid)
            poses_cm.append(anchors.points_cm + regress(norm(query)))
        return Lift(torch.stack(poses_cm), anchors)

    def project_features(self, features: Tensor) -> Tensor:
        """Map (B, V, C, H, W) encoder features to the lifter's own."""
        return self.feat_proj(features.flatten(0, 1)).unflatten(0, (-1, self.size.view_count))

    def first_query(self, points_cm: Tensor) -> Tensor:
        """Describe (B, J, 3) joints by their number, as a fraction of J, and their coordinates; (B, J, D)."""
        joints = points_cm.shape[1]
        number = torch.arange(1, joints + 1, device=points_cm.device, dtype=points_cm.dtype) / joints
        return self.query_gen_mlp(torch.cat((repeat_as(number[:, None], points_cm[..., :1]), points_cm), dim=-1))


class Lifter(PoseTransformer):
    """EgoRear's lifter: proposes from refined features, corrects by the encoder's."""

    def __init__(self, size: ModelSize, rig: Rig, legacy_syn_geometry: bool = False) -> None:
        """Build proposal and correction."""
        super().__init__(size, rig, legacy_syn_geometry)
        c = size.channels
        self.conv_frame_feat = nn.Sequential(
            conv1x1(c, c // 2),
            nn.ReLU(),
            conv3x3(c // 2, c, stride=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            conv1x1(c, c // 2),
            nn.ReLU(),
            conv3x3(c // 2, c, stride=2),
            nn.ReLU(),
        )
        out = 3 * size.joint_count
        width = size.view_count * c * (size.heatmap_size // 8) ** 2
        middle, narrow = max(width // 16, out), max(width // 256, out)
        self.mlp_pred = nn.Sequential(
            nn.Sequential(nn.Linear(width, middle), nn.GELU()),
            nn.Sequential(nn.Linear(middle, narrow), nn.GELU()),
            nn.Linear(narrow, out),
        )

    def forward(
        self,
        refined_features: Tensor,
        features: Tensor,
        T_camera_device: Tensor | None = None,
        view_mask: Tensor | None = None,
    ) -> Lift:
        """Lift (B, V, C, H, W) refined and encoder features; the rest as in `correct`."""
        proposal_cm = self.propose(refined_features, view_mask)
        return self.correct(proposal_cm, self.project_features(features), T_camera_device, view_mask)

    def propose(self, refined_features: Tensor, view_mask: Tensor | None = None) -> Tensor:
        """Guess (B, J, 3) joints, device frame, cm, from all views' refined features."""
        per_view = self.conv_frame_feat(refined_features.flatten(0, 1)).unflatten(0, (-1, self.size.view_count))
        return self.guess(mask_views(per_view, view_mask))

    def guess(self, per_view: Tensor) -> Tensor:
        """Return (B, J, 3) joints from (B, V, ...) maps of `conv_frame_feat`, which are zero of missing views."""
        pose: Tensor = self.mlp_pred(per_view.flatten(1))
        return pose.view(-1, self.size.joint_count, 3)
