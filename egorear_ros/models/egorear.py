"""EgoRear: 3D pose from two to four and more head-mounted fisheye views.

    images  (B, V, 3, 256, 256)
      | encoder: ResNet-18 and feature pyramid; the front pair shares one, the rear views another
    features  (B, V, 128, 64, 64)
      | first heatmaps, each view on its own; their peaks are anchors, weak peaks are masked
      | refiner of each view: joint queries collect features of all views around the anchors
    refined features, refined heatmaps
      | lifter proposes a pose from the refined features, projects it into every view,
      | and corrects it three times by what the features show there
    joints  (B, 16, 3) cm, device frame

Source: Akada et al., "Bring Your Rear Cameras for Egocentric 3D Human Pose Estimation", ICCV 2025.
"""

from typing import NamedTuple

from torch import Tensor

from egorear_ros.models.lifter import Lift, Lifter
from egorear_ros.models.plug_in import RefinedEstimator
from egorear_ros.models.refinement import Refinement
from egorear_ros.models.size import ModelSize
from egorear_ros.structures import Rig


class EgoRearOutput(NamedTuple):
    """The pose of B frame sets and all that led to it."""

    refinement: Refinement
    lift: Lift


class EgoRear(RefinedEstimator):
    """The whole network. Its state dictionary has the published names."""

    def __init__(self, size: ModelSize, rig: Rig, legacy_syn_geometry: bool = False) -> None:
        """Build an untrained network.

        Args:
            size: sizes; `ModelSize()` is the published four-view model.
            rig: lenses and extrinsics of its views, in the model's order.
            legacy_syn_geometry: only for the published Ego4View-Syn weights, see `AnchorProjection`.
        """
        super().__init__(size)
        self.pose3d_estimator = Lifter(size, rig, legacy_syn_geometry)

    def forward(
        self,
        images: Tensor,
        T_camera_device: Tensor | None = None,
        view_mask: Tensor | None = None,
        *,
        refined_heatmaps: bool = True,
    ) -> EgoRearOutput:
        """Estimate poses.

        Gradients flow as in the published training: losses on heatmaps train heatmap heads only,
        the proposal trains lifter and refiners, the correction trains lifter and encoders.

        Args:
            images: (B, V, 3, H, W) normalised images.
            T_camera_device: (B, V, 4, 4) extrinsics of each sample, translation in m; None: the rig's.
            view_mask: (B, V) bool; a view where it is False has no influence. None: all are there.
            refined_heatmaps: whether to compute the refined heatmaps, which the pose does not need.
        """
        refinement, seen = self.see(images, T_camera_device, view_mask, refined_heatmaps=refined_heatmaps)
        lift = self.pose3d_estimator(seen.refined_features, seen.features, T_camera_device, view_mask)
        return EgoRearOutput(refinement, lift)
