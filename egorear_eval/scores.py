"""Errors of many poses, summed up as the papers of this field do."""

from dataclasses import dataclass

import numpy as np

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


@dataclass(frozen=True)
class Scores:
    """Means over poses.

    Attributes:
        poses: how many poses were compared.
        mpjpe_mm, pa_mpjpe_mm: mean joint error, before and after similarity alignment, mm.
        pck_percent: joints within 150 mm, percent.
        auc_percent: mean of that over thresholds from 0 to 150 mm, percent.
        columns_mm: mean joint error by column of the paper, mm.
        joints_mm: mean error by joint, mm.
    """

    poses: int
    mpjpe_mm: float
    pa_mpjpe_mm: float
    pck_percent: float
    auc_percent: float
    columns_mm: dict[str, float]
    joints_mm: dict[str, float]


def score(predicted: FloatArray, truth: FloatArray) -> Scores:
    """Compare poses.

    Args:
        predicted: (N, 16, 3) joints, device frame, m.
        truth: (N, 16, 3) likewise.

    Raises:
        ValueError: no poses, other shapes, or a coordinate that is not finite.
    """
    if len(predicted) == 0:
        raise ValueError("no poses to compare; every frame was skipped, or the recording has no ground truth.")
    by_joint = metrics.joint_errors_mm(predicted, truth).mean(axis=0)
    columns = {
        name: float(np.mean([by_joint[EGO4VIEW.index(joint)] for joint in joints])) for name, joints in COLUMNS.items()
    }
    return Scores(
        poses=len(predicted),
        mpjpe_mm=float(metrics.mpjpe_mm(predicted, truth).mean()),
        pa_mpjpe_mm=float(metrics.pa_mpjpe_mm(predicted, truth).mean()),
        pck_percent=float(metrics.pck_percent(predicted, truth).mean()),
        auc_percent=float(metrics.auc_percent(predicted, truth).mean()),
        columns_mm=columns,
        joints_mm={name: float(value) for name, value in zip(EGO4VIEW.joint_names, by_joint, strict=True)},
    )
