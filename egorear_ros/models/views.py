"""Which parts of a network serve which views, and what becomes of views that are missing."""

from torch import Tensor

FRONT_VIEWS = 2


def view_groups(view_count: int) -> dict[str, slice]:
    """Return the views of each encoder, under its name in the state dictionary."""
    groups = {"stereo_front": slice(0, FRONT_VIEWS)}
    if view_count > FRONT_VIEWS:
        groups["stereo_back"] = slice(FRONT_VIEWS, view_count)
    return groups


def refiner_names(view_count: int) -> tuple[str, ...]:
    """Return the names of V refiners in the state dictionary.

    They are places in the rig's order, not names of cameras: a model of two rear cameras calls
    them front as well. Two, three and four views have the published names.
    """
    rear = {0: (), 1: ("back",), 2: ("back_left", "back_right")}
    count = view_count - FRONT_VIEWS
    return ("front_left", "front_right", *rear.get(count, tuple(f"back_{index}" for index in range(count))))


def mask_views(values: Tensor, view_mask: Tensor | None) -> Tensor:
    """Return (B, V, ...) values with those of masked views zero."""
    if view_mask is None:
        return values
    over_the_rest = (..., *[None] * (values.ndim - 2))
    return values.masked_fill(~view_mask[over_the_rest], 0.0)


def repeat_as(values: Tensor, like: Tensor) -> Tensor:
    """Return values repeated to the shape that they and a finite `like` have together.

    By arithmetic: the tracing exporter takes the sizes of an expansion for constants, and exported files are for any
    batch. For the same reason views of tensors leave the batch open (-1).
    """
    return values + 0.0 * like
