"""Frame sets seen in a mirror: what the left side did, the right side does, as the same rig would see it.

A mirror turns each camera into its partner on the other side. Their lenses are never quite the same,
so an image is not just flipped: every pixel takes the colour of the partner's pixel that sees the
mirrored ray. For a rig that is symmetric about the plane x = 0 of the device frame this is exact, up
to the resampling of the image.
"""

from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from egorear_ros.geometry.fisheye import project, unproject
from egorear_ros.geometry.resampling import OUTSIDE, pixel_grid, sampling_places
from egorear_ros.geometry.symmetry import MIRROR, partners
from egorear_ros.geometry.transforms import transform_points
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import FloatArray, Lens, Rig
from egorear_train.batch import CM_PER_M, Batch


class Mirror:
    """Mirrors frame sets of a symmetric rig."""

    def __init__(self, rig: Rig, image_size: int) -> None:
        """Find every camera's partner and where its pixels come from.

        Args:
            rig: cameras; where they sit must be known and symmetric.
            image_size: S, px, of the images of frame sets.

        Raises:
            ValueError: a camera has no partner.
        """
        self.lenses = [camera.lens for camera in rig.cameras]
        try:
            self.partners = partners(rig)
        except ValueError as error:
            raise ValueError(f"model.mirror: {error} Set model.mirror and model.mirror_teacher to 0.") from error
        self.joints = torch.tensor(EGO4VIEW.other_side)
        self._heatmap_joints = [
            EGO4VIEW.heatmap_joints.index(int(self.joints[joint])) for joint in EGO4VIEW.heatmap_joints
        ]
        pairs = zip(self.lenses, self.partners, strict=True)
        grids = [_sampling_grid(lens, self.lenses[partner], image_size) for lens, partner in pairs]
        self._grids = torch.from_numpy(np.stack(grids)).float()

    def __call__(self, batch: Batch, chosen: Tensor) -> Batch:
        """Return a batch in which some frame sets are mirrored.

        Args:
            batch: see `Batch`, of all views of the rig.
            chosen: (B,) bool, which ones.
        """
        if not bool(chosen.any()):
            return batch
        # Places need more digits than bfloat16 has.
        with torch.autocast(batch["images"].device.type, enabled=False):
            return self._mirrored(batch, chosen)

    def _mirrored(self, batch: Batch, chosen: Tensor) -> Batch:
        changed = {name: value.clone() for name, value in batch.items() if isinstance(value, Tensor)}
        device, partners = changed["images"].device, torch.tensor(self.partners)
        mirror = torch.from_numpy(MIRROR).float().to(device)
        joints_cm = batch["joints_cm"][chosen][:, self.joints.to(device)] * mirror.diagonal()[:3]
        T_camera_device = mirror @ batch["T_camera_device"][chosen][:, partners] @ mirror
        changed["joints_cm"][chosen] = joints_cm
        changed["T_camera_device"][chosen] = T_camera_device
        changed["images"][chosen] = self._images(batch["images"][chosen][:, partners])
        points = joints_cm[:, list(EGO4VIEW.heatmap_joints)] / CM_PER_M
        changed["pixels"][chosen] = self._project(transform_points(T_camera_device, points[:, None]))
        if "visible" in changed:
            # What hides a joint hides its mirror image too, which no lens could tell.
            changed["visible"][chosen] = batch["visible"][chosen][:, partners][:, :, self._heatmap_joints]
        return cast(Batch, {**batch, **changed})

    def _images(self, images: Tensor) -> Tensor:
        """Resample (N, V, 3, S, S) bytes of the partners for the cameras they stand in for."""
        grid = self._grids.to(images.device).expand(len(images), -1, -1, -1, -1).flatten(0, 1)
        sampled = F.grid_sample(images.flatten(0, 1).float(), grid, mode="bilinear", align_corners=False)
        return sampled.round().to(torch.uint8).unflatten(0, images.shape[:2])

    def _project(self, points_camera: Tensor) -> Tensor:
        """Return the (N, V, J, 2) pixels of (N, V, J, 3) points, each view by its own lens."""
        found = [project(points_camera[:, view], lens)[0] for view, lens in enumerate(self.lenses)]
        return torch.stack(found, dim=1)


def _sampling_grid(lens: Lens, partner: Lens, size: int) -> FloatArray:
    """Return (size, size, 2) places in the partner's image, as `grid_sample` counts them, for pixels of `lens`."""
    rays, seen = unproject(pixel_grid(lens, size), lens)
    pixels, seen_by_partner = project(rays * MIRROR.diagonal()[:3], partner)
    there = np.logical_and(seen, seen_by_partner)[..., None]
    grid: FloatArray = np.where(there, sampling_places(pixels, partner), OUTSIDE)
    return grid
