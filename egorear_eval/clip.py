"""Estimates beside the truth, frame by frame: what every table, plot and comparison is made of."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import FloatArray

POSES_FILE = "poses.npz"
EXPECTED = f"Expected the folder that `egorear eval ... --out` wrote, with its {POSES_FILE}."


class EvaluationError(ValueError):
    """Results cannot be read or compared: names the file, what was expected and found, what to do."""


@dataclass(frozen=True, eq=False)
class Clip:
    """The compared frames of one recording, in order.

    Attributes:
        name: of the recording.
        group: recordings with the same group show the same movement, so they are no independent
            evidence; confidence intervals draw groups, not frames.
        frames: N names, unique within the clip.
        predicted, truth: (N, 16, 3) joints, device frame, m.
        confidences: (N, 16); NaN where the estimator gives none.
        view_counts: (N,) views that the estimate is made of.
    """

    name: str
    group: str
    frames: tuple[str, ...]
    predicted: FloatArray
    truth: FloatArray
    confidences: FloatArray
    view_counts: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.frames)


def make_clip(
    name: str,
    frames: Sequence[str],
    predicted: Sequence[FloatArray],
    truth: Sequence[FloatArray],
    *,
    group: str = "",
    confidences: Sequence[FloatArray] | None = None,
    view_counts: Sequence[int] | None = None,
) -> Clip:
    """Return a clip of N frames; without a group it is its own, without confidences they are NaN."""
    count, joints = len(frames), EGO4VIEW.joint_count
    return Clip(
        name,
        group or name,
        tuple(frames),
        np.asarray(predicted, dtype=np.float64).reshape(count, joints, 3),
        np.asarray(truth, dtype=np.float64).reshape(count, joints, 3),
        np.full((count, joints), np.nan)
        if confidences is None
        else np.asarray(confidences, dtype=np.float64).reshape(count, joints),
        np.zeros(count, dtype=np.int64) if view_counts is None else np.asarray(view_counts, dtype=np.int64),
    )


def joined(clips: Sequence[Clip], name: str = "all") -> Clip:
    """Return the frames of all clips as one."""
    return Clip(
        name,
        name,
        tuple(f"{clip.name}/{frame}" for clip in clips for frame in clip.frames),
        np.concatenate([clip.predicted for clip in clips]),
        np.concatenate([clip.truth for clip in clips]),
        np.concatenate([clip.confidences for clip in clips]),
        np.concatenate([clip.view_counts for clip in clips]),
    )


def relative_names(names: Sequence[str]) -> list[str]:
    """Return names of recordings, which are paths, without the folders that all have in common."""
    parents = [Path(name).parent.parts for name in names]
    shared = 0
    while names and all(len(parts) > shared and parts[shared] == parents[0][shared] for parts in parents):
        shared += 1
    return [str(Path(*Path(name).parts[shared:])) for name in names]


def save_clips(path: Path, clips: Sequence[Clip]) -> None:
    """Write clips as a NumPy archive without pickles."""
    arrays: dict[str, NDArray[Any]] = {}
    for index, clip in enumerate(clips):
        key = f"{index:05d}"
        arrays[f"{key}/meta"] = np.array(json.dumps({"name": clip.name, "group": clip.group, "frames": clip.frames}))
        for field in ("predicted", "truth", "confidences", "view_counts"):
            arrays[f"{key}/{field}"] = getattr(clip, field)
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def load_clips(path: Path) -> list[Clip]:
    """Inverse of `save_clips`.

    Args:
        path: the file, or the folder of results that it is in.

    Raises:
        EvaluationError: missing or damaged.
    """
    if not path.exists():
        raise EvaluationError(f"There is no {path}. {EXPECTED}")
    path = path / POSES_FILE if path.is_dir() else path
    if not path.is_file():
        raise EvaluationError(f"{path.parent} has no {POSES_FILE}. {EXPECTED}")
    try:
        with np.load(path, allow_pickle=False) as archive:
            keys = sorted({name.split("/")[0] for name in archive.files})
            return [_read_clip(archive, key) for key in keys]
    except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise EvaluationError(
            f"{path}: no results of an evaluation ({type(error).__name__}: {error}). {EXPECTED}"
        ) from error


def _read_clip(archive: Any, key: str) -> Clip:
    meta = json.loads(str(archive[f"{key}/meta"]))
    fields = (archive[f"{key}/{name}"] for name in ("predicted", "truth", "confidences", "view_counts"))
    return Clip(meta["name"], meta["group"], tuple(meta["frames"]), *fields)
