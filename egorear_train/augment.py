"""What training changes in its frame sets so that the network meets more than the data hold."""

import math

import torch
from torch import Tensor


def jitter_colours(images: Tensor, generator: torch.Generator, amount: float) -> Tensor:
    """Return (B, V, 3, H, W) normalised images with random contrast and colour offset for each view.

    Args:
        images: normalised.
        generator: random numbers.
        amount: standard deviation of both, in units of the normalised images.
    """
    if amount <= 0.0:
        return images
    batch, views = images.shape[:2]
    contrast = 1.0 + amount * torch.randn(batch, views, 1, 1, 1, generator=generator, device=images.device)
    offset = amount * torch.randn(batch, views, 3, 1, 1, generator=generator, device=images.device)
    return images * contrast + offset


def turn_hues(images: Tensor, generator: torch.Generator, share: float) -> Tensor:
    """Return (B, V, 3, H, W) normalised images, some frame sets of which have other colours, alike in all views.

    Few people wear few colours, which a network learns by heart. Colours turn about the grey axis by any angle, and
    are up to twice or half as far from it; greys stay as they are.

    Args:
        images: normalised.
        generator: random numbers.
        share: of the frame sets, whose colours are changed.
    """
    if share <= 0.0:
        return images
    drawn = torch.rand(3, len(images), 1, 1, generator=generator, device=images.device)
    chosen, angle, saturation = drawn[0] < share, 2.0 * math.pi * drawn[1], 2.0 ** (2.0 * drawn[2] - 1.0)
    identity = torch.eye(3, device=images.device)
    grey = torch.full((3, 3), 1.0 / 3.0, device=images.device)  # the projection onto the grey axis
    across = (identity.roll(1, 0) - identity.roll(-1, 0)) / math.sqrt(3.0)  # the cross product with that axis
    # Rodrigues' formula, of which only the part at right angles to the axis is scaled.
    turned = grey + saturation * (angle.cos() * (identity - grey) + angle.sin() * across)
    matrix = torch.where(chosen, turned, identity)
    return torch.einsum("bij,bvjhw->bvihw", matrix, images)


def soften(images: Tensor, generator: torch.Generator, amount: float) -> Tensor:
    """Return (B, V, 3, H, W) images of lenses that are not all equally sharp.

    Rendered images are sharper than those of cameras, the more so after compression and resampling.

    Args:
        images: of any range.
        generator: random numbers.
        amount: a pixel takes up to this share of each of its neighbours, drawn for each view; at most 0.25, which
            is a binomial filter.
    """
    if amount <= 0.0:
        return images
    share = amount * torch.rand(*images.shape[:2], 1, 1, 1, generator=generator, device=images.device)
    for axis in (-2, -1):
        size = images.shape[axis]
        inner = images.narrow(axis, 1, size - 2)
        around = images.narrow(axis, 0, size - 2) + images.narrow(axis, 2, size - 2)
        softer = images.clone()
        softer.narrow(axis, 1, size - 2).add_(share * (around - 2.0 * inner))
        images = softer
    return images


def drop_views(batch: int, views: int, generator: torch.Generator, share: float) -> Tensor | None:
    """Return a (B, V) bool mask with views missing in a share of the frame sets; None if in none.

    Every number of views from 1 to V - 1 is equally frequent among those, and every choice of them.
    """
    device = generator.device
    order = torch.rand(batch, views, generator=generator, device=device).argsort(dim=1).argsort(dim=1)
    kept = torch.randint(1, views, (batch, 1), generator=generator, device=device)
    whole = torch.rand(batch, 1, generator=generator, device=device) >= share
    mask = (order < kept) | whole
    return None if bool(mask.all()) else mask
