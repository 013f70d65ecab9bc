"""Estimators on the same frames: who is better, by how much, and how sure that is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from egorear_eval.bootstrap import interval
from egorear_eval.clip import Clip, EvaluationError, load_clips, relative_names
from egorear_eval.scores import COLUMNS, frame_measures
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import FloatArray

COMPARED = ("mpjpe_mm", "pa_mpjpe_mm", "pck_percent", "auc_percent", *(f"{name}_mm" for name in COLUMNS))
JOINTS = tuple(f"{name}_mm" for name in EGO4VIEW.joint_names)
TRUTH_TOLERANCE_M = 1e-6
LONGEST_M = 10.0
"""No joint is farther from the device; poses that are have another unit than metres."""

Differences = dict[str, "Difference"]


@dataclass(frozen=True)
class Difference:
    """One measure of two runs on the same frames.

    Attributes:
        first, second: means of both.
        difference: second minus first.
        low, high: 95 % interval of the difference over recordings; NaN with one recording only.
    """

    first: float
    second: float
    difference: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0.0 or self.high < 0.0


@dataclass(frozen=True)
class Comparison:
    """Several runs against the first.

    Attributes:
        names: of the runs.
        frames: how many all of them have.
        own_frames: how many each has.
        recordings: independent recordings that the common frames come from.
        differences: of each run but the first: its measures beside the first's.
    """

    names: tuple[str, ...]
    frames: int
    own_frames: tuple[int, ...]
    recordings: int
    differences: tuple[Differences, ...]


def load_run(path: Path) -> list[Clip]:
    """Return the clips of a run.

    Args:
        path: the folder of results, or a file in it: `scores.json` or `poses.npz`.

    Raises:
        EvaluationError: missing, damaged, or not in metres.
    """
    clips = [clip for clip in load_clips(results_folder(path)) if len(clip)]
    if not clips:
        raise EvaluationError(f"{path}: the run compared no frame. Evaluate again.")
    for clip in clips:
        farthest = float(np.abs(clip.truth).max())
        if farthest > LONGEST_M:
            raise EvaluationError(
                f"{path}: {clip.name} has true joints {farthest:.0f} from the device; expected metres, so less than "
                f"{LONGEST_M:g}. Its unit looks like {'mm' if farthest > 50 * LONGEST_M else 'cm'}: convert it."
            )
    return clips


def results_folder(path: Path) -> Path:
    """Return the folder of results that a user named by itself or by a file in it."""
    return path.parent if path.suffix in (".json", ".npz") else path


def run_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """Return a name for each run: its folder's, with as many parents as it takes to tell them apart."""
    folders = [results_folder(path).resolve().parts for path in paths]
    for length in range(1, max(map(len, folders)) + 1):
        names = tuple("/".join(parts[-length:]) for parts in folders)
        if len(set(names)) == len(names):
            return names
    return tuple("/".join(parts) for parts in folders)


def compare_runs(names: Sequence[str], runs: Sequence[Sequence[Clip]]) -> Comparison:
    """Compare runs with the first, all on the frames that every one of them has.

    Args:
        names: of the runs, for messages.
        runs: two or more.

    Raises:
        EvaluationError: no frame that all have, or the truth of a common frame differs; names the runs.
    """
    if len(runs) < 2:
        raise EvaluationError("one run cannot be compared; name two or more folders of results.")
    runs = _same_names(runs)
    common = set.intersection(*({(clip.name, frame) for clip in run for frame in clip.frames} for run in runs))
    first = [_only(clip, common) for clip in runs[0]]
    differences = []
    for name, other in zip(names[1:], runs[1:], strict=True):
        try:
            differences.append(compare(first if common else runs[0], other)[1])
        except EvaluationError as error:
            raise EvaluationError(f"{names[0]} against {name}: {error}") from error
    if not common:
        raise EvaluationError(f"{', '.join(names)}: no frame that all of them have. Compare them two by two.")
    groups = {clip.group for clip in first if len(clip)}
    own = tuple(sum(map(len, run)) for run in runs)
    return Comparison(tuple(names), len(common), own, len(groups), tuple(differences))


