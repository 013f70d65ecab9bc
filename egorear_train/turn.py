"""Frame sets seen with the head held otherwise, and by cameras that are mounted a little askew.

What a camera sees when it turns about its own centre follows from what it sees now: every pixel takes the
colour of the pixel that its turned ray comes from. Nothing of it depends on how far away things are, so
images, joints and extrinsics stay consistent, up to the resampling of the image.

A turned head turns the device frame with all cameras, so the same person is somewhere else in it. Only the
cameras' centres cannot follow, since moving a centre would show other things; they are handed on as
extrinsics that differ from the rig's by some millimetres a degree, which networks that read rays know about.
"""

import math
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from egorear_ros.geometry.fisheye import project, unproject
from egorear_ros.geometry.resampling import calibrated_px, pixel_grid, sampling_places
from egorear_ros.geometry.transforms import transform_points
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import FloatArray, Lens, Rig
from egorear_train.batch import CM_PER_M, Batch

NODE_PX = 2
"""Where a pixel comes from is computed for every second one and interpolated: a turned lens is that smooth."""


class Turn:
    """Turns heads and cameras at random."""

    def __init__(self, rig: Rig, image_size: int, head_deg: float, camera_deg: float) -> None:
        """Tabulate where the pixels of each lens look.

        Args:
            rig: cameras.
            image_size: S, px, of the images of frame sets.
            head_deg: standard deviation of the turn of all cameras together, about each axis.
            camera_deg: of what each camera is turned besides.

        Raises:
            ValueError: a deviation is negative.
        """
        if head_deg < 0.0 or camera_deg < 0.0:
            raise ValueError(
                f"model.head_turn_deg is {head_deg:g} and model.camera_turn_deg {camera_deg:g}; expected 0 or more."
            )
        self.lenses = [camera.lens for camera in rig.cameras]
        self.head_deg, self.camera_deg = head_deg, camera_deg
        self._nodes = torch.from_numpy(np.stack([_node_rays(lens, image_size) for lens in self.lenses])).float()
        self._seen = torch.from_numpy(np.stack([_field_of_view(lens, image_size) for lens in self.lenses]))

    def __call__(self, batch: Batch, chosen: Tensor, generator: torch.Generator) -> Batch:
        """Return a batch in which some frame sets are turned, each by angles of its own.

        Args:
            batch: see `Batch`, of all views of the rig.
            chosen: (B,) bool, which ones.
            generator: random numbers.
        """
        some = cast(Batch, {name: value[chosen] for name, value in batch.items() if isinstance(value, Tensor)})
        count, views = some["T_camera_device"].shape[:2]
        head = random_rotations((count, 1), self.head_deg, generator)
        cameras = random_rotations((count, views), self.camera_deg, generator)
        turned = self.by(some, head, cameras)
        changed = {name: value.clone() for name, value in batch.items() if isinstance(value, Tensor)}
        for name, value in changed.items():
            value[chosen] = cast(Tensor, turned[name])  # type: ignore[literal-required]
        return cast(Batch, {**batch, **changed})

    def by(self, batch: Batch, head: Tensor, cameras: Tensor) -> Batch:
        """Return a batch that is turned by known rotations.

        Args:
            batch: see `Batch`.
            head: (B, 1, 3, 3) from the device frame after to the one before.
            cameras: (B, V, 3, 3) from each camera's frame before to the one after, besides what the head does.
        """
        # Places need more digits than bfloat16 has.
        with torch.autocast(batch["images"].device.type, enabled=False):
            extrinsics = batch["T_camera_device"]
            before = extrinsics[..., :3, :3]
            # Seen from the new device frame, a camera that only follows the head is mounted as it was.
            turned = cameras @ before @ head.mT @ before.mT
            changed = extrinsics.clone()
            changed[..., :3, :3] = turned @ before @ head
            changed[..., :3, 3:] = turned @ extrinsics[..., :3, 3:]
            joints_cm = batch["joints_cm"] @ head[:, 0]
            points = joints_cm[:, None, list(EGO4VIEW.heatmap_joints)] / CM_PER_M
            pixels, seen = self._project(transform_points(changed, points))
            images = self._images(batch["images"], turned)
        new = {"images": images, "joints_cm": joints_cm, "pixels": pixels, "T_camera_device": changed}
        if "visible" in batch:
            new["visible"] = batch["visible"] & seen
        return cast(Batch, {**batch, **new})

    def _images(self, images: Tensor, turned: Tensor) -> Tensor:
        """Resample (B, V, 3, S, S) bytes for cameras turned by (B, V, 3, 3), from the frame before to that after."""
        rays = self._nodes.to(images.device) @ turned  # rays are rows, so this turns them back to the frame before
        side = math.isqrt(rays.shape[2])
        nodes = torch.stack(
            [sampling_places(project(rays[:, view], lens)[0], lens) for view, lens in enumerate(self.lenses)], dim=1
        )
        nodes = nodes.flatten(0, 1).mT.unflatten(2, (side, side))
        grid = F.interpolate(nodes, size=images.shape[-2:], mode="bilinear", align_corners=True).permute(0, 2, 3, 1)
        sampled = F.grid_sample(images.flatten(0, 1).float(), grid, mode="bilinear", align_corners=False)
        return sampled.round().to(torch.uint8).unflatten(0, images.shape[:2]) * self._seen.to(images.device)

    def _project(self, points_camera: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, V, J, 2) pixels of (B, V, J, 3) points and (B, V, J) bool whether the lens sees them."""
        found = [project(points_camera[:, view], lens) for view, lens in enumerate(self.lenses)]
        return torch.stack([pixels for pixels, _ in found], dim=1), torch.stack([seen for _, seen in found], dim=1)


def random_rotations(shape: tuple[int, ...], deviation_deg: float, generator: torch.Generator) -> Tensor:
    """Return (*shape, 3, 3) rotations whose rotation vectors have this standard deviation along each axis."""
    vector = math.radians(deviation_deg) * torch.randn(*shape, 3, generator=generator, device=generator.device)
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))
    return torch.linalg.matrix_exp(cross)


def _node_rays(lens: Lens, size: int) -> FloatArray:
    """Return the (N * N, 3) rays of a grid of places from the first to the last pixel of an image."""
    pixels = np.linspace(0.0, size - 1.0, (size - 1) // NODE_PX + 2)
    rays, _ = unproject(calibrated_px(pixels, lens, size), lens)
    return rays.reshape(-1, 3)


def _field_of_view(lens: Lens, size: int) -> NDArray[np.uint8]:
    """Return (1, size, size): 1 for pixels that the lens sees, 0 for those beyond."""
    _, seen = unproject(pixel_grid(lens, size), lens)
    return seen[None].astype(np.uint8)
