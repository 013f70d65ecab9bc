"""Pictures of what a network sees and says, for the logs: heatmaps over images, and skeletons."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from egorear_ros.drawing.overlay import draw_overlay
from egorear_ros.drawing.picture import save_picture
from egorear_ros.geometry.transforms import invert_transform
from egorear_ros.structures import BodyPose, Camera, Rig, TrackingState
from egorear_train.batch import CM_PER_M, Batch

Image = NDArray[np.uint8]

_CELL_PX = 256
_BAR_PX = 26
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The first frame set of a batch, on the CPU.

    Attributes:
        name: of the frame.
        images: (V, S, S, 3) uint8, RGB.
        views: index of each image's view in the rig.
        maps: (V, J, H, W) float32 heatmaps by kind, "target" among them.
        truth_cm: (16, 3) true joints, if the batch has them.
        joints_cm: (16, 3) estimated joints, if the stage estimates any.
        T_camera_device: (V, 4, 4), if the batch has them.
    """

    name: str
    images: Image
    views: tuple[int, ...]
    maps: Mapping[str, NDArray[np.float32]]
    truth_cm: NDArray[np.float64] | None = None
    joints_cm: NDArray[np.float64] | None = None
    T_camera_device: NDArray[np.float64] | None = None

    @staticmethod
    def of(batch: Batch, maps: Mapping[str, Tensor], joints_cm: Tensor | None = None) -> "Snapshot":
        """Take the first frame set of a batch, with its (B, V, J, H, W) heatmaps and (B, 16, 3) joints."""
        images = batch["images"][0].permute(0, 2, 3, 1).cpu().numpy()
        views = (int(batch["view"][0]),) if "view" in batch else tuple(range(len(images)))
        return Snapshot(
            batch["meta"][0],
            images,
            views,
            {kind: value[0].detach().float().cpu().numpy() for kind, value in maps.items()},
            _numbers(batch["joints_cm"][0]) if "joints_cm" in batch else None,
            _numbers(joints_cm[0]) if joints_cm is not None else None,
            _numbers(batch["T_camera_device"][0]) if "T_camera_device" in batch else None,
        )


def draw_heatmaps(snapshot: Snapshot, rig: Rig) -> Image:
    """Return a table: one row per view, its image and then every kind of heatmap over it; blue first."""
    columns = ["image", *snapshot.maps]
    header = np.full((_BAR_PX, _CELL_PX * len(columns), 3), 32, np.uint8)
    for column, kind in enumerate(columns):
        _write(header, kind.replace("_", " "), (column * _CELL_PX + 8, 18))
    rows = [header]
    for row, (image, view) in enumerate(zip(snapshot.images, snapshot.views, strict=True)):
        photo = cv2.resize(image[..., ::-1], (_CELL_PX, _CELL_PX), interpolation=cv2.INTER_LINEAR)
        first = np.array(photo, dtype=np.uint8)  # a copy: the name belongs on this cell alone
        _write(first, rig.views[view], (8, 18))
        rows.append(np.hstack([first, *(_with_heat(photo, maps[row]) for maps in snapshot.maps.values())]))
    return np.vstack(rows).astype(np.uint8, copy=False)


def save_skeletons(path: Path, snapshot: Snapshot, rig: Rig, caption: str) -> None:
    """Write a PNG with true and estimated skeletons through every lens and in 3D.

    Raises:
        ValueError: the snapshot has no joints or no places of the cameras.
        OSError: the file cannot be written.
    """
    if snapshot.joints_cm is None or snapshot.T_camera_device is None:
        raise ValueError(f"frame {snapshot.name}: no estimated joints or no extrinsics, so no skeletons to draw.")
    places = invert_transform(snapshot.T_camera_device)
    cameras = tuple(Camera(camera.view, camera.lens, T) for camera, T in zip(rig.cameras, places, strict=True))
    here = Rig(rig.name, cameras, rig.source)
    estimate = _pose(snapshot.joints_cm, here, "training")
    truth = _pose(snapshot.truth_cm, here, "ground_truth") if snapshot.truth_cm is not None else None
    overlays = {
        camera.view: draw_overlay(np.ascontiguousarray(image[..., ::-1]), camera, estimate, truth, 2 * _CELL_PX)
        for camera, image in zip(cameras, snapshot.images, strict=True)
    }
    save_picture(path, overlays, here, estimate, truth, caption)


def _pose(joints_cm: NDArray[np.float64], rig: Rig, model_id: str) -> BodyPose:
    unknown = np.full(len(joints_cm), np.nan)
    return BodyPose(0, joints_cm / CM_PER_M, unknown, dict.fromkeys(rig.views, 0), TrackingState.OK, model_id)


def _with_heat(photo: NDArray[np.uint8], maps: NDArray[np.float32]) -> Image:
    """Return a darkened photo with the highest of (J, H, W) heatmaps over it, full red at 1."""
    heat = np.clip(maps.max(axis=0), 0.0, 1.0)
    large = cv2.resize(heat, (_CELL_PX, _CELL_PX), interpolation=cv2.INTER_LINEAR)[..., None]
    colour = cv2.applyColorMap((255 * large).astype(np.uint8), cv2.COLORMAP_INFERNO)
    weight = np.sqrt(large)
    return (0.45 * photo * (1.0 - weight) + colour * weight).astype(np.uint8)


def _write(canvas: Image, text: str, origin: tuple[int, int]) -> None:
    (width, height), below = cv2.getTextSize(text, _FONT, 0.5, 1)
    u, v = origin
    canvas[v - height - 3 : v + below, u - 3 : u + width + 3] //= 3
    cv2.putText(canvas, text, origin, _FONT, 0.5, (255, 255, 255), 1, cv2.LINE_AA)


def _numbers(value: Tensor) -> NDArray[np.float64]:
    return value.detach().double().cpu().numpy()
