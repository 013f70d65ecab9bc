"""Refinement as a plug-in: what comes before a lifter is the same, whichever lifter follows.

    images  (B, V, 3, H, W)
      | RefinementNetwork: encoders, first heatmaps and, if wanted, refiners
    SeenViews: features, refined features, heatmaps
      | any lifter: EgoRear's, EgoPoseFormer's, EgoTAP's
    joints  (B, 16, 3) cm, device frame

A new method is a subclass of `RefinedEstimator` that lifts what `see` returns. Built with
`refine=False` it is the plain method: its lifter is given the encoder's features and the first
heatmaps, through the same interface.

Source: Akada et al., "Bring Your Rear Cameras for Egocentric 3D Human Pose Estimation", ICCV 2025,
whose refinement is put into EgoPoseFormer and EgoTAP.
"""

from typing import NamedTuple

from torch import Tensor, nn

from egorear_ros.models.inputs import check_inputs
from egorear_ros.models.refinement import Refinement, RefinementNetwork
from egorear_ros.models.size import ModelSize


class SeenViews(NamedTuple):
    """What the views of B frame sets show: all that a lifter may look at. Zero in masked views.

    Attributes:
        features: (B, V, C, H, W) the encoder's.
        refined_features: (B, V, C, H, W) corrected by the other views; the encoder's where nothing refines.
        heatmaps: (B, V, J_heatmap, H, W) refined if they were asked for, else the first ones.
    """

    features: Tensor
    refined_features: Tensor
    heatmaps: Tensor


class RefinedEstimator(nn.Module):
    """A pose network whose lifter is fed by a `RefinementNetwork`; the subclass adds the lifter.

    Attributes:
        refined: whether there are refiners.
    """

    def __init__(self, size: ModelSize, *, refine: bool = True) -> None:
        """Build what comes before the lifter.

        Args:
            size: sizes.
            refine: whether the views correct each other.
        """
        super().__init__()
        self.size, self.refined = size, refine
        self.heatmap_estimator = RefinementNetwork(size, refine=refine)

    def see(
        self,
        images: Tensor,
        T_camera_device: Tensor | None,
        view_mask: Tensor | None,
        *,
        refined_heatmaps: bool = True,
    ) -> tuple[Refinement, SeenViews]:
        """Look at frame sets.

        The gradient of a loss on `SeenViews.features` reaches the encoders, on `refined_features` the
        refiners, on heatmaps nothing but their own heads.

        Args:
            images: (B, V, 3, H, W) normalised images.
            T_camera_device: (B, V, 4, 4) or None; only its shape is looked at.
            view_mask: (B, V) bool; a view where it is False has no influence. None: all are there.
            refined_heatmaps: whether to compute refined heatmaps, where there are refiners.

        Raises:
            ValueError: a shape does not fit the network.
        """
        check_inputs(self.size, images, T_camera_device, view_mask)
        encoded = self.heatmap_estimator.encode(images, view_mask)
        refinement = self.heatmap_estimator.refine(
            encoded.detach(), view_mask, refined_heatmaps=refined_heatmaps, isolate_heatmaps=True
        )
        refined = refinement.refined_heatmaps
        heatmaps = refinement.heatmaps if refined is None else refined
        refined_features = refinement.features if self.refined else encoded.features
        return refinement, SeenViews(encoded.features, refined_features, heatmaps)
