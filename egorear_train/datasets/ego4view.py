"""Ego4View's own files as training samples; see `frames` for their layout."""

from collections.abc import Collection
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from egorear_ros.estimators.preprocess import resize
from egorear_ros.geometry.ego4view import read_extrinsics
from egorear_ros.geometry.rig_difference import rig_difference
from egorear_ros.geometry.rig_file import load_whole_rig
from egorear_ros.geometry.transforms import invert_transform
from egorear_ros.sources.sequence import own_rig_file
from egorear_ros.structures import FloatArray, Lens, Rig
from egorear_train.datasets.annotation import read_annotation
from egorear_train.datasets.base import FrameDataset, Sample
from egorear_train.datasets.errors import DamagedFrame, DatasetError
from egorear_train.datasets.frames import FrameFiles, SequenceFolder, list_frames
from egorear_train.datasets.virtual import VirtualSamples

_PROBED = 20


class Ego4ViewDataset(FrameDataset):
    """Frame sets of a split, read from the original files; see `base` for what a sample has.

    There is no augmentation.
    """

    def __init__(
        self,
        root: Path | str,
        split: str,
        rig: Rig,
        image_size: int = 256,
        quirks: Collection[str] = (),
        virtual_cameras: bool = False,
    ) -> None:
        """List the frames and read the extrinsics.

        Args:
            root: the data set's folder.
            split: train, validation or test.
            rig: its cameras; their order is that of the samples' views. Recordings of Ego4View-RW bring
                their own extrinsics.
            image_size: height and width of the images, px.
            quirks: names of `frames.QUIRKS`.
            virtual_cameras: whether samples are what `geometry.virtual_camera` shows.

        Raises:
            DatasetError: see `list_frames`; or a sequence has no extrinsics; or the data set says that it was made
                with other cameras.
            CalibrationError: the metadata of a recording is wrong, or the data set's own rig file.
        """
        self.frames = list_frames(Path(root), split, quirks)
        super().__init__(f"{root}, split {split}", len(self.frames))
        _check_own_rigs({frame.sequence.folder for frame in self.frames}, rig)
        self._rig = rig
        self._virtual = VirtualSamples(rig, image_size) if virtual_cameras else None
        self._image_size = image_size if self._virtual is None else self._virtual.input_size
        self._places = _all_places(self.frames, rig)
        self.has_visibility = self._says_visibility()

    def name(self, index: int) -> str:
        """Return <root>/<sequence>/<stem>."""
        return self.frames[index].name

    def read(self, index: int) -> Sample:
        """Read one sample; raises DamagedFrame if it cannot be used."""
        frame = self.frames[index]
        annotation = read_annotation(frame.annotation, self._rig.views)
        shape = annotation.pixels.shape[:2]
        if not self.has_visibility:
            visible = np.ones(shape, dtype=np.bool_)
        elif annotation.visible is None:
            raise DamagedFrame(f"{frame.annotation} does not say which joints are visible; others of {self.what} do.")
        else:
            visible = annotation.visible
        images = [_read_image(frame.image(camera.view), self._image_size, camera.lens) for camera in self._rig.cameras]
        sample = {
            "images": torch.from_numpy(np.ascontiguousarray(np.stack(images).transpose(0, 3, 1, 2))),
            "joints_cm": torch.from_numpy(annotation.joints_cm.astype(np.float32)),
            "pixels": torch.from_numpy(annotation.pixels.astype(np.float32)),
            "visible": torch.from_numpy(visible),
            "T_camera_device": torch.from_numpy(self._places[frame.sequence.metadata].copy()),
            "meta": frame.name,
        }
        return sample if self._virtual is None else self._virtual(sample)

    def _says_visibility(self) -> bool:
        """Ask the first annotation that can be read."""
        for frame in islice(self.frames, _PROBED):
            try:
                return read_annotation(frame.annotation, self._rig.views).visible is not None
            except DamagedFrame:
                continue
        return False


def _check_own_rigs(sequences: Collection[Path], rig: Rig) -> None:
    """Refuse other cameras than those that sequences were made with, where they say which."""
    for path in sorted({path for path in map(own_rig_file, sequences) if path is not None}):
        if different := rig_difference(rig, load_whole_rig(str(path))):
            raise DatasetError(
                f"{path.parent} was made with other cameras than those of rig {rig.name} ({rig.source}): {path} has "
                f"{different}. Use its own: --model.rig {path}, or --calib or --rig where cameras are named so."
            )


def _all_places(frames: list[FrameFiles], rig: Rig) -> dict[Path | None, FloatArray]:
    """Return T_camera_device of the rig's views, (V, 4, 4) float32, by metadata file."""
    sequences = {frame.sequence.metadata: frame.sequence for frame in frames}
    return {metadata: _places(sequence, rig) for metadata, sequence in sequences.items()}


def _places(sequence: SequenceFolder, rig: Rig) -> FloatArray:
    if sequence.metadata is None:
        matrices = [camera.T_device_camera for camera in rig.cameras]
        if not np.isfinite(matrices).all():
            raise DatasetError(
                f"{sequence.folder}: rig {rig.name} leaves the cameras' places to each recording, but this sequence "
                f"is of the kind that has none ({sequence.annotations}). Use the rig it was made with: ego4view_syn?"
            )
    else:
        if not sequence.metadata.is_file():
            raise DatasetError(
                f"{sequence.folder} has no extrinsics: {sequence.metadata} is missing. Is the download complete?"
            )
        extrinsics = read_extrinsics(sequence.metadata)
        missing = [view for view in rig.views if view not in extrinsics]
        if missing:
            raise DatasetError(f"{sequence.metadata} has no view {missing[0]}; it has {', '.join(extrinsics)}.")
        matrices = [extrinsics[view] for view in rig.views]
    return np.stack([invert_transform(matrix) for matrix in matrices]).astype(np.float32)


def _read_image(path: Path, image_size: int, lens: Lens) -> np.ndarray[Any, np.dtype[np.uint8]]:
    try:
        with Image.open(path) as image:
            width, height = image.size
            if abs(width * lens.height - height * lens.width) > 0.5 * max(lens.width, lens.height):
                raise DamagedFrame(
                    f"{path}: {width}x{height} px, another aspect ratio than the lens ({lens.width}x{lens.height})."
                )
            return resize(image.convert("RGB"), image_size)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DamagedFrame(f"{path}: damaged image ({error}).") from error
