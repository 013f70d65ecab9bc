"""Ego4View on disk: which frames a split has, and one frame as training sample.

<root>/{train,validation,test}.txt      Syn: one character folder per line, its children are
                                        sequences; RW: one sequence folder per line
<sequence>/json_smplx_gendered/*.json   annotations (RW: json_smplx), cm and px
<sequence>/fisheye_rgb/camera_<view>/<stem>.jpg or .png
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from egorear_ros.estimators.preprocess import normalise, resize
from egorear_ros.heatmap import encode_heatmaps
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.sources.folder import natural_order
from egorear_ros.sources.sequence import ANNOTATIONS, IMAGES
from egorear_ros.structures import FloatArray, Rig

SPLITS = ("train", "validation", "test")


class DatasetError(ValueError):
    """A data set is not where or what it should be."""


class DamagedFrame(RuntimeError):
    """One frame cannot be read: names the file and what is wrong with it."""


@dataclass(frozen=True)
class FrameFiles:
    """Where one frame is.

    Attributes:
        sequence: its folder.
        stem: name of its files without suffix.
    """

    sequence: Path
    stem: str

    @property
    def annotation(self) -> Path:
        """The annotation file."""
        for name in ANNOTATIONS:
            if (self.sequence / name).is_dir():
                return self.sequence / name / f"{self.stem}.json"
        raise DamagedFrame(f"{self.sequence} has no folder {' or '.join(ANNOTATIONS)}.")

    def image(self, view: str) -> Path:
        """One view's image, whichever suffix it has.

        Raises:
            DamagedFrame: there is none.
        """
        folder = self.sequence / IMAGES / f"camera_{view}"
        for suffix in (".jpg", ".png", ".jpeg"):
            path = folder / f"{self.stem}{suffix}"
            if path.is_file():
                return path
        raise DamagedFrame(f"{folder} has no image {self.stem}.jpg or .png.")


@dataclass(frozen=True, eq=False)
class Annotation:
    """What is known of one frame.

    Attributes:
        joints_cm: (16, 3) device frame, cm.
        pixels: (V, 15, 2) joints with heatmaps as (u, v), px of the calibrated image.
    """

    joints_cm: FloatArray
    pixels: FloatArray


def list_frames(root: Path, split: str) -> list[FrameFiles]:
    """Return the frames of a split: of every line of its file, in its order; frames by name.

    Raises:
        DatasetError: no such split, or a folder that it names is missing or has no annotations.
    """
    index = root / f"{split}.txt"
    if not index.is_file():
        raise DatasetError(
            f"{index} is missing; expected one of {', '.join(f'{name}.txt' for name in SPLITS)} in the data set's root."
        )
    lines = [line.strip() for line in index.read_text().splitlines() if line.strip()]
    frames = [frame for line in lines for sequence in _sequences(root / line, index) for frame in _frames(sequence)]
    if not frames:
        raise DatasetError(f"{index} names {len(lines)} folders, and none has frames. Is the download complete?")
    return frames


def read_annotation(path: Path, views: tuple[str, ...]) -> Annotation:
    """Read one annotation file.

    Raises:
        DamagedFrame: missing, not JSON, or a joint is missing or not finite.
    """
    try:
        joints: dict[str, Any] = json.loads(path.read_text())["joints"]
        joints_cm = np.array([joints[name]["device_pts3d"] for name in EGO4VIEW.dataset_names], dtype=np.float64)
        names = [EGO4VIEW.dataset_names[joint] for joint in EGO4VIEW.heatmap_joints]
        pixels = np.array(
            [[joints[name][f"camera_{view}_pts2d"] for name in names] for view in views], dtype=np.float64
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedFrame(f"{path}: no usable annotation ({type(error).__name__}: {error}).") from error
    shapes_fit = joints_cm.shape == (EGO4VIEW.joint_count, 3) and pixels.shape == (len(views), len(names), 2)
    if not shapes_fit or not (np.isfinite(joints_cm).all() and np.isfinite(pixels).all()):
        raise DamagedFrame(f"{path}: joints are not all finite points.")
    return Annotation(joints_cm, pixels)


class Ego4ViewDataset(Dataset[dict[str, Tensor]]):
    """Frame sets of a split, as the refinement and pose stages use them.

    A sample has `images` (V, 3, 256, 256) normalised, `heatmaps` (V, 15, 64, 64) and `joints_cm`
    (16, 3) in the device frame. There is no augmentation.
    """

    def __init__(self, root: Path, split: str, rig: Rig, image_size: int = 256) -> None:
        """List the frames.

        Args:
            root: the data set's folder.
            split: train, validation or test.
            rig: its cameras; their order is that of the samples' views.
            image_size: height and width of the images, px; heatmaps are a quarter of it.

        Raises:
            DatasetError: see `list_frames`.
        """
        self.frames = list_frames(root, split)
        self._rig = rig
        self._image_size = image_size

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.frames)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Read one sample; raises DamagedFrame if it cannot be used."""
        frame = self.frames[index]
        annotation = read_annotation(frame.annotation, self._rig.views)
        pixels = np.stack([_read_image(frame.image(view), self._image_size) for view in self._rig.views])
        targets = [
            encode_heatmaps(torch.from_numpy(places), (camera.lens.width, camera.lens.height), self._image_size // 4)
            for places, camera in zip(annotation.pixels, self._rig.cameras, strict=True)
        ]
        return {
            "images": torch.from_numpy(normalise(pixels)),
            "heatmaps": torch.stack(targets),
            "joints_cm": torch.from_numpy(annotation.joints_cm).float(),
        }


def _sequences(folder: Path, index: Path) -> list[Path]:
    """Return a folder itself if it is a sequence, else the sequences in it."""
    if not folder.is_dir():
        raise DatasetError(f"{index} names {folder}, which is no folder. Is the download complete?")
    if _is_sequence(folder):
        return [folder]
    return sorted(child for child in folder.iterdir() if child.is_dir() and _is_sequence(child))


def _is_sequence(folder: Path) -> bool:
    return any((folder / name).is_dir() for name in ANNOTATIONS)


def _frames(sequence: Path) -> list[FrameFiles]:
    folder = next(sequence / name for name in ANNOTATIONS if (sequence / name).is_dir())
    return [FrameFiles(sequence, stem) for stem in natural_order(path.stem for path in folder.glob("*.json"))]


def _read_image(path: Path, image_size: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    try:
        with Image.open(path) as image:
            return resize(image.convert("RGB"), image_size)
    except (OSError, SyntaxError, ValueError) as error:
        raise DamagedFrame(f"{path}: damaged image ({error}).") from error
