"""Where a heatmap's pixel looks: its ray in the device frame, whatever the lens and the rig."""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from egorear_ros.geometry.fisheye import unproject
from egorear_ros.structures import FloatArray, Lens, Rig


class Rays(NamedTuple):
    """Lines of sight.

    Attributes:
        directions: (B, V, J, 3) unit vectors, device frame.
        centres: (B, V, 1, 3) camera centres, device frame, m; B is 1 for the rig's own.
    """

    directions: Tensor
    centres: Tensor


class ViewRays(nn.Module):
    """Rays of all heatmap pixels of a rig, looked up bilinearly.

    A table instead of the inverse lens, so that the network is the same few operations for every
    lens model, in every runtime.
    """

    rays_camera: Tensor
    T_device_camera: Tensor

    def __init__(self, rig: Rig, heatmap_size: int) -> None:
        """Tabulate the lenses of V cameras for square heatmaps of `heatmap_size` px."""
        super().__init__()
        self.heatmap_size = heatmap_size
        tables = np.stack([_ray_table(camera.lens, heatmap_size) for camera in rig.cameras])
        poses = np.stack([camera.T_device_camera for camera in rig.cameras])
        # Part of the calibration, not of the weights.
        self.register_buffer("rays_camera", torch.from_numpy(tables).float(), persistent=False)
        self.register_buffer("T_device_camera", torch.from_numpy(poses).float(), persistent=False)

    def forward(self, uv: Tensor, T_camera_device: Tensor | None = None) -> Rays:
        """Return the rays of (B, V, J, 2) places in heatmaps, as fractions (see `heatmap.Peaks`).

        Args:
            uv: places; column k of the heatmap is u = k / W.
            T_camera_device: (B, V, 4, 4) extrinsics, translation in m; None: the rig's own.
        """
        joints = uv.shape[2]
        # A view's places in all frame sets are looked up together, so that its table need not be repeated.
        places = uv.transpose(0, 1).flatten(1, 2)
        sampled = sample_map(self.rays_camera, places, self.heatmap_size).unflatten(1, (-1, joints)).transpose(0, 1)
        if T_camera_device is None:
            T_device_camera = self.T_device_camera[None]
            rotation, centres = T_device_camera[..., :3, :3], T_device_camera[..., None, :3, 3]
        else:
            rotation = T_camera_device[..., :3, :3].mT.to(uv.dtype)
            centres = -(rotation @ T_camera_device[..., :3, 3:].to(uv.dtype)).mT
        return Rays(F.normalize(sampled @ rotation.mT, dim=-1), centres)


def sample_map(maps: Tensor, uv: Tensor, map_size: int) -> Tensor:
    """Sample (N, C, H, W) maps bilinearly at (N, J, 2) places of heatmap columns and rows; (N, J, C).

    Half a pixel is added, because `grid_sample` counts from the edge of the first pixel and
    heatmaps from its centre. Beyond the edge the border counts.
    """
    grid = (uv + 0.5 / map_size) * 2.0 - 1.0
    sampled = F.grid_sample(maps, grid[:, :, None], mode="bilinear", padding_mode="border", align_corners=False)
    return sampled[..., 0].mT


def _ray_table(lens: Lens, size: int) -> FloatArray:
    """Return (3, size, size) unit rays, camera frame; beyond the field of view those of its edge."""
    u, v = np.meshgrid(*(np.arange(size) * (length / size) for length in (lens.width, lens.height)))
    rays, _ = unproject(np.stack([u, v], axis=-1), lens)
    table: FloatArray = np.moveaxis(rays, -1, 0)
    return table
