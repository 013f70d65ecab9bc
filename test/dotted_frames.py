"""A tiny data set whose images show where the joints are, and a data module that serves it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from egorear_ros.geometry.fisheye import project
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.geometry.transforms import invert_transform, transform_points
from egorear_ros.models.build import EGO4VIEW_VIEWS
from egorear_ros.models.size import ModelSize
from egorear_ros.structures import Rig
from egorear_train.data import FrameSets, TrainingData
from egorear_train.stages import Stage

TINY = ModelSize(image_size=64, backbone_channels=8, channels=16, attention_points=4, lifter_layers=2)
FRONT = EGO4VIEW_VIEWS[:2]


def dotted_frames(rig: Rig, image_size: int = 64, count: int = 8) -> list[dict[str, Any]]:
    """Return frame sets of a body in different places; every joint is a dot of its own colour."""
    random = np.random.default_rng(0)
    height = np.linspace(0.0, 1.0, 16)
    upright_cm = np.stack((18.0 * np.cos(np.arange(16) * np.pi), 5.0 + 25.0 * height, 5.0 + 140.0 * height), axis=-1)
    colours = random.integers(90, 255, (16, 3), dtype=np.uint8)
    T_camera_device = np.stack([invert_transform(camera.T_device_camera) for camera in rig.cameras])
    frames = []
    for number in range(count):
        joints_cm = upright_cm + random.normal(0.0, 3.0, (16, 3)) + random.normal(0.0, 6.0, 3)
        pixels, visible, images = [], [], []
        for camera, T in zip(rig.cameras, T_camera_device, strict=True):
            place, seen = project(transform_points(T, joints_cm / 100.0), camera.lens)
            image = np.full((image_size, image_size, 3), 30, np.uint8)
            for joint in range(1, 16):
                u, v = np.clip(place[joint] * image_size / camera.lens.width, 1, image_size - 3).astype(int)
                image[v - 1 : v + 2, u - 1 : u + 2] = colours[joint]
            images.append(image.transpose(2, 0, 1))
            pixels.append(place[1:])
            visible.append(seen[1:])
        frames.append(
            {
                "images": torch.from_numpy(np.stack(images)),
                "joints_cm": torch.from_numpy(joints_cm).float(),
                "pixels": torch.from_numpy(np.stack(pixels)).float(),
                "visible": torch.from_numpy(np.stack(visible)),
                "T_camera_device": torch.from_numpy(T_camera_device).float(),
                "meta": f"dotted/clip/{number}",
            }
        )
    return frames


class ListedFrames:
    """Frames in a list as a data set."""

    def __init__(self, frames: list[dict[str, Any]]) -> None:
        """Serve `frames`."""
        self.frames = frames

    def __len__(self) -> int:
        """Return their number."""
        return len(self.frames)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return one."""
        return self.frames[index]

    def epoch_order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """Return a shuffled order."""
        return np.random.default_rng((seed, epoch)).permutation(len(self))


class DottedData(TrainingData):
    """Serves the same few frames in every split."""

    def __init__(self, batch_size: int = 4, workers: int = 0, seed: int = 42, frames: int = 8) -> None:
        """Serve `frames` frame sets."""
        super().__init__(batch_size, workers, seed)
        self.frames = frames

    def framesets(self, split: str, stage: Stage) -> FrameSets:
        """Return them for the stage's views."""
        rig = load_rig("ego4view_syn").select(stage.rig.views)
        return ListedFrames(dotted_frames(rig, stage.size.image_size, self.frames))


def batch_of(frames: list[dict[str, Any]]) -> Mapping[str, Any]:
    """Return all frames as one batch."""
    from egorear_train.batch import collate

    return collate(frames)
