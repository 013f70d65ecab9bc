"""EgoRear-small looks at every frame set twice, once in a mirror, and answers with the mean of the two poses.

Errors that are not the same on both sides cancel. It takes twice the work and no other weights.
"""

from typing import Any

import torch
from torch import Tensor

from egorear_ros.geometry.symmetry import MIRROR, partners
from egorear_ros.heatmap import Peaks
from egorear_ros.models.size import ModelSize
from egorear_ros.models.small.lifter import SmallLift
from egorear_ros.models.small.network import EgoRearSmall, SmallOutput
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import Rig


class FlipTestedEgoRearSmall(EgoRearSmall):
    """A stand-in for `EgoRearSmall` with virtual cameras, on a symmetric rig.

    An image of a virtual camera in a mirror is one of its partner's, as their lenses are the same and symmetric;
    of real cameras that is not so.
    """

    _partners: Tensor
    _mirror: Tensor
    _other_side: Tensor

    def __init__(self, size: ModelSize, rig: Rig, **options: Any) -> None:
        """Build it as `EgoRearSmall`.

        Raises:
            ValueError: it does not look through virtual cameras, or the rig is not symmetric.
        """
        super().__init__(size, rig, **options)
        if self.virtual is None:
            raise ValueError("these weights do not look through virtual cameras, whose images can be flipped.")
        # Part of the rig, not of the weights.
        self.register_buffer("_partners", torch.tensor(partners(self.virtual.rig)), persistent=False)
        self.register_buffer("_mirror", torch.from_numpy(MIRROR).float(), persistent=False)
        self.register_buffer("_other_side", torch.tensor(EGO4VIEW.other_side), persistent=False)

    def look(self, images: Tensor, T_camera_device: Tensor | None, view_mask: Tensor | None) -> SmallOutput:
        """See `EgoRearSmall.look`; heatmaps and peaks are those of the images as they are."""
        images = torch.cat([images, images[:, self._partners].flip(-1)])
        if T_camera_device is not None:
            flipped = self._mirror @ T_camera_device[:, self._partners] @ self._mirror
            T_camera_device = torch.cat([T_camera_device, flipped])
        if view_mask is not None:
            view_mask = torch.cat([view_mask, view_mask[:, self._partners]])
        both = super().look(images, T_camera_device, view_mask)
        peaks = Peaks(*(value.chunk(2)[0] for value in both.peaks))
        return SmallOutput(both.heatmaps.chunk(2)[0], both.refined_heatmaps.chunk(2)[0], peaks, self._mean(both.lift))

    def _mean(self, both: SmallLift) -> SmallLift:
        """Return the mean of poses and of those seen in the mirror, which follow them."""
        poses, flipped = both.poses_cm.chunk(2, dim=1)
        poses_cm = 0.5 * (poses + flipped[:, :, self._other_side] * self._mirror.diagonal()[:3])
        if both.scales_cm is None:
            return SmallLift(poses_cm, None)
        scales, flipped = both.scales_cm.chunk(2, dim=1)
        return SmallLift(poses_cm, 0.5 * (scales + flipped[:, :, self._other_side]))
