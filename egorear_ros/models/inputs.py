"""What a network accepts, checked before it computes."""

from torch import Tensor

from egorear_ros.models.size import ModelSize


def check_inputs(
    size: ModelSize,
    images: Tensor,
    T_camera_device: Tensor | None,
    view_mask: Tensor | None,
    image_size: int | None = None,
) -> None:
    """Check the shapes of a network's inputs; `image_size` is that of the images if it is not the network's own.

    Raises:
        ValueError: a shape does not fit; names it, with what was expected.
    """
    batch, views, side = len(images), size.view_count, image_size or size.image_size
    _check_shape("images", images, (batch, views, 3, side, side))
    if T_camera_device is not None:
        _check_shape("T_camera_device", T_camera_device, (batch, views, 4, 4))
    if view_mask is not None:
        _check_shape("view_mask", view_mask, (batch, views))


def _check_shape(name: str, tensor: Tensor, expected: tuple[int, ...]) -> None:
    if tensor.shape != expected:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}; this model expects {expected}.")
