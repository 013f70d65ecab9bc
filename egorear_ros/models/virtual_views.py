"""From images of real cameras to those of virtual ones, as the first step of a network.

A part of the network and not of preprocessing, so that every engine and every exported file has it,
and images become input as they do for any other network, only twice as large.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from egorear_ros.geometry.fisheye import project, unproject
from egorear_ros.geometry.resampling import OUTSIDE, pixel_grid, sampling_places
from egorear_ros.geometry.virtual_camera import virtual_rig
from egorear_ros.models.image_statistics import IMAGE_MEAN, IMAGE_STD
from egorear_ros.models.size import OVERSIZE
from egorear_ros.structures import Camera, FloatArray, Rig


class VirtualViews(nn.Module):
    """Resamples the views of one rig.

    Attributes:
        rig: the virtual cameras.
    """

    grid: Tensor
    seen: Tensor
    T_virtual_camera: Tensor
    black: Tensor

    def __init__(self, rig: Rig, image_size: int) -> None:
        """Tabulate where the pixels of the virtual cameras come from.

        Args:
            rig: V real cameras.
            image_size: S, px, of the virtual images.

        Raises:
            ValueError: a camera's place is not known, or it looks away from the wearer.
        """
        super().__init__()
        self.rig = virtual_rig(rig)
        pairs = list(zip(rig.cameras, self.rig.cameras, strict=True))
        places = [_sampling_grid(real, virtual, image_size) for real, virtual in pairs]
        turns = [np.linalg.inv(virtual.T_device_camera) @ real.T_device_camera for real, virtual in pairs]
        black = (-IMAGE_MEAN / IMAGE_STD)[:, None, None]
        # Part of the calibration, not of the weights.
        self.register_buffer("grid", torch.from_numpy(np.stack([grid for grid, _ in places])).float(), persistent=False)
        seen = torch.from_numpy(np.stack([seen for _, seen in places])).float()
        self.register_buffer("seen", seen[:, None], persistent=False)
        self.register_buffer("T_virtual_camera", torch.from_numpy(np.stack(turns)).float(), persistent=False)
        self.register_buffer("black", torch.from_numpy(black).float(), persistent=False)

    def forward(self, images: Tensor, T_camera_device: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return what virtual cameras show, and their extrinsics.

        Args:
            images: (B, V, 3, 2S, 2S) normalised images of the real cameras.
            T_camera_device: (B, V, 4, 4) of them, translation in m; None: the rig's own.

        Returns:
            (B, V, 3, S, S) images, black where the real camera sees nothing; extrinsics likewise.
        """
        # What is subtracted before is subtracted after: samples are weighted means.
        shown = torch.lerp(self.black, self.resample(images), self.seen)
        return shown, None if T_camera_device is None else self.T_virtual_camera @ T_camera_device

    def resample(self, images: Tensor) -> Tensor:
        """Return (B, V, 3, S, S) of (B, V, 3, H, W) images, bilinearly."""
        grid = self.grid.expand(images.shape[0], -1, -1, -1, -1).flatten(0, 1)
        # A CPU fetches the three colours of a pixel together then, which is the most of its work here.
        pixels = images.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        found = F.grid_sample(pixels, grid, mode="bilinear", padding_mode="border", align_corners=False)
        return found.unflatten(0, (-1, images.shape[1]))


def _sampling_grid(real: Camera, virtual: Camera, size: int) -> tuple[FloatArray, FloatArray]:
    """Return (size, size, 2) places in the real image, as `grid_sample` counts them, and 1 where it shows anything."""
    rays, wanted = unproject(pixel_grid(virtual.lens, size), virtual.lens)
    turn = real.T_device_camera[:3, :3].T @ virtual.T_device_camera[:3, :3]
    pixels, there = project(rays @ turn.T, real.lens)
    return sampling_places(pixels, real.lens), np.logical_and(wanted, there).astype(float)


class RealMaps:
    """Puts heatmaps of virtual cameras where they belong in the real images, to be drawn over them."""

    def __init__(self, rig: Rig, heatmap_size: int) -> None:
        """Tabulate where in the virtual maps the pixels of the real ones are.

        Args:
            rig: V real cameras.
            heatmap_size: H, px, of the maps of virtual cameras.
        """
        size = OVERSIZE * heatmap_size
        pairs = zip(rig.cameras, virtual_rig(rig).cameras, strict=True)
        grids = [_heatmap_grid(real, virtual, size, heatmap_size) for real, virtual in pairs]
        self._grid = torch.from_numpy(np.stack(grids)).float()

    def __call__(self, maps: Tensor) -> Tensor:
        """Return (V, J, OVERSIZE H, OVERSIZE H) maps of real images of (V, J, H, H) ones; 0 where nothing belongs."""
        return F.grid_sample(maps, self._grid.to(maps.device), mode="bilinear", align_corners=False)


def _heatmap_grid(real: Camera, virtual: Camera, size: int, heatmap_size: int) -> FloatArray:
    """Return (size, size, 2) places in a virtual heatmap; column k of any heatmap is at u = k / its width."""
    axis = np.arange(size) / size
    u, v = np.meshgrid(axis * real.lens.width, axis * real.lens.height)
    rays, seen = unproject(np.stack([u, v], axis=-1), real.lens)
    turn = virtual.T_device_camera[:3, :3].T @ real.T_device_camera[:3, :3]
    pixels, _ = project(rays @ turn.T, virtual.lens)
    places = (pixels / (virtual.lens.width, virtual.lens.height) + 0.5 / heatmap_size) * 2.0 - 1.0
    outside: FloatArray = np.where(seen[..., None], places, OUTSIDE)
    return outside
