"""What an evaluation left in its folder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from egorear_eval.clip import Clip, EvaluationError, joined, load_clips, relative_names
from egorear_eval.provenance import RIG_FILE
from egorear_ros import metrics
from egorear_ros.structures import FloatArray, Rig

SCORES_FILE = "scores.json"
TIMING_FILE = "timing.npz"
NOT_STAGES = ("skew_ms", "stamp_ns")
NS_PER_S = 1e9


@dataclass(frozen=True, eq=False)
class Results:
    """A run of an evaluation.

    Attributes:
        folder: it was read from.
        facts: `scores.json`: how the run was made, and its tables.
        clips: compared frames of the first set of views; none is empty.
        timing: arrays of `timing.npz` by name, aligned with the frames of `clips` one after another; empty if
            the run has none, as runs over data sets.
        rig: the cameras, None if the folder does not say.
    """

    folder: Path
    facts: Mapping[str, Any]
    clips: Sequence[Clip]
    timing: Mapping[str, FloatArray]
    rig: Rig | None

    @cached_property
    def everything(self) -> Clip:
        """All frames as one clip."""
        return joined(self.clips)

    @cached_property
    def errors_mm(self) -> FloatArray:
        """(N, 16) error of every joint of every frame."""
        return metrics.joint_errors_mm(self.everything.predicted, self.everything.truth)

    @cached_property
    def starts(self) -> list[int]:
        """Index of each clip's first frame among all frames."""
        return [0, *np.cumsum([len(clip) for clip in self.clips]).tolist()][:-1]

    @cached_property
    def titles(self) -> list[str]:
        """Name of each clip without the folders that all have in common."""
        return relative_names([clip.name for clip in self.clips])

    @property
    def stages(self) -> dict[str, FloatArray]:
        """Milliseconds of each frame by stage."""
        return {name: values for name, values in self.timing.items() if name not in NOT_STAGES}

    def seconds(self, index: int) -> FloatArray | None:
        """Return the time of each frame of a clip since its first, s; None if the run does not know."""
        stamps_ns = self.timing.get("stamp_ns")
        if stamps_ns is None:
            return None
        chosen = stamps_ns[self.starts[index] : self.starts[index] + len(self.clips[index])]
        return (chosen - chosen[0]) / NS_PER_S


def load_results(folder: Path, rig: Rig | None = None) -> Results:
    """Read a folder of results.

    Args:
        folder: what `egorear eval ... --out` wrote.
        rig: the cameras; None: those that the folder names.

    Raises:
        EvaluationError: a file is missing or damaged, or the run compared nothing.
    """
    clips = [clip for clip in load_clips(folder) if len(clip)]
    if not clips:
        raise EvaluationError(f"{folder}: the run compared no frame, so there is nothing to report. Evaluate again.")
    return Results(folder, load_facts(folder), clips, _load_timing(folder, clips), rig or _load_rig(folder))


def load_facts(folder: Path) -> dict[str, Any]:
    """Return the content of a run's `scores.json`.

    Raises:
        EvaluationError: missing or damaged.
    """
    path = folder / SCORES_FILE
    try:
        facts = json.loads(path.read_text())
        if not isinstance(facts, dict) or not isinstance(facts.get("scores"), dict):
            raise ValueError("it has no object `scores`")
    except (OSError, ValueError) as error:
        raise EvaluationError(
            f"{path}: no scores of an evaluation ({type(error).__name__}: {error}). Expected the folder that "
            f"`egorear eval ... --out` wrote, with its {SCORES_FILE}."
        ) from error
    return facts


def _load_timing(folder: Path, clips: Sequence[Clip]) -> dict[str, FloatArray]:
    path = folder / TIMING_FILE
    if not path.exists():
        return {}
    frames = sum(len(clip) for clip in clips)
    try:
        with np.load(path, allow_pickle=False) as archive:
            timing = {name: np.asarray(archive[name], dtype=np.float64) for name in archive.files}
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise EvaluationError(f"{path}: damaged ({type(error).__name__}: {error}). Evaluate again.") from error
    for name, values in timing.items():
        if values.shape != (frames,):
            raise EvaluationError(
                f"{path}: {name} has shape {values.shape}, but poses.npz has {frames} frames. The two files are of "
                "different runs; evaluate again."
            )
    return timing


def _load_rig(folder: Path) -> Rig | None:
    from egorear_ros.geometry.rig_file import load_rig

    path = folder / RIG_FILE
    return load_rig(str(path)) if path.is_file() else None
