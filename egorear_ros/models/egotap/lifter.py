"""EgoTAP's lifter: joints in 3D from heatmaps of joints and maps of limbs, without looking at calibrations.

Source: Kang and Lee, "Attention-Propagation Network for Egocentric Heatmap to 3D Pose Lifting",
CVPR 2024, for two views. Widths are those of its code at `ModelSize()`: tokens 1024, descriptions
2048, 512 and 128, states 512.

Our choices, where paper and code say nothing or only two views are known:

* the maps of four views share one 8x8 grid; the features of all views are concatenated;
* limb maps come from a head on the (refined) features instead of a second image network;
* the neck has no limb map, because its parent, the head, is in no image: its limb feature is zero;
* every joint has an output layer of its own, and outputs are put at their joints by name (the
  published order ends with the head, ours begins with it).
"""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from egorear_ros.models.blocks import heatmap_layers
from egorear_ros.models.egotap.grid import PATCHES, HeatmapGrid
from egorear_ros.models.egotap.propagation import Propagation
from egorear_ros.models.size import ModelSize
from egorear_ros.models.views import mask_views
from egorear_ros.skeleton import EGO4VIEW, Skeleton

HEAD = EGO4VIEW.index("head")
LEAK = 0.2


class EgoTapLift(NamedTuple):
    """A pose and the limbs that it was found along.

    Attributes:
        poses_cm: (1, B, J, 3) the answer, as the last of all poses there are; device frame, cm.
        limb_maps: (B, V, L, 2, H, W) maps of the limbs of `limbs`, times cosine and sine of their
            elevation.
    """

    poses_cm: Tensor
    limb_maps: Tensor

    @property
    def joints_cm(self) -> Tensor:
        """(B, J, 3) the answer, device frame, cm."""
        return self.poses_cm[-1]


class EgoTapLifter(nn.Module):
    """From what views see to a pose."""

    def __init__(self, size: ModelSize) -> None:
        """Build the lifter for `size.view_count` views."""
        super().__init__()
        c, views, joints = size.channels, size.view_count, size.heatmap_joint_count
        self.size = size
        self.limb_joints = tuple(EGO4VIEW.heatmap_joints.index(child) for _, child in limbs(EGO4VIEW))
        self.grid = HeatmapGrid(size)
        self.joint_encoder = describe(PATCHES * self.grid.dim, c)
        self.limb_head = nn.Sequential(*heatmap_layers(c, 2 * len(self.limb_joints)))
        self.limb_encoder = describe(2 * size.heatmap_size**2, c)
        hidden = 4 * c
        self.propagation = Propagation(EGO4VIEW, views * c, views * c, hidden)
        self.joint_outputs = nn.ModuleList(nn.Linear(hidden + views * c, 3) for _ in range(joints))
        self.body_output = nn.Linear(joints * hidden, 6)

    def forward(self, heatmaps: Tensor, features: Tensor, view_mask: Tensor | None = None) -> EgoTapLift:
        """Lift heatmaps.

        Limb maps learn from their own loss alone: the pose does not reach their head.

        Args:
            heatmaps: (B, V, J_heatmap, H, W).
            features: (B, V, C, H, W) that limbs are seen in.
            view_mask: (B, V) bool; a view where it is False has no influence. None: all are there.
        """
        joints = self.describe_joints(heatmaps, view_mask)
        limb_maps = self.see_limbs(features, view_mask)
        states = self.propagation(joints, self.describe_limbs(limb_maps.detach(), view_mask))
        return EgoTapLift(self.place(states, joints)[None], limb_maps)

    def describe_joints(self, heatmaps: Tensor, view_mask: Tensor | None) -> Tensor:
        """Return (B, J_heatmap, V * C) features of joints."""
        described = self.grid(heatmaps, view_mask)
        per_view = self.joint_encoder(described.flatten(0, 2)).unflatten(0, described.shape[:3])
        return mask_views(per_view, view_mask).transpose(1, 2).flatten(2)

    def see_limbs(self, features: Tensor, view_mask: Tensor | None) -> Tensor:
        """Return (B, V, L, 2, H, W) limb maps."""
        maps = self.limb_head(features.flatten(0, 1)).unflatten(0, features.shape[:2])
        return mask_views(maps.unflatten(2, (len(self.limb_joints), 2)), view_mask)

    def describe_limbs(self, limb_maps: Tensor, view_mask: Tensor | None) -> Tensor:
        """Return (B, J_heatmap, V * C) features of the limb to each joint's parent; zero where there is no map."""
        shape = limb_maps.shape[:3]
        per_view = self.limb_encoder(limb_maps.flatten(3).flatten(0, 2)).unflatten(0, shape)
        found = mask_views(per_view, view_mask).transpose(1, 2).flatten(2)
        nothing = torch.zeros_like(found[:, 0])
        places = {joint: place for place, joint in enumerate(self.limb_joints)}
        all_joints = range(self.size.heatmap_joint_count)
        return torch.stack([found[:, places[joint]] if joint in places else nothing for joint in all_joints], dim=1)

    def place(self, states: Tensor, joints: Tensor) -> Tensor:
        """Return (B, J, 3) joints, device frame, cm: each from its own state, all moved by a common offset."""
        known = torch.cat([states, joints], dim=-1)
        single = torch.stack([layer(known[:, index]) for index, layer in enumerate(self.joint_outputs)], dim=1)
        offset, head = self.body_output(states.flatten(1)).unflatten(-1, (2, 3)).unbind(1)
        by_joint = dict(zip(EGO4VIEW.heatmap_joints, (single + offset[:, None]).unbind(1), strict=True)) | {HEAD: head}
        return torch.stack([by_joint[joint] for joint in range(self.size.joint_count)], dim=1)


def limbs(skeleton: Skeleton) -> tuple[tuple[int, int], ...]:
    """Return the L (parent, child) pairs of joints that both have heatmaps, in the children's order."""
    seen = skeleton.heatmap_joints
    return tuple((skeleton.parents[child], child) for child in seen if skeleton.parents[child] in seen)


def describe(width: int, channels: int) -> nn.Sequential:
    """Return the layers that turn (N, width) into (N, channels), through 16 and 4 times as many."""
    steps = (width, 16 * channels, 4 * channels, channels)
    layers: list[nn.Module] = []
    for before, after in pairwise(steps):
        layers += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.LeakyReLU(LEAK)]
    return nn.Sequential(*layers)
