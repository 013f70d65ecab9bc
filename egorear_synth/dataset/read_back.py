"""Read a written sequence back as arrays, trusting nothing in it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.sources.folder import natural_order
from egorear_ros.sources.sequence import ANNOTATIONS
from egorear_ros.structures import FloatArray
from egorear_synth.dataset.errors import SynthError


@dataclass(frozen=True, eq=False)
class WrittenFrames:
    """All annotations of a sequence of F frames and V views; centimetres as in the files.

    Attributes:
        stems: F names.
        device_cm: (F, 16, 3).
        camera_cm: (F, V, 16, 3).
        pixels: (F, V, 16, 2) px of the calibrated image.
        visible: (F, V, 16).
        T_world_device: (F, 4, 4), m.
        T_head_device: (F, 4, 4), m.
        soles_cm: (F, 2) height of the lowest point of left and right foot.
    """

    stems: tuple[str, ...]
    device_cm: FloatArray
    camera_cm: FloatArray
    pixels: FloatArray
    visible: NDArray[np.bool_]
    T_world_device: FloatArray
    T_head_device: FloatArray
    soles_cm: FloatArray


def read_frames(sequence: Path, views: tuple[str, ...]) -> WrittenFrames:
    """Read the annotations of a sequence.

    Raises:
        SynthError: none, or a file is damaged, incomplete, or has a number that is not finite; names it.
    """
    folder = sequence / ANNOTATIONS[0]
    stems = tuple(natural_order(path.stem for path in folder.glob("*.json")))
    if not stems:
        raise SynthError(f"{folder} has no annotations.")
    frames = [_read_frame(folder / f"{stem}.json", views) for stem in stems]
    device, camera, pixels, visible, world, head, soles = (np.stack(part) for part in zip(*frames, strict=True))
    return WrittenFrames(stems, device, camera, pixels, visible.astype(bool), world, head, soles)


def _read_frame(path: Path, views: tuple[str, ...]) -> tuple[FloatArray, ...]:
    try:
        content = json.loads(path.read_text())
        joints = [content["joints"][name] for name in EGO4VIEW.dataset_names]
        visible = [[joint[f"camera_{view}_visible"] for joint in joints] for view in views]
        if not all(isinstance(flag, bool) for row in visible for flag in row):
            raise ValueError("visible is not true or false")
        return (
            _numbers([joint["device_pts3d"] for joint in joints], (16, 3), "device_pts3d"),
            _numbers([[j[f"camera_{v}_pts3d"] for j in joints] for v in views], (len(views), 16, 3), "pts3d"),
            _numbers([[j[f"camera_{v}_pts2d"] for j in joints] for v in views], (len(views), 16, 2), "pts2d"),
            np.array(visible, dtype=np.float64),
            _numbers(content["T_world_device"], (4, 4), "T_world_device"),
            _numbers(content["T_head_device"], (4, 4), "T_head_device"),
            _numbers([content["sole_heights_cm"][side] for side in ("left", "right")], (2,), "sole_heights_cm"),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SynthError(f"{path}: no usable annotation ({type(error).__name__}: {error}).") from error


def _numbers(value: Any, shape: tuple[int, ...], what: str) -> FloatArray:
    array = np.array(value, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{what} has shape {array.shape}; expected {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{what} has a number that is not finite")
    return array
