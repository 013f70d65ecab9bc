"""What engines that run exported files have in common: arrays in, named arrays out."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from egorear_ros.runtimes.base import Float32Array, Images, Prediction, check_finite
from egorear_ros.runtimes.identity import ModelIdentity

Feed = dict[str, NDArray[np.generic]]


def make_feed(
    identity: ModelIdentity,
    fixed: Float32Array,
    images: Images,
    T_camera_device: Float32Array | None,
    view_mask: NDArray[np.bool_] | None,
) -> Feed:
    """Return inputs by name, checked.

    Args:
        identity: of the model.
        fixed: (V, 4, 4) the rig's own extrinsics.
        images: see `Runtime.run`, as the others.
        T_camera_device: likewise.
        view_mask: likewise.

    Raises:
        ValueError: a shape does not fit or a number is not finite.
    """
    if not isinstance(images, np.ndarray):
        images = images.array()
    views, size = len(identity.views), identity.image_size
    batch = max(len(images), 1)  # an empty batch has no pose
    _check_shape("images", images, (batch, views, 3, size, size))
    if T_camera_device is None:
        T_camera_device = np.tile(fixed, (batch, 1, 1, 1))
    _check_shape("T_camera_device", T_camera_device, (batch, views, 4, 4))
    if view_mask is None:
        view_mask = np.ones((batch, views), dtype=bool)
    _check_shape("view_mask", view_mask, (batch, views))
    check_finite(images, T_camera_device)
    extrinsics = T_camera_device.astype(np.float32, copy=False)
    return {"images": np.ascontiguousarray(images), "view_mask": view_mask, "T_camera_device": extrinsics}


def run_each(feed: Feed, run: Callable[[Feed], Mapping[str, Float32Array]]) -> Prediction:
    """Run an engine that takes one frame set at a time on all entries of a batch."""
    answers = [run({name: values[entry : entry + 1] for name, values in feed.items()}) for entry in range(_batch(feed))]
    return as_prediction({name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]})


def _batch(feed: Feed) -> int:
    return len(feed["images"])


def as_prediction(outputs: Mapping[str, Float32Array]) -> Prediction:
    """Return a prediction from outputs by name."""
    scales = outputs.get("scale_cm")
    return Prediction(
        outputs["joints_cm"],
        outputs.get("peaks_uv"),
        outputs.get("peak_scores"),
        scales,
        refined_peaks=scales is not None,  # the small network's peaks are refined
    )


def _check_shape(name: str, values: NDArray[np.generic], expected: tuple[int, ...]) -> None:
    if values.shape != expected:
        raise ValueError(f"{name} has shape {values.shape}; this model expects {expected}.")
