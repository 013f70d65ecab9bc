"""Where the joints of a first guess appear in each view: the anchors of the lifter's attention."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from egorear_ros.geometry.fisheye import LensTerms, lens_terms, project_pixels
from egorear_ros.geometry.transforms import invert_transform
from egorear_ros.structures import Lens, Rig

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
    """Projects poses into the views of one rig, all at once. No gradient passes through it."""

    T_camera_device: Tensor
    lens_numbers: Tensor
    image_size: Tensor

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
        self.legacy_syn_geometry = legacy_syn_geometry
        fixed = [torch.as_tensor(invert_transform(camera.T_device_camera)) for camera in rig.cameras]
        sizes = [(camera.lens.width, camera.lens.height) for camera in rig.cameras]
        # Part of the calibration, not of the weights.
        self.register_buffer("T_camera_device", torch.stack(fixed).float(), persistent=False)
        self.register_buffer("lens_numbers", _lens_numbers([camera.lens for camera in rig.cameras]), persistent=False)
        self.register_buffer("image_size", torch.tensor(sizes).float()[:, None], persistent=False)

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
        camera_cm = self._in_cameras(points_cm, T_camera_device)
        pixels = project_pixels(camera_cm, _as_terms(self.lens_numbers.to(points_cm.dtype)))
        places = pixels / self.image_size
        # The lens's own field of view does not count here: the published models were trained so.
        valid = ((places > 0.0) & (places < 1.0)).all(dim=-1)
        start_cm = camera_cm[:, -1] if self.legacy_syn_geometry else points_cm.clone()
        return Anchors(start_cm, places.clamp(0.0, 1.0), valid)

    def _in_cameras(self, points_cm: Tensor, T_camera_device: Tensor) -> Tensor:
        """Return (B, V, J, 3) points of (B, J, 3) ones by (B or 1, V, 4, 4) transforms."""
        if not self.legacy_syn_geometry:
            return _transform(T_camera_device, points_cm[:, None])
        found = []
        for view in range(T_camera_device.shape[1]):
            points_cm = _transform(T_camera_device[:, view], points_cm)
            found.append(points_cm)
        return torch.stack(found, dim=1)


def _lens_numbers(lenses: Sequence[Lens]) -> Tensor:
    """Return (N, V, 1): the numbers of V lenses one after the other, as `_as_terms` reads them."""
    each = [lens_terms(lens) for lens in lenses]
    # Zeros in front of a polynomial's highest power change nothing.
    length = max(len(terms.coefficients) for terms in each)
    rows = [
        (*terms.focal, *terms.center, terms.axis_theta, terms.axis_slope, terms.offset, *terms.coefficients)
        + (0.0,) * (length - len(terms.coefficients))
        for terms in each
    ]
    return torch.tensor(rows).T[..., None].contiguous()


def _as_terms(numbers: Tensor) -> LensTerms:
    fx, fy, cx, cy, axis_theta, axis_slope, offset, *coefficients = numbers.unbind()
    return LensTerms((fx, fy), (cx, cy), axis_theta, axis_slope, offset, tuple(coefficients))


def _transform(T: Tensor, points_cm: Tensor) -> Tensor:
    """Return (..., J, 3) points, cm, moved by (..., 4, 4) transforms with a translation in m."""
    return _rotate(T[..., None, :3, :3], points_cm) + CM_PER_M * T[..., None, :3, 3]


def _rotate(rotmat: Tensor, points: Tensor) -> Tensor:
    """Return (..., J, 3) points turned by (..., 1, 3, 3) rotations.

    Term by term, because the rounding of a matrix product depends on how many poses there are: a pose is the
    same, to the bit, alone and among others.
    """
    x, y, z = points[..., 0:1], points[..., 1:2], points[..., 2:3]
    return x * rotmat[..., 0] + y * rotmat[..., 1] + z * rotmat[..., 2]
