"""Stage 2: heatmaps of all views at once, refined across views.

The front pair and the rear cameras have an encoder each; every view has its own refiner.
"""

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from egorear_ros.heatmap import Peaks, find_peaks
from egorear_ros.models.blocks import conv1x1, heatmap_layers
from egorear_ros.models.encoder import Encoding, encode_views
from egorear_ros.models.heatmap_network import HeatmapNetwork
from egorear_ros.models.refiner import RefinedView, Refiner
from egorear_ros.models.size import ModelSize
from egorear_ros.models.views import mask_views, refiner_names, view_groups

REFINER = "heatmap_refiner_"
"""What the names of refiners begin with in the state dictionary."""


class Refinement(NamedTuple):
    """What stage 2 says about B frame sets of V views.

    Attributes:
        heatmaps: (B, V, J_heatmap, H, W) first heatmaps, each view on its own.
        peaks: their peaks; `valid` only where a peak is high enough to be trusted.
        features: (B, V, C, H, W) refined feature maps.
        refined_heatmaps: (B, V, J_heatmap, H, W); None unless asked for and refined at all.
        views: V details, see `RefinedView`; empty where nothing refines.
    """

    heatmaps: Tensor
    peaks: Peaks
    features: Tensor
    refined_heatmaps: Tensor | None
    views: tuple[RefinedView, ...]


class RefinementNetwork(nn.Module):
    """Encoders, first heatmap heads and refiners of a whole rig."""

    def __init__(self, size: ModelSize, *, refine: bool = True) -> None:
        """Build the network for `size.view_count` views.

        Args:
            size: sizes.
            refine: whether there are refiners; without, every view stays on its own, and the refined
                features are the encoder's.
        """
        super().__init__()
        self.size = size
        self.groups = view_groups(size.view_count)
        for group in self.groups:
            self.add_module(f"heatmap_estimator_{group}", HeatmapNetwork(size))
            self.add_module(f"conv_heatmap_layers_{group}", _first_heatmap_head(size))
        self.refiner_names = tuple(f"{REFINER}{name}" for name in refiner_names(size.view_count)) if refine else ()
        for name in self.refiner_names:
            self.add_module(name, Refiner(size))

    def forward(self, images: Tensor, view_mask: Tensor | None = None) -> Refinement:
        """Map (B, V, 3, H, W) normalised images to heatmaps; `view_mask` as in `encode`.

        No gradient reaches the encoders: they come trained from stage 1.
        """
        with torch.no_grad():
            encoded = self.encode(images, view_mask)
        return self.refine(encoded, view_mask)

    def encode(self, images: Tensor, view_mask: Tensor | None = None) -> Encoding:
        """Encode (B, V, 3, H, W) normalised images; where (B, V) `view_mask` is False the encoding is zero."""
        encoded = []
        for group, views in self.groups.items():
            mask = None if view_mask is None else view_mask[:, views]
            encoded.append(encode_views(self._estimator(group).encoder, images[:, views], mask))
        return Encoding(*(torch.cat(parts, dim=1) for parts in zip(*encoded, strict=True)))

    def refine(
        self,
        encoded: Encoding,
        view_mask: Tensor | None = None,
        *,
        refined_heatmaps: bool = True,
        isolate_heatmaps: bool = False,
    ) -> Refinement:
        """Find joints in each view, then correct each view by all others.

        Args:
            encoded: the views' encodings, from `encode`.
            view_mask: (B, V) bool; a view where it is False tells the others nothing, and its own
                heatmaps and features are zero. None: all views are there.
            refined_heatmaps: whether to compute the refined heatmaps.
            isolate_heatmaps: whether a loss on heatmaps trains its own head only (stage 3).
        """
        heatmaps = mask_views(self.first_heatmaps(encoded.features), view_mask)
        seen = heatmaps.detach() if isolate_heatmaps else heatmaps
        peaks = find_peaks(seen.detach())  # none is trusted in a masked view, whose heatmaps are zero
        if not self.refiner_names:
            return Refinement(heatmaps, peaks, encoded.features, None, ())
        views = tuple(refiner(view, encoded, seen, peaks.uv, peaks.valid) for view, refiner in enumerate(self.refiners))
        features = mask_views(torch.stack([view.features for view in views], dim=1), view_mask)
        refined = None
        if refined_heatmaps:
            source = features.detach() if isolate_heatmaps else features
            maps = [refiner.heatmaps(source[:, view]) for view, refiner in enumerate(self.refiners)]
            refined = mask_views(torch.stack(maps, dim=1), view_mask)
        return Refinement(heatmaps, peaks, features, refined, views)

    def first_heatmaps(self, features: Tensor) -> Tensor:
        """Map (B, V, C, H, W) features to (B, V, J_heatmap, H, W) heatmaps, each view on its own."""
        maps = []
        for group, views in self.groups.items():
            head = self.get_submodule(f"conv_heatmap_layers_{group}")
            maps.append(head(features[:, views].flatten(0, 1)).unflatten(0, (len(features), -1)))
        return torch.cat(maps, dim=1)

    @property
    def refiners(self) -> tuple[Refiner, ...]:
        """The V refiners, in view order."""
        return tuple(cast(Refiner, self.get_submodule(name)) for name in self.refiner_names)

    def _estimator(self, group: str) -> HeatmapNetwork:
        return cast(HeatmapNetwork, self.get_submodule(f"heatmap_estimator_{group}"))


def _first_heatmap_head(size: ModelSize) -> nn.Sequential:
    c = size.channels
    return nn.Sequential(conv1x1(c, c), nn.ReLU(), *heatmap_layers(c, size.heatmap_joint_count))
