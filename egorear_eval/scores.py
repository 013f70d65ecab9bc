"""Errors of many poses, summed up as the papers of this field do."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from egorear_eval.bootstrap import interval
from egorear_eval.clip import Clip
from egorear_ros import metrics
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import FloatArray

COLUMNS: dict[str, tuple[str, ...]] = {
    "head": ("head",),
    "neck": ("neck",),
    "arms": ("left_shoulder", "right_shoulder"),
    "forearms": ("left_elbow", "right_elbow"),
    "hands": ("left_wrist", "right_wrist"),
    "hips": ("left_hip", "right_hip"),
    "legs": ("left_knee", "right_knee"),
    "feet": ("left_ankle", "right_ankle"),
    "toes": ("left_toe", "right_toe"),
}
"""Joints of each column of the paper's tables; the paper leaves out the hips."""

MEASURES = {
    "mpjpe_mm": "MPJPE mm",
    "pa_mpjpe_mm": "PA-MPJPE mm",
    "pck_percent": "3D-PCK %",
    "auc_percent": "AUC %",
}
"""What is measured of a pose as a whole, with headings."""


@dataclass(frozen=True)
class Scores:
    """Means over poses.

    Attributes:
        poses: how many poses were compared.
        groups: how many independent recordings they come from.
        means: by measure (`MEASURES`, `<column>_mm` of `COLUMNS`, `<joint>_mm`, `jitter_mm`).
        intervals: 95 % interval of each mean over recordings; missing where there is only one.
    """

    poses: int
    groups: int
    means: dict[str, float]
    intervals: dict[str, tuple[float, float]]

    @property
    def mpjpe_mm(self) -> float:
        """Mean joint error."""
        return self.means["mpjpe_mm"]


def frame_measures(predicted: FloatArray, truth: FloatArray) -> dict[str, FloatArray]:
    """Return (N,) values of every measure of N poses, (N, 16, 3) device frame, m.

    Raises:
        ValueError: shapes differ or a coordinate is not finite.
    """
    errors = metrics.joint_errors_mm(predicted, truth)
    values = {
        "mpjpe_mm": errors.mean(axis=-1),
        "pa_mpjpe_mm": metrics.pa_mpjpe_mm(predicted, truth),
        "pck_percent": metrics.pck_percent(predicted, truth),
        "auc_percent": metrics.auc_percent(predicted, truth),
    }
    values |= {
        f"{name}_mm": errors[:, [EGO4VIEW.index(joint) for joint in joints]].mean(axis=-1)
        for name, joints in COLUMNS.items()
    }
    return values | {f"{name}_mm": errors[:, index] for index, name in enumerate(EGO4VIEW.joint_names)}


def score(clips: Sequence[Clip]) -> Scores:
    """Sum up clips.

    Raises:
        ValueError: no poses, or a coordinate that is not finite.
    """
    clips = [clip for clip in clips if len(clip)]
    if not clips:
        raise ValueError("no poses to compare; every frame was skipped, or the recording has no ground truth.")
    per_clip = [frame_measures(clip.predicted, clip.truth) for clip in clips]
    names = [clip.group for clip in clips for _ in clip.frames]
    values = np.stack([np.concatenate([one[key] for one in per_clip]) for key in per_clip[0]], axis=1)
    bounds = interval(values, names)
    means = dict(zip(per_clip[0], values.mean(axis=0).tolist(), strict=True))
    intervals = {
        key: (float(low), float(high)) for key, low, high in zip(per_clip[0], *bounds, strict=True) if np.isfinite(low)
    }
    moving = [clip for clip in clips if len(clip) >= 3]
    if moving:
        means["jitter_mm"] = float(np.concatenate([jitter_mm(clip.predicted) for clip in moving]).mean())
        means["true_jitter_mm"] = float(np.concatenate([jitter_mm(clip.truth) for clip in moving]).mean())
    return Scores(len(values), len(set(names)), means, intervals)


def jitter_mm(joints: FloatArray) -> FloatArray:
    """Return the (N - 2,) mean second difference of joints over successive frames, mm per frame squared."""
    second = joints[2:] - 2.0 * joints[1:-1] + joints[:-2]
    result: FloatArray = metrics.MM_PER_M * np.linalg.norm(second, axis=-1).mean(axis=-1)
    return result
