"""What EgoTAP learns of limbs: maps of every bone as a blurred line, its elevation, and losses on bones.

Source: Kang and Lee, "Attention-Propagation Network for Egocentric Heatmap to 3D Pose Lifting",
CVPR 2024: a line, blurred with sigma 1 and doubled, times cosine and sine of the limb's elevation;
each limb's squared error over the root of its length; the cosines of bones beside the distance of
joints. Our choices: the line is blurred by a formula instead of drawn and filtered, and the
elevation is counted in the camera's frame.
"""

import math

import torch
from torch import Tensor

from egorear_ros.geometry.transforms import transform_points
from egorear_ros.models.egotap.lifter import limbs
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import Rig
from egorear_train.batch import CM_PER_M, Batch
from egorear_train.losses import HEATMAP_WEIGHT

LIMBS = limbs(EGO4VIEW)
BONE_WEIGHT = 0.001
BLUR = 1.0
"""Variance of the blur, square pixels of the map."""

_BOX = 1.0 / 12.0
"""Variance of something one pixel wide: the line itself, and the pixel that averages it."""

_SHORTEST_CM = 1e-6


def encode_limbs(batch: Batch, rig: Rig, size: int) -> tuple[Tensor, Tensor]:
    """Draw the limbs of a batch.

    Returns:
        maps: (B, V, L, 2, size, size) times cosine and sine of the elevation.
        lengths: (B, V, L) of the limbs in the maps, heatmap pixels.
    """
    parents, children = (list(side) for side in zip(*LIMBS, strict=True))
    ends = [EGO4VIEW.heatmap_joints.index(joint) for joint in (*parents, *children)]
    scale = batch["pixels"].new_tensor([(camera.lens.width, camera.lens.height) for camera in rig.cameras])
    places = batch["pixels"] * size / scale[:, None]  # as heatmaps count, so that limbs end at their joints' peaks
    start, end = places[:, :, ends].chunk(2, dim=2)
    lines = draw_lines(start, end, size)
    in_camera = transform_points(batch["T_camera_device"], batch["joints_cm"][:, None] / CM_PER_M)
    along = in_camera[:, :, children] - in_camera[:, :, parents]
    elevation = torch.atan2(along[..., 2], along[..., :2].norm(dim=-1))
    wave = torch.stack((elevation.cos(), elevation.sin()), dim=-1)
    return lines[:, :, :, None] * wave[..., None, None], (end - start).norm(dim=-1)


def draw_lines(start: Tensor, end: Tensor, size: int) -> Tensor:
    """Draw lines, one pixel wide, blurred with a Gaussian of sigma 1, twice as bright.

    Args:
        start: (..., 2) as (u, v), pixels of the map.
        end: likewise.
        size: height and width of the map.

    Returns:
        (..., size, size); about 0.74 on a long line.
    """
    axis = torch.arange(size, device=start.device, dtype=start.dtype)
    length = (end - start).norm(dim=-1, keepdim=True)
    # A line without length is a dot: any direction will do.
    right = torch.tensor((1.0, 0.0), device=start.device, dtype=start.dtype)
    direction = torch.where(length > 0.0, (end - start) / length.clamp_min(1e-9), right)
    du = axis - start[..., 0, None]
    dv = axis - start[..., 1, None]
    cos, sin = direction[..., 0, None, None], direction[..., 1, None, None]
    forward = du[..., None, :] * cos + dv[..., :, None] * sin
    aside = dv[..., :, None] * cos - du[..., None, :] * sin
    width = BLUR + 2.0 * _BOX
    across = torch.exp(-0.5 * aside**2 / width) / math.sqrt(2.0 * math.pi * width)
    # Half a pixel of cap at both ends.
    sharpness = (BLUR + _BOX) ** -0.5
    inside = _normal((forward + 0.5) * sharpness) - _normal((forward - 0.5 - length[..., None]) * sharpness)
    return 2.0 * across * inside


def limb_error(predicted: Tensor, target: Tensor, lengths: Tensor) -> Tensor:
    """Return the squared error of limb maps, those of long limbs counting less, summed over views.

    Args:
        predicted: (B, V, L, 2, H, W).
        target: likewise.
        lengths: (B, V, L), heatmap pixels.
    """
    per_limb = ((predicted - target) ** 2).mean(dim=(3, 4, 5)) / (lengths + 1.0).sqrt()
    return HEATMAP_WEIGHT * per_limb.mean(dim=(0, 2)).sum()


def bone_loss(joints_cm: Tensor, target_cm: Tensor) -> Tensor:
    """Return minus the weighted cosines between estimated and true bones, summed over bones, mean over the batch."""
    parents, children = (list(side) for side in zip(*EGO4VIEW.bones[: -len(EGO4VIEW.extra_bones)], strict=True))
    ours, true = (points[:, children] - points[:, parents] for points in (joints_cm, target_cm))
    cosine = torch.nn.functional.cosine_similarity(ours, true, dim=-1, eps=_SHORTEST_CM)
    return -BONE_WEIGHT * cosine.sum(dim=-1).mean()


def _normal(x: Tensor) -> Tensor:
    """Return the share of a standard normal distribution below x."""
    return 0.5 * (1.0 + torch.erf(x / math.sqrt(2.0)))
