"""Two estimators on the same frames: who is better, by how much, and how sure that is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from egorear_eval.bootstrap import interval
from egorear_eval.clip import Clip, EvaluationError
from egorear_eval.scores import COLUMNS, frame_measures

COMPARED = ("mpjpe_mm", "pa_mpjpe_mm", "pck_percent", "auc_percent", *(f"{name}_mm" for name in COLUMNS))


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


def compare(first: Sequence[Clip], second: Sequence[Clip]) -> tuple[int, dict[str, Difference]]:
    """Compare two runs frame by frame, by clip and name.

    Returns:
        The number of frames that both have, and a difference for each of `COMPARED`.

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
    if not np.allclose(truth, [other.truth[j] for _, _, other, j in pairs], atol=1e-6):
        raise EvaluationError("the two runs have different ground truth for the same frames; evaluate both again.")
    groups = [one.group for one, _, _, _ in pairs]
    ours = frame_measures(np.stack([one.predicted[i] for one, i, _, _ in pairs]), truth)
    theirs = frame_measures(np.stack([other.predicted[j] for _, _, other, j in pairs]), truth)
    result = {}
    for key in COMPARED:
        low, high = interval(theirs[key] - ours[key], groups)
        means = float(ours[key].mean()), float(theirs[key].mean())
        result[key] = Difference(*means, means[1] - means[0], float(low), float(high))
    return len(pairs), result


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
