"""Refinement across views, joint by joint instead of map by map.

A token per view and joint says what that view sees of the joint: the feature at the heatmap's
peak, its height, and the peak's ray in the device frame. The tokens of all views attend to each
other, except to those whose peak is too weak to be trusted. Each refined token is then a filter
that corrects its own heatmap.

Against the published refiners this shares one refiner among all views and needs no learned map
per view, which is where most of their parameters are.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from egorear_ros.heatmap import SIGMA, Peaks, find_peaks
from egorear_ros.models.size import ModelSize
from egorear_ros.models.small.look import with_nobody
from egorear_ros.models.small.rays import Rays, sample_map
from egorear_ros.models.transformer import FeedForward, SelfAttention
from egorear_ros.models.views import repeat_as

PEAK_RADIUS = 1.5
"""Heatmap pixels around the highest one whose centre of mass is the peak."""


TRUSTED_PEAK = 0.25
"""Peaks below this are not listened to. Lower than the published 0.5: a token also carries its
peak's height, and a network that starts from nothing must hear something."""


class TokenLayer(nn.Module):
    """Attention among tokens, then thought about each."""

    def __init__(self, size: ModelSize) -> None:
        """Build the layer for tokens of width `size.channels`."""
        super().__init__()
        dim = size.channels
        self.attention, self.norm_attention = SelfAttention(dim, size.attention_heads), nn.LayerNorm(dim)
        self.ffn, self.norm_ffn = FeedForward(dim, 4 * dim), nn.LayerNorm(dim)

    def forward(self, tokens: Tensor, keys: Tensor | None = None) -> Tensor:
        """Map (B, N, D) tokens; nobody attends to those where (B, N) `keys` is False."""
        tokens = self.norm_attention(tokens + self.attention(tokens, keys))
        return self.norm_ffn(tokens + self.ffn(tokens))


class JointTokens(nn.Module):
    """Describes what each view sees of each joint."""

    def __init__(self, size: ModelSize) -> None:
        """Build the description."""
        super().__init__()
        dim = size.channels
        self.map_size = size.heatmap_size
        self.from_feature = nn.Linear(dim, dim)
        self.from_ray = nn.Sequential(nn.Linear(7, dim), nn.GELU(), nn.Linear(dim, dim))
        self.joint_embed = nn.Embedding(size.heatmap_joint_count, dim)

    def forward(self, features: Tensor, peaks: Peaks, rays: Rays) -> Tensor:
        """Return (B, V, J_heatmap, D) tokens.

        Args:
            features: (B, V, C, H, W) encoder features.
            peaks: of (B, V, J_heatmap) heatmaps.
            rays: of the peaks.
        """
        views = features.shape[1]
        at_peak = sample_map(features.flatten(0, 1), peaks.uv.flatten(0, 1), self.map_size)
        centres = repeat_as(rays.centres, rays.directions)
        geometry = torch.cat([rays.directions, centres, peaks.score[..., None]], dim=-1)
        seen = self.from_feature(at_peak.unflatten(0, (-1, views)))
        return seen + self.from_ray(geometry) + self.joint_embed.weight


class TokenRefiner(nn.Module):
    """Corrects the heatmaps of all views by what the other views see."""

    def __init__(self, size: ModelSize, layers: int = 2) -> None:
        """Build `layers` rounds of attention among the views' tokens."""
        super().__init__()
        dim = size.channels
        self.tokens = JointTokens(size)
        self.layers = nn.ModuleList(TokenLayer(size) for _ in range(layers))
        # Attention needs somebody to attend to where no peak at all is trusted.
        self.nobody = nn.Parameter(torch.zeros(1, 1, dim))
        self.filter = nn.Linear(dim, dim)
        nn.init.zeros_(self.filter.weight)
        nn.init.zeros_(self.filter.bias)

    def forward(self, tokens: Tensor, valid: Tensor) -> Tensor:
        """Refine (B, V, J, D) tokens; only those where (B, V, J) `valid` are listened to."""
        flat, keys = with_nobody(tokens.flatten(1, 2), valid.flatten(1, 2), self.nobody)
        for layer in self.layers:
            flat = layer(flat, keys)
        return flat[:, :-1].unflatten(1, (tokens.shape[1], tokens.shape[2]))

    def correct(self, heatmaps: Tensor, features: Tensor, tokens: Tensor) -> Tensor:
        """Return (B, V, J, H, W) heatmaps corrected by refined (B, V, J, D) tokens."""
        filters = self.filter(tokens) * tokens.shape[-1] ** -0.5
        return heatmaps + torch.einsum("bvjc,bvchw->bvjhw", filters, features)


def precise_peaks(heatmaps: Tensor) -> Peaks:
    """Find peaks between pixels: the centre of mass around the highest one. No gradient passes."""
    heatmaps = heatmaps.detach()
    peaks = find_peaks(heatmaps, TRUSTED_PEAK)
    size = heatmaps.shape[-1]
    axis = torch.arange(size, device=heatmaps.device, dtype=heatmaps.dtype)
    place = peaks.uv * size
    nearness = torch.exp(-((axis - place[..., None]) ** 2) / (2 * PEAK_RADIUS**2))
    mass = F.relu(heatmaps) * nearness[..., 0, None, :] * nearness[..., 1, :, None]
    total = mass.sum(dim=(-2, -1)).clamp_min(1e-6)
    centre = torch.stack([(mass.sum(dim=-2) * axis).sum(dim=-1), (mass.sum(dim=-1) * axis).sum(dim=-1)], dim=-1)
    # The window pulls the centre of a Gaussian of SIGMA towards its own by a known factor.
    gain = 1.0 + SIGMA**2 / PEAK_RADIUS**2
    between = place + gain * (centre / total[..., None] - place)
    empty = (total <= 1e-6)[..., None]
    return Peaks(torch.where(empty, place, between) / size, peaks.score, peaks.valid)
