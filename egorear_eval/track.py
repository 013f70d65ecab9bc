"""Poses as they were estimated, and those of them that have a truth: what recordings and live runs share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from egorear_eval.clip import Clip, EvaluationError, make_clip
from egorear_eval.scores import jitter_mm
from egorear_ros.bags.truth import JointTrack
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import BodyPose, FloatArray, TrackingState

TIMING_FILE = "timing.npz"
ESTIMATES_FILE = "estimates.npz"
NO_STAMP = -1

LOST = "no body found"
REPEATED = "stamp came again"
"""Why a set is not in the results."""


@dataclass(frozen=True, eq=False)
class Estimated:
    """A pose, and how long it took.

    Attributes:
        pose: what was estimated.
        timings_ms: by stage.
    """

    pose: BodyPose
    timings_ms: Mapping[str, float]

    @property
    def frame(self) -> str:
        """Its name in results: the stamp, ns."""
        return str(self.pose.stamp_ns)


@dataclass(frozen=True, eq=False)
class Compared:
    """Poses beside the truth of their moment.

    Attributes:
        rows: poses that have a truth.
        truths: (16, 3) joints of each, device frame, m.
        without: poses that have none.
    """

    rows: Sequence[Estimated]
    truths: Sequence[FloatArray]
    without: int


def compare_by_stamp(rows: Sequence[Estimated], truth: JointTrack | None, tolerance_ns: int) -> Compared:
    """Find the truth of every pose: the nearest one, if it is near enough."""
    found = [(row, truth.at(row.pose.stamp_ns, tolerance_ns)) for row in rows] if truth is not None else []
    known = [(row, joints) for row, joints in found if joints is not None]
    return Compared([row for row, _ in known], [joints for _, joints in known], len(rows) - len(known))


def make_track_clip(name: str, compared: Compared) -> Clip:
    """Return what was compared as a clip whose frames are named by their stamps."""
    poses = [row.pose for row in compared.rows]
    return make_clip(
        name,
        [row.frame for row in compared.rows],
        [pose.joints_device for pose in poses],
        compared.truths,
        confidences=[pose.confidences for pose in poses],
        view_counts=[len(pose.view_stamps_ns) for pose in poses],
    )


def save_timing(path: Path, rows: Sequence[Estimated]) -> None:
    """Write how long every stage of every pose took, ms, with `skew_ms` and `stamp_ns`, as a NumPy archive."""
    stages = dict.fromkeys(stage for row in rows for stage in row.timings_ms)
    arrays: dict[str, NDArray[Any]] = {
        stage: np.array([row.timings_ms.get(stage, np.nan) for row in rows], dtype=np.float64) for stage in stages
    }
    arrays["skew_ms"] = np.array([row.pose.skew_ns * 1e-6 for row in rows], dtype=np.float64)
    arrays["stamp_ns"] = np.array([row.pose.stamp_ns for row in rows], dtype=np.int64)
    _save(path, arrays)


def save_estimates(path: Path, rows: Sequence[Estimated]) -> None:
    """Write all poses, also those without a truth, and the stamps of the images that each is made of.

    `stamp_ns` (N,), `joints_device` (N, 16, 3) in m, `confidences` (N, 16), `view_counts` (N,), `views` (V,) names,
    `view_stamps_ns` (N, V), `NO_STAMP` where a pose is made without a view.
    """
    count, joints = len(rows), EGO4VIEW.joint_count
    views = list(dict.fromkeys(view for row in rows for view in row.pose.view_stamps_ns))
    stamps_ns = [[row.pose.view_stamps_ns.get(view, NO_STAMP) for view in views] for row in rows]
    arrays = {
        "stamp_ns": np.array([row.pose.stamp_ns for row in rows], dtype=np.int64),
        "joints_device": np.array([row.pose.joints_device for row in rows], dtype=np.float64).reshape(count, joints, 3),
        "confidences": np.array([row.pose.confidences for row in rows], dtype=np.float64).reshape(count, joints),
        "view_counts": np.array([len(row.pose.view_stamps_ns) for row in rows], dtype=np.int64),
        "views": np.array(views, dtype=np.str_),
        "view_stamps_ns": np.array(stamps_ns, dtype=np.int64).reshape(count, len(views)),
    }
    _save(path, arrays)


def load_view_stamps(path: Path) -> dict[str, dict[str, int]]:
    """Return the stamps of the images of every pose that `save_estimates` wrote, ns, by frame and view.

    Raises:
        EvaluationError: missing, damaged, or without them.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            views, table = archive["views"].tolist(), archive["view_stamps_ns"].tolist()
            stamps_ns = archive["stamp_ns"].tolist()
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise EvaluationError(
            f"{path}: the stamps of the images cannot be read ({type(error).__name__}: {error}). Evaluate again."
        ) from error
    rows = ({view: stamp for view, stamp in zip(views, row, strict=True) if stamp != NO_STAMP} for row in table)
    return dict(zip(map(str, stamps_ns), rows, strict=True))


def pose_jitter_mm(rows: Sequence[Estimated]) -> float | None:
    """Return the mean second difference of joints over successive poses, mm; None for fewer than three."""
    if len(rows) < 3:
        return None
    return float(jitter_mm(np.stack([row.pose.joints_device for row in rows])).mean())


def spread(values: Sequence[float] | FloatArray) -> dict[str, float] | None:
    """Return median, 95 % percentile and maximum; None for no values."""
    known = np.asarray(values, dtype=np.float64)
    if known.size == 0:
        return None
    median, high = np.percentile(known, (50, 95))
    return {"median": float(median), "p95": float(high), "largest": float(known.max())}


def is_usable(pose: BodyPose) -> bool:
    """Return whether a pose has joints that can be compared."""
    return pose.state != TrackingState.LOST and bool(np.isfinite(pose.joints_device).all())


def _save(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
