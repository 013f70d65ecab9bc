"""What a training step gets: frame sets with their targets, as raw images and joint pixels.

Images travel as bytes and targets as joint positions, which are a fiftieth of the numbers that they
become: normalisation and heatmaps are made on the device that trains.
"""

from collections.abc import Mapping
from typing import Any, TypedDict, cast

import torch
from torch import Tensor

from egorear_ros.geometry.body_extent import body_extents, implausible_extent
from egorear_ros.heatmap import encode_heatmaps
from egorear_ros.models.image_statistics import IMAGE_MEAN, IMAGE_STD
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import Rig

CM_PER_M = 100.0


class BatchError(ValueError):
    """A batch is not what the stage can train on: names the frames, what was expected and found."""


class Batch(TypedDict, total=False):
    """B frame sets of V views.

    Attributes:
        images: (B, V, 3, S, S) uint8, RGB, not normalised.
        joints_cm: (B, 16, 3) float32, device frame, cm.
        pixels: (B, V, 15, 2) float32, joints with heatmaps as (u, v), px of the calibrated image.
        visible: (B, V, 15) bool, whether the lens sees the joint; the published losses do not ask.
        T_camera_device: (B, V, 4, 4) float32, translation in m.
        view: (B,) int64, only where V is 1: which view of the rig each image is.
        substitute: (B,) bool, true where the frame stands in for a damaged one.
        meta: B names of the frames.
    """

    images: Tensor
    joints_cm: Tensor
    pixels: Tensor
    visible: Tensor
    T_camera_device: Tensor
    view: Tensor
    substitute: Tensor
    meta: list[str]


def collate(samples: list[Mapping[str, Any]]) -> Batch:
    """Stack samples of a data set; their names stay a list.

    Raises:
        BatchError: the samples do not have the same entries or shapes.
    """
    names = [str(sample.get("meta", "unnamed frame")) for sample in samples]
    batch: dict[str, Any] = {"meta": names}
    for key in samples[0]:
        if key == "meta":
            continue
        values = [torch.as_tensor(sample[key]) for sample in samples if key in sample]
        shapes = {tuple(value.shape) for value in values}
        if len(values) != len(samples) or len(shapes) > 1:
            raise BatchError(
                f"frames {names[0]} to {names[-1]}: `{key}` is missing in {len(samples) - len(values)} and has the "
                f"shapes {sorted(shapes)}; expected one shape. Do the data sets have the same views and image size?"
            )
        batch[key] = torch.stack(values)
    return cast(Batch, batch)


def without_substitutes(batch: Batch) -> Batch | None:
    """Return a batch without the frames that stand in for damaged ones; None if none is left."""
    stand_in = batch.get("substitute")
    if stand_in is None or not bool(stand_in.any()):
        return batch
    keep = (~stand_in).nonzero()[:, 0]
    if not len(keep):
        return None
    kept: dict[str, Any] = {name: value[keep] for name, value in batch.items() if isinstance(value, Tensor)}
    return cast(Batch, {**kept, "meta": [batch["meta"][place] for place in keep.tolist()]})


def check_batch(batch: Batch, views: int, image_size: int, needs: tuple[str, ...]) -> None:
    """Check the first batch of a run, so that wrong data fails before hours are spent on it.

    Args:
        batch: see `Batch`.
        views: V.
        image_size: S, px.
        needs: entries that the stage trains or measures with.

    Raises:
        BatchError: an entry is missing, has another shape or type, is not finite or in another unit.
    """
    first = batch["meta"][0]
    joints = EGO4VIEW.joint_count
    shapes = {
        "images": (views, 3, image_size, image_size),
        "joints_cm": (joints, 3),
        "pixels": (views, len(EGO4VIEW.heatmap_joints), 2),
        "T_camera_device": (views, 4, 4),
    }
    for key in ("images", *needs):
        value = batch.get(key)
        if not isinstance(value, Tensor):
            raise BatchError(
                f"frame {first} has no `{key}`, which this stage needs; it has {', '.join(sorted(batch))}. "
                "Use an annotated data set."
            )
        if tuple(value.shape[1:]) != shapes[key]:
            raise BatchError(
                f"frame {first}: `{key}` has shape {tuple(value.shape[1:])}; the model expects {shapes[key]}. "
                "Do the data set's views and image size equal the model's?"
            )
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise BatchError(f"frames {', '.join(_bad_names(batch, value))}: `{key}` is not finite everywhere.")
    if batch["images"].dtype != torch.uint8:
        raise BatchError(f"frame {first}: images are {batch['images'].dtype}; expected uint8, not normalised.")
    if "joints_cm" in needs:
        _check_unit(batch)


def normalise_images(images: Tensor) -> Tensor:
    """Turn (..., 3, H, W) uint8 RGB into float32 network input, as `estimators.preprocess.normalise`."""
    mean = torch.from_numpy(IMAGE_MEAN).to(images.device)[:, None, None]
    std = torch.from_numpy(IMAGE_STD).to(images.device)[:, None, None]
    return (images.float() / 255.0 - mean) / std


def encode_targets(batch: Batch, rig: Rig, heatmap_size: int, whole_pixels: bool = True) -> Tensor:
    """Draw the (B, V, 15, heatmap_size, heatmap_size) target heatmaps of a batch, see `encode_heatmaps`.

    Raises:
        BatchError: a pixel is not finite; names the frames.
    """
    pixels = batch["pixels"]
    if not bool(pixels.isfinite().all()):
        raise BatchError(f"frames {', '.join(_bad_names(batch, pixels))}: `pixels` is not finite everywhere.")
    sizes = [(camera.lens.width, camera.lens.height) for camera in rig.cameras]
    if len(set(sizes)) == 1:
        return encode_heatmaps(pixels, sizes[0], heatmap_size, whole_pixels)
    if "view" in batch:
        maps = [
            encode_heatmaps(one, sizes[int(view)], heatmap_size, whole_pixels)
            for one, view in zip(pixels, batch["view"], strict=True)
        ]
        return torch.stack(maps)
    maps = [encode_heatmaps(pixels[:, v], size, heatmap_size, whole_pixels) for v, size in enumerate(sizes)]
    return torch.stack(maps, dim=1)


def _bad_names(batch: Batch, value: Tensor) -> list[str]:
    finite = value.isfinite().flatten(1).all(dim=1)
    return [name for name, good in zip(batch["meta"], finite.tolist(), strict=True) if not good]


def _check_unit(batch: Batch) -> None:
    extents_m = body_extents(batch["joints_cm"].detach().cpu().numpy() / CM_PER_M)
    for name, extent_m in zip(batch["meta"], extents_m.tolist(), strict=True):
        if problem := implausible_extent(extent_m):
            raise BatchError(f"frame {name}: {problem}")
