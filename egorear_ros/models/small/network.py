"""EgoRear-small: one encoder for all views, refinement by tokens, a lifter that knows its error.

    images  (B, V, 3, 256, 256)
      | virtual cameras: turned to the wearer, more pixels in the middle
    virtual images  (B, V, 3, 128, 128)
      | encoder shared by all views
    features  (B, V, C, 32, 32)
      | heatmaps, each view on its own; their peaks become tokens with rays in the device frame
      | refiner: tokens of all views attend to each other, weak peaks and missing views are masked
    refined tokens, refined heatmaps
      | lifter proposes a pose from the tokens; then twice: moves it to where lines of sight meet, projects it into
      |   every view, corrects it there
    joints  (B, 16, 3) cm, device frame, and an uncertainty of each

The stages are those of `models.egorear`; what is cheaper is said in each module. Because views
share all weights and are told apart by their rays, the same weights serve any subset of them.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from egorear_ros.heatmap import Peaks
from egorear_ros.models.blocks import conv1x1
from egorear_ros.models.encoder import encode_views
from egorear_ros.models.inputs import check_inputs
from egorear_ros.models.size import OVERSIZE, ModelSize
from egorear_ros.models.small.encoder import SmallEncoder
from egorear_ros.models.small.lifter import SmallLift, SmallLifter
from egorear_ros.models.small.rays import ViewRays
from egorear_ros.models.small.refinement import TokenRefiner, precise_peaks
from egorear_ros.models.small.triangulation import Sights
from egorear_ros.models.views import mask_views
from egorear_ros.models.virtual_views import VirtualViews
from egorear_ros.structures import Rig

SMALL = ModelSize(
    image_size=128,
    backbone_channels=32,
    channels=64,
    attention_heads=4,
    attention_points=4,
    lifter_layers=2,
    context_channels=128,
    sight_channels=64,
)
"""The size that is shipped, for four views."""


class SmallOutput(NamedTuple):
    """The pose of B frame sets and all that led to it.

    Attributes:
        heatmaps: (B, V, J_heatmap, H, W) each view on its own.
        refined_heatmaps: (B, V, J_heatmap, H, W) corrected by the other views.
        peaks: of the refined heatmaps.
        lift: the pose.
    """

    heatmaps: Tensor
    refined_heatmaps: Tensor
    peaks: Peaks
    lift: SmallLift


class EgoRearSmall(nn.Module):
    """The whole network."""

    def __init__(
        self,
        size: ModelSize,
        rig: Rig,
        *,
        refine: bool = True,
        mask: bool = True,
        uncertainty: bool = True,
        virtual_cameras: bool = False,
    ) -> None:
        """Build an untrained network.

        Args:
            size: sizes, see `SMALL`.
            rig: lenses and extrinsics of its views, in the model's order.
            refine: whether views correct each other; without, to measure what that is worth.
            mask: whether weak peaks are ignored; likewise.
            uncertainty: whether it knows its error; likewise. Without, its pose has no scales.
            virtual_cameras: whether it looks through `VirtualViews`, and is given images of the size for them.
        """
        super().__init__()
        self.virtual = VirtualViews(rig, size.image_size) if virtual_cameras else None
        if self.virtual is not None:
            rig = self.virtual.rig
        self.size, self.refine, self.mask, self.uncertainty = size, refine, mask, uncertainty
        self.encoder = SmallEncoder(size)
        self.head = conv1x1(size.channels, size.heatmap_joint_count)
        self.rays = ViewRays(rig, size.heatmap_size)
        self.refiner = TokenRefiner(size, layers=2 if refine else 0)
        self.lifter = SmallLifter(size, rig)

    @property
    def absent(self) -> tuple[str, ...]:
        """Which of `models.header.PARTS` it runs without."""
        has = {"refinement": self.refine, "mask": self.mask, "uncertainty": self.uncertainty}
        return tuple(part for part, there in has.items() if not there)

    @property
    def input_size(self) -> int:
        """Height and width of its input, px."""
        return self.size.image_size * (1 if self.virtual is None else OVERSIZE)

    def forward(
        self, images: Tensor, T_camera_device: Tensor | None = None, view_mask: Tensor | None = None
    ) -> SmallOutput:
        """Estimate poses.

        Args:
            images: (B, V, 3, H, W) normalised images, H and W being `input_size`.
            T_camera_device: (B, V, 4, 4) extrinsics of each sample, translation in m; None: the rig's.
            view_mask: (B, V) bool; a view where it is False has no influence. None: all are there.
        """
        check_inputs(self.size, images, T_camera_device, view_mask, self.input_size)
        if self.virtual is not None:
            images, T_camera_device = self.virtual(images, T_camera_device)
        return self.look(images, T_camera_device, view_mask)

    def look(self, images: Tensor, T_camera_device: Tensor | None, view_mask: Tensor | None) -> SmallOutput:
        """Estimate poses from (B, V, 3, S, S) images of the cameras it looks through; else as `forward`."""
        features = encode_views(self.encoder, images, view_mask).features
        # The encoder is nearly all of the work; places and rays need more digits than bfloat16 has.
        with torch.autocast(images.device.type, enabled=False):
            return self._estimate(features.float(), T_camera_device, view_mask)

    def _estimate(self, features: Tensor, T_camera_device: Tensor | None, view_mask: Tensor | None) -> SmallOutput:
        heatmaps = mask_views(self.head(features.flatten(0, 1)).unflatten(0, (-1, self.size.view_count)), view_mask)
        peaks = precise_peaks(heatmaps)
        rays = self.rays(peaks.uv, T_camera_device)
        tokens = self.refiner.tokens(features, peaks, rays)
        refined = heatmaps
        if self.refine:
            tokens = self.refiner(tokens, self._listened_to(peaks, view_mask))
            refined = mask_views(self.refiner.correct(heatmaps, features, tokens), view_mask)
            peaks = precise_peaks(refined)
            rays = self.rays(peaks.uv, T_camera_device)
            tokens = tokens + self.refiner.tokens(features, peaks, rays)
        sights = Sights(tokens, rays.directions, rays.centres, self._listened_to(peaks, view_mask))
        lift = self.lifter(sights, features, self.rays, T_camera_device, view_mask)
        if not self.uncertainty:
            lift = lift._replace(scales_cm=None)
        return SmallOutput(heatmaps, refined, peaks, lift)

    def _listened_to(self, peaks: Peaks, view_mask: Tensor | None) -> Tensor:
        """Return (B, V, J_heatmap) bool: tokens that others may look at."""
        valid = peaks.valid if self.mask else peaks.valid.new_ones(peaks.valid.shape)
        return valid if view_mask is None else valid & view_mask[..., None]
