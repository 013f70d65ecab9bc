"""Leaving out what is missing, where that is known: nothing is computed of a masked view."""

from collections.abc import Callable

from torch import Tensor

from egorear_ros.models.encoder import is_fixed, scatter


def known_mask(view_mask: Tensor | None) -> Tensor | None:
    """Return the (B, V) mask if views can be left out by it; None: all are computed, and missing ones masked later.

    A graph that is made once has no choice, and a GPU's host would have to wait until it knows.
    """
    return None if view_mask is None or is_fixed(view_mask) or bool(view_mask.all()) else view_mask


def apply_to_present(layers: Callable[..., Tensor], present: Tensor | None, *inputs: Tensor) -> Tensor:
    """Return (N, ...) results of layers for the entries that are there, and zeros for the others.

    Args:
        layers: map (M, ...) inputs to (M, ...) for any M, also 0.
        present: (N,) bool; None: all.
        inputs: (N, ...).
    """
    if present is None or bool(present.all()):
        return layers(*inputs)
    return scatter(layers(*(values[present] for values in inputs)), present)


def apply_to_views(layers: Callable[..., Tensor], mask: Tensor | None, maps: Tensor) -> Tensor:
    """Return (B, V, ...) results for (B, V, C, H, W) maps of the views that are there; see `apply_to_present`."""
    present = None if mask is None else mask.flatten()
    return apply_to_present(layers, present, maps.flatten(0, 1)).unflatten(0, (-1, maps.shape[1]))


def of_view(mask: Tensor | None, view: int) -> Tensor | None:
    """Return which (B,) frame sets have a view."""
    return None if mask is None else mask[:, view]
