"""EgoTAP for two, four and other numbers of views; plain, or with EgoRear's refinement plugged in.

Plain, its lifter reads the first heatmaps, each view on its own; refined, those that the views
corrected. Everything else is the same, so that the difference is what refinement is worth.

Source: Kang and Lee, "Attention-Propagation Network for Egocentric Heatmap to 3D Pose Lifting",
CVPR 2024. Our choice: heatmaps come from EgoRear's encoders and heads, not from EgoTAP's own
network, which takes exactly two views.
"""

from typing import NamedTuple

from torch import Tensor

from egorear_ros.models.egotap.lifter import EgoTapLift, EgoTapLifter
from egorear_ros.models.plug_in import RefinedEstimator
from egorear_ros.models.refinement import Refinement
from egorear_ros.models.size import ModelSize
from egorear_ros.structures import Rig


class EgoTapOutput(NamedTuple):
    """The pose of B frame sets and all that led to it."""

    refinement: Refinement
    lift: EgoTapLift


class EgoTap(RefinedEstimator):
    """The whole network."""

    def __init__(self, size: ModelSize, rig: Rig, *, refine: bool = False) -> None:
        """Build an untrained network.

        Args:
            size: sizes; `ModelSize()` gives the published widths.
            rig: cameras in the model's order; only their number counts.
            refine: whether heatmaps are refined across views.

        Raises:
            ValueError: the rig has another number of views.
        """
        if len(rig.cameras) != size.view_count:
            raise ValueError(
                f"the model has {size.view_count} views, rig {rig.name} ({rig.source}) has {len(rig.cameras)}: "
                f"{', '.join(rig.views)}. Choose the calibration that the model was trained for."
            )
        super().__init__(size, refine=refine)
        self.pose3d_estimator = EgoTapLifter(size)

    def forward(
        self, images: Tensor, T_camera_device: Tensor | None = None, view_mask: Tensor | None = None
    ) -> EgoTapOutput:
        """Estimate poses; arguments as in `EgoRear.forward`. `T_camera_device` has no influence."""
        refinement, seen = self.see(images, T_camera_device, view_mask)
        lift = self.pose3d_estimator(seen.heatmaps, seen.refined_features, view_mask)
        return EgoTapOutput(refinement, lift)
