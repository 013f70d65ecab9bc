"""EgoPoseFormer, the baseline without refinement: one encoder for all views, then propose and correct.

Source: Yang et al., "EgoPoseFormer: a simple baseline for stereo egocentric 3D human pose
estimation", ECCV 2024, in the device frame instead of the pelvis frame.
"""

from torch import Tensor, nn

from egorear_ros.models.encoder import Encoder, encode_views
from egorear_ros.models.inputs import check_inputs
from egorear_ros.models.lifter import Lift, PoseTransformer
from egorear_ros.models.size import ModelSize
from egorear_ros.models.views import mask_views
from egorear_ros.structures import Rig


class EgoPoseFormer(PoseTransformer):
    """The whole network. Its state dictionary has the published names."""

    def __init__(self, size: ModelSize, rig: Rig) -> None:
        """Build an untrained network for the views of `rig`."""
        super().__init__(size, rig)
        hidden = 8 * size.channels
        self.encoder = Encoder(size)
        self.mlp_pred = nn.Sequential(
            nn.Sequential(nn.Linear(size.view_count * size.channels, hidden), nn.GELU()),
            nn.Sequential(nn.Linear(hidden, hidden), nn.GELU()),
            nn.Linear(hidden, 3 * size.joint_count),
        )

    def forward(self, images: Tensor, T_camera_device: Tensor | None = None, view_mask: Tensor | None = None) -> Lift:
        """Estimate poses; arguments as in `EgoRear.forward`."""
        check_inputs(self.size, images, T_camera_device, view_mask)
        features = self.project_features(encode_views(self.encoder, images, view_mask).features)
        pooled = mask_views(features.mean(dim=(-2, -1)), view_mask)
        proposal_cm = self.mlp_pred(pooled.flatten(1)).unflatten(-1, (self.size.joint_count, 3))
        return self.correct(proposal_cm, features, T_camera_device, view_mask)
