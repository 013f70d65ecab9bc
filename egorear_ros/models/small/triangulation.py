"""Where lines of sight meet: the most direct word that views have on where a joint is.

A lifter of attention alone, given the true rays of every joint, was still 40 mm off: where lines meet is
a quotient, which layers of sums and products approximate badly. Here it is solved for, as one step of
Bayesian least squares: the pose so far is the prior, as sure as its own scale says; each line of sight is
a measurement of two of three coordinates. A small network says how far each line is to be trusted.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from egorear_ros.models.anchors import CM_PER_M
from egorear_ros.models.size import ModelSize
from egorear_ros.models.views import repeat_as
from egorear_ros.skeleton import EGO4VIEW

SIGHT_RAD = 0.1
"""How far off a line of sight is if its trust is 1: about two heatmap pixels."""

FIRST_LOG_TRUST = -4.0
"""Lines are hardly trusted until peaks have proven good for something; what training ends with is not far from it."""

MAX_LOG_TRUST = 6.0
"""The surest line is taken to be 20 times better than that, or numbers of single precision run out of digits."""

NEAREST_M = 0.05
"""Nobody's joint is nearer to a camera."""


class Sights(NamedTuple):
    """What the views say about joints that have heatmaps.

    Attributes:
        tokens: (B, V, J_heatmap, D) refined tokens.
        directions: (B, V, J_heatmap, 3) unit vectors towards their peaks, device frame.
        centres: (B, V, 1, 3) camera centres, device frame, m; B is 1 for the rig's own.
        valid: (B, V, J_heatmap) bool, which of them to listen to.
    """

    tokens: Tensor
    directions: Tensor
    centres: Tensor
    valid: Tensor


class Triangulation(nn.Module):
    """Moves a pose towards the views' lines of sight."""

    joints: Tensor
    spread: Tensor

    def __init__(self, size: ModelSize) -> None:
        """Build the network that says which line to trust, `size.sight_channels` wide."""
        super().__init__()
        self.trust = nn.Sequential(
            nn.Linear(2 * size.channels + 2, size.sight_channels), nn.GELU(), nn.Linear(size.sight_channels, 1)
        )
        last = self.trust[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.weight, std=1e-3)
        nn.init.constant_(last.bias, FIRST_LOG_TRUST)
        joints = torch.tensor(EGO4VIEW.heatmap_joints)
        self.register_buffer("joints", joints, persistent=False)
        self.register_buffer("spread", torch.eye(size.joint_count)[:, joints], persistent=False)

    def forward(self, query: Tensor, pose_cm: Tensor, scale_cm: Tensor, sights: Sights) -> Tensor:
        """Return the (B, J, 3) way from the prior to the posterior, cm; zero for joints without heatmap.

        Args:
            query: (B, J, D) what is known of each joint.
            pose_cm: (B, J, 3) the prior's mean, device frame.
            scale_cm: (B, J) its scale, see `SmallLift`.
            sights: lines of sight.
        """
        joints_m, scale_m = pose_cm[:, None, self.joints] / CM_PER_M, scale_cm[:, None, self.joints] / CM_PER_M
        towards = sights.centres - joints_m
        distance = towards.norm(dim=-1).clamp_min(NEAREST_M)
        off_m = towards - (towards * sights.directions).sum(dim=-1, keepdim=True) * sights.directions
        how_far = torch.stack([distance, off_m.norm(dim=-1) / distance], dim=-1)
        known = repeat_as(query[:, None, self.joints], sights.tokens)
        log_trust = self.trust(torch.cat([sights.tokens, known, how_far], dim=-1))[..., 0].clamp_max(MAX_LOG_TRUST)
        # A density exp(-|error| / b) in space has a variance of 4 b^2 along each axis.
        information = sights.valid * log_trust.exp() * (2.0 * scale_m / (SIGHT_RAD * distance)) ** 2
        return self.spread @ (CM_PER_M * posterior_shift(sights.directions, off_m, information))


def posterior_shift(directions: Tensor, offsets: Tensor, information: Tensor) -> Tensor:
    """Return (B, J, 3): from a prior's mean to the mean after V lines have been seen.

    Solves (1 + sum of w (1 - d d^T)) x = sum of w o, whose matrix is symmetric, by its cofactors; product by
    product, so that a pose is the same alone and among others, in every runtime.

    Args:
        directions: (B, V, J, 3) unit vectors d along the lines.
        offsets: (B, V, J, 3) o, from the prior's mean to the nearest point of each line.
        information: (B, V, J) w, of a line across itself, in units of the prior's along each axis.
    """
    w = information[..., None]
    dx, dy, dz = directions.unbind(dim=-1)
    products = (w * torch.stack([dx * dx, dx * dy, dx * dz, dy * dy, dy * dz, dz * dz], dim=-1)).sum(dim=1)
    whole = 1.0 + information.sum(dim=1)
    xx, xy, xz, yy, yz, zz = (-products).unbind(dim=-1)
    xx, yy, zz = xx + whole, yy + whole, zz + whole
    x, y, z = (w * offsets).sum(dim=1).unbind(dim=-1)
    c_xx, c_xy, c_xz = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
    c_yy, c_yz, c_zz = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
    solved = [c_xx * x + c_xy * y + c_xz * z, c_xy * x + c_yy * y + c_yz * z, c_xz * x + c_yz * y + c_zz * z]
    return torch.stack(solved, dim=-1) / (xx * c_xx + xy * c_xy + xz * c_xz)[..., None]