def compare(first: Sequence[Clip], second: Sequence[Clip]) -> tuple[int, Differences]:
    """Compare two runs frame by frame, by clip and name.

    Returns:
        The number of frames that both have, and a difference for each of `COMPARED` and `JOINTS`.

    Raises:
        EvaluationError: no frame in common, or the truth of a common frame differs.
    """
    pairs = _pairs(first, second)
    if not pairs:
        raise EvaluationError(
            f"the two runs have no frame in common: {_clip_names(first)} against {_clip_names(second)}. "
            "Evaluate both on the same recordings."
        )
    truth = np.stack([one.truth[i] for one, i, _, _ in pairs])
    _check_truth(truth, np.stack([other.truth[j] for _, _, other, j in pairs]))
    groups = [one.group for one, _, _, _ in pairs]
    ours = frame_measures(np.stack([one.predicted[i] for one, i, _, _ in pairs]), truth)
    theirs = frame_measures(np.stack([other.predicted[j] for _, _, other, j in pairs]), truth)
    keys = (*COMPARED, *(key for key in JOINTS if key not in COMPARED))
    lows, highs = interval(np.stack([theirs[key] - ours[key] for key in keys], axis=1), groups)
    result = {}
    for key, low, high in zip(keys, lows, highs, strict=True):
        means = float(ours[key].mean()), float(theirs[key].mean())
        result[key] = Difference(*means, means[1] - means[0], float(low), float(high))
    return len(pairs), result


def _check_truth(ours: FloatArray, theirs: FloatArray) -> None:
    if np.allclose(ours, theirs, atol=TRUTH_TOLERANCE_M):
        return
    for factor in (100, 1000):
        if np.allclose(ours * factor, theirs, rtol=1e-3) or np.allclose(ours, theirs * factor, rtol=1e-3):
            raise EvaluationError(
                f"the truth of the two runs differs by a factor of {factor}: one of them has another unit. Expected "
                "metres in poses.npz; convert it."
            )
    away = 1000.0 * float(np.linalg.norm(ours - theirs, axis=-1).max())
    raise EvaluationError(
        f"the two runs have different ground truth for the same frames, up to {away:.3g} mm apart; evaluate both again."
    )


def _same_names(runs: Sequence[Sequence[Clip]]) -> list[list[Clip]]:
    """Return runs over the same recordings under the same names, wherever each run found them.

    Names are the paths of recordings. Where two runs share none, the folders above are left out; that two
    recordings are the same is then seen by their truth.
    """
    if set.intersection(*({clip.name for clip in run} for run in runs)):
        return [list(run) for run in runs]
    shorter = [relative_names([clip.name for clip in run]) for run in runs]
    if not set.intersection(*map(set, shorter)):
        return [list(run) for run in runs]
    return [
        [replace(clip, name=name) for clip, name in zip(run, names, strict=True)]
        for run, names in zip(runs, shorter, strict=True)
    ]


def _only(clip: Clip, wanted: set[tuple[str, str]]) -> Clip:
    """Return a clip without the frames that are not wanted."""
    chosen = [index for index, frame in enumerate(clip.frames) if (clip.name, frame) in wanted]
    return replace(
        clip,
        frames=tuple(clip.frames[index] for index in chosen),
        predicted=clip.predicted[chosen],
        truth=clip.truth[chosen],
        confidences=clip.confidences[chosen],
        view_counts=clip.view_counts[chosen],
    )


def _pairs(first: Sequence[Clip], second: Sequence[Clip]) -> list[tuple[Clip, int, Clip, int]]:
    places = {(clip.name, frame): (clip, index) for clip in second for index, frame in enumerate(clip.frames)}
    return [
        (clip, index, *places[clip.name, frame])
        for clip in first
        for index, frame in enumerate(clip.frames)
        if (clip.name, frame) in places
    ]


def _clip_names(clips: Sequence[Clip]) -> str:
    names = [clip.name for clip in clips]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
