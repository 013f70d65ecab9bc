"""EgoPoseFormer, the baseline: propose from pooled features, then correct; plain, or behind refinement.

Source: Yang et al., "EgoPoseFormer: a simple baseline for stereo egocentric 3D human pose
estimation", ECCV 2024, in the device frame instead of the pelvis frame.
"""

from torch import Tensor, nn

from egorear_ros.models.egorear import EgoRearOutput
from egorear_ros.models.encoder import Encoder, encode_views
from egorear_ros.models.inputs import check_inputs
from egorear_ros.models.lifter import Lift, PoseTransformer
from egorear_ros.models.plug_in import RefinedEstimator
from egorear_ros.models.size import ModelSize
from egorear_ros.models.views import mask_views
from egorear_ros.structures import Rig


class PooledLifter(PoseTransformer):
    """EgoPoseFormer's lifter: proposes from the mean feature of every view, corrects by all of them."""

    def __init__(self, size: ModelSize, rig: Rig, legacy_syn_geometry: bool = False) -> None:
        """Build proposal and correction; arguments as in `PoseTransformer`."""
        super().__init__(size, rig, legacy_syn_geometry)
        hidden = 8 * size.channels
        self.mlp_pred = nn.Sequential(
            nn.Sequential(nn.Linear(size.view_count * size.channels, hidden), nn.GELU()),
            nn.Sequential(nn.Linear(hidden, hidden), nn.GELU()),
            nn.Linear(hidden, 3 * size.joint_count),
        )

    def lift(
        self, refined_features: Tensor, features: Tensor, T_camera_device: Tensor | None, view_mask: Tensor | None
    ) -> Lift:
        """Propose from (B, V, C, H, W) refined features, correct by the encoder's; the rest as in `correct`."""
        memory = self.project_features(features)
        source = memory if refined_features is features else self.project_features(refined_features)
        pooled = mask_views(source.mean(dim=(-2, -1)), view_mask)
        proposal_cm = self.mlp_pred(pooled.flatten(1)).view(-1, self.size.joint_count, 3)
        return self.correct(proposal_cm, memory, T_camera_device, view_mask)


class EgoPoseFormer(PooledLifter):
    """The plain network: one encoder for all views. Its state dictionary has the published names."""

    def __init__(self, size: ModelSize, rig: Rig) -> None:
        """Build an untrained network for the views of `rig`."""
        super().__init__(size, rig)
        self.encoder = Encoder(size)

    def forward(self, images: Tensor, T_camera_device: Tensor | None = None, view_mask: Tensor | None = None) -> Lift:
        """Estimate poses; arguments as in `EgoRear.forward`."""
        check_inputs(self.size, images, T_camera_device, view_mask)
        features = encode_views(self.encoder, images, view_mask).features
        return self.lift(features, features, T_camera_device, view_mask)


class RefinedEgoPoseFormer(RefinedEstimator):
    """EgoPoseFormer with refinement plugged in: its proposal looks at refined features.

    EgoRear as published is this with another proposal, which keeps where in the map a feature is
    instead of pooling it away. Our choice where the paper says nothing: one projection serves refined
    features and the encoder's, so that without refinement this is EgoPoseFormer, but for its two
    encoders.
    """

    def __init__(self, size: ModelSize, rig: Rig, legacy_syn_geometry: bool = False, *, refine: bool = True) -> None:
        """Build an untrained network.

        Args:
            size: sizes.
            rig: lenses and extrinsics of its views, in the model's order.
            legacy_syn_geometry: see `AnchorProjection`.
            refine: whether the views correct each other.
        """
        super().__init__(size, refine=refine)
        self.pose3d_estimator = PooledLifter(size, rig, legacy_syn_geometry)

    def forward(
        self, images: Tensor, T_camera_device: Tensor | None = None, view_mask: Tensor | None = None
    ) -> EgoRearOutput:
        """Estimate poses; arguments as in `EgoRear.forward`."""
        refinement, seen = self.see(images, T_camera_device, view_mask)
        lift = self.pose3d_estimator.lift(seen.refined_features, seen.features, T_camera_device, view_mask)
        return EgoRearOutput(refinement, lift)
