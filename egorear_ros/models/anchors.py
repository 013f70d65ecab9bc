"""Where the joints of a first guess appear in each view: the anchors of the lifter's attention."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from egorear_ros.geometry.fisheye import project
from egorear_ros.geometry.transforms import invert_transform
from egorear_ros.structures import Rig

CM_PER_M = 100.0


class Anchors(NamedTuple):
    """A pose seen by every view.

    Attributes:
        points_cm: (B, J, 3) the pose that refinement starts from, device frame, cm. Equals the
            projected pose, except with `legacy_syn_geometry`.
        uv: (B, V, J, 2) places in the views as fractions of width and height, clamped to [0, 1].
        valid: (B, V, J) bool, whether a place was inside the image before clamping.
    """

    points_cm: Tensor
    uv: Tensor
    valid: Tensor


class AnchorProjection(nn.Module):
    """Projects poses into the views of one rig. No gradient passes through it."""

    T_camera_device: Tensor

    def __init__(self, rig: Rig, legacy_syn_geometry: bool = False) -> None:
        """Take the lenses and the fixed extrinsics of a rig.

        Args:
            rig: V cameras.
            legacy_syn_geometry: apply each view's transform to the coordinates in the previous
                view's camera instead of the device frame, and go on from the last camera's
                coordinates. That is the effect of an in-place edit in the published training on
                Ego4View-Syn; its weights learned to live with it, and no others should.
        """
        super().__init__()
        self.lenses = tuple(camera.lens for camera in rig.cameras)
        self.legacy_syn_geometry = legacy_syn_geometry
        fixed = [torch.as_tensor(invert_transform(camera.T_device_camera)) for camera in rig.cameras]
        # Part of the calibration, not of the weights.
        self.register_buffer("T_camera_device", torch.stack(fixed).float(), persistent=False)

    @torch.no_grad()
    def forward(self, points_cm: Tensor, T_camera_device: Tensor | None = None) -> Anchors:
        """Project poses.

        Args:
            points_cm: (B, J, 3) joints, device frame, cm.
            T_camera_device: (B, V, 4, 4) device to camera coordinates, translation in m, for rigs
                whose cameras move between recordings; None: the rig's own.
        """
        if T_camera_device is None:
            T_camera_device = self.T_camera_device[None]
        # Calibrations are double precision; a double would not mix with the weights.
        T_camera_device = T_camera_device.to(points_cm.dtype)
        start_cm, uv, valid = points_cm.clone(), [], []
        for view, lens in enumerate(self.lenses):
            T = T_camera_device[:, view]
            camera_cm = _rotate(T[:, None, :3, :3], start_cm) + CM_PER_M * T[:, None, :3, 3]
            pixels, _ = project(camera_cm, lens)
            place = torch.stack((pixels[..., 0] / lens.width, pixels[..., 1] / lens.height), dim=-1)
            # The lens's own field of view does not count here: the published models were trained so.
            valid.append(((place > 0.0) & (place < 1.0)).all(dim=-1))
            uv.append(place.clamp(0.0, 1.0))
            if self.legacy_syn_geometry:
                start_cm = camera_cm
        return Anchors(start_cm, torch.stack(uv, dim=1), torch.stack(valid, dim=1))


def _rotate(rotmat: Tensor, points: Tensor) -> Tensor:
    """Return (B, J, 3) points turned by (B or 1, 1, 3, 3) rotations.

    Term by term, because the rounding of a matrix product depends on how many poses there are: a pose is the
    same, to the bit, alone and among others.
    """
    x, y, z = points[..., 0:1], points[..., 1:2], points[..., 2:3]
    return x * rotmat[..., 0] + y * rotmat[..., 1] + z * rotmat[..., 2]
