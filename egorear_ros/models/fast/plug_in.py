"""Inference forms of EgoPoseFormer, plain or refined, and of EgoTAP with refinement.

Plain EgoTAP has no deformable attention: of it `optimize` rewrites the encoders alone.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from egorear_ros.models.egoposeformer import EgoPoseFormer, PooledLifter, RefinedEgoPoseFormer
from egorear_ros.models.egorear import EgoRearOutput
from egorear_ros.models.egotap.network import EgoTap, EgoTapOutput
from egorear_ros.models.encoder import encode_views
from egorear_ros.models.fast.encoder import FastEncoder
from egorear_ros.models.fast.network import FastCorrection, FastRefinedEstimator, for_inference, rows_of
from egorear_ros.models.inputs import check_inputs
from egorear_ros.models.lifter import Lift
from egorear_ros.models.views import mask_views


class FastPooledLifter(FastCorrection):
    """EgoPoseFormer's proposal, which pools before it projects, and its correction."""

    lifter: PooledLifter

    def forward(
        self, refined_features: Tensor, rows: Tensor, T_camera_device: Tensor | None, view_mask: Tensor | None
    ) -> Lift:
        """See `PooledLifter.lift`; `rows` are (B, V, H * W, C) encoder features."""
        lifter = self.lifter
        projection = lifter.feat_proj
        pooled = F.linear(refined_features.mean(dim=(-2, -1)), projection.weight[:, :, 0, 0], projection.bias)
        proposal_cm = lifter.mlp_pred(mask_views(pooled, view_mask).flatten(1)).view(-1, lifter.size.joint_count, 3)
        return self.correct(proposal_cm, rows, T_camera_device, view_mask)


class FastEgoPoseFormer(nn.Module):
    """A stand-in for `EgoPoseFormer` in evaluation."""

    def __init__(self, network: EgoPoseFormer, *, consume: bool = False) -> None:
        """Rewrite a trained network, which stays as it is unless it is consumed."""
        super().__init__()
        network = for_inference(network, consume=consume)
        self.size, self.encoder = network.size, FastEncoder(network.encoder)
        del network.encoder  # the rest of it is the lifter
        self.lifter = FastPooledLifter(network)

    def forward(self, images: Tensor, T_camera_device: Tensor | None = None, view_mask: Tensor | None = None) -> Lift:
        """Estimate poses; see `EgoPoseFormer.forward`. Of the poses the last alone."""
        check_inputs(self.size, images, T_camera_device, view_mask)
        features = encode_views(self.encoder, images, view_mask).features
        return self.lifter(features, rows_of(features), T_camera_device, view_mask)


class FastRefinedEgoPoseFormer(FastRefinedEstimator):
    """A stand-in for `RefinedEgoPoseFormer` in evaluation."""

    def __init__(self, network: RefinedEgoPoseFormer, *, consume: bool = False) -> None:
        """Rewrite a trained network, which stays as it is unless it is consumed."""
        network = for_inference(network, consume=consume)
        super().__init__(network)
        self.lifter = FastPooledLifter(network.pose3d_estimator)

    def forward(
        self,
        images: Tensor,
        T_camera_device: Tensor | None = None,
        view_mask: Tensor | None = None,
        *,
        refined_heatmaps: bool = False,
    ) -> EgoRearOutput:
        """Estimate poses; see `RefinedEgoPoseFormer.forward`. Refined heatmaps only if asked for, and the last pose."""
        refinement, seen, rows = self.see(images, T_camera_device, view_mask, refined_heatmaps=refined_heatmaps)
        return EgoRearOutput(refinement, self.lifter(seen.refined_features, rows, T_camera_device, view_mask))


class FastEgoTap(FastRefinedEstimator):
    """A stand-in for a refined `EgoTap` in evaluation."""

    def __init__(self, network: EgoTap, *, consume: bool = False) -> None:
        """Rewrite a trained network, which stays as it is unless it is consumed."""
        network = for_inference(network, consume=consume)
        super().__init__(network)
        self.lifter = network.pose3d_estimator

    def forward(
        self, images: Tensor, T_camera_device: Tensor | None = None, view_mask: Tensor | None = None
    ) -> EgoTapOutput:
        """Estimate poses; see `EgoTap.forward`."""
        refinement, seen, _ = self.see(images, T_camera_device, view_mask, refined_heatmaps=True)
        return EgoTapOutput(refinement, self.lifter(seen.heatmaps, seen.refined_features, view_mask))
