"""Where the joints really are, for the sources that know it: the synthetic wearer and annotated sequences."""

import json
from pathlib import Path
from typing import Protocol

import numpy as np

from egorear_ros.config import ConfigError, SourceConfig
from egorear_ros.geometry.body_extent import body_extents, implausible_extent
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.sources.base import SourceError
from egorear_ros.sources.pacing import Pacing
from egorear_ros.sources.sequence import ANNOTATIONS, check_sequence, sequence_stems
from egorear_ros.structures import FloatArray, Rig

CM_M = 0.01


class Truth(Protocol):
    """The joints at every tick of the cameras that have the same source."""

    def joints_device(self, tick: int) -> FloatArray:
        """Return (16, 3) joints in the device frame, m.

        Raises:
            SourceError: there is no annotation of this moment, or a damaged one.
            EndOfSource: there are no more.
        """


class SequenceTruth:
    """The annotations of an Ego4View sequence, paced as its images are.

    Args:
        config: of the cameras.
        rig: the calibrated rig.

    Raises:
        SourceError: no such sequence, or it has no annotations.
    """

    def __init__(self, config: SourceConfig, rig: Rig) -> None:
        sequence = check_sequence(config.path, "ground truth")
        folders = [sequence / name for name in ANNOTATIONS if (sequence / name).is_dir()]
        if not folders:
            raise SourceError(f"{sequence} has no ground truth; expected a folder {' or '.join(ANNOTATIONS)}.")
        self._folder = folders[0]
        self._stems = sequence_stems(sequence, rig.views)
        self._pacing = Pacing(config)

    def joints_device(self, tick: int) -> FloatArray:
        """Return the joints of a tick; see `Truth`."""
        stem = self._stems[self._pacing.frame(tick, len(self._stems))]
        return read_joints_device(self._folder / f"{stem}.json")


class WearerTruth:
    """The joints of the synthetic wearer, of whom there is one per process and configuration.

    Args:
        config: of the cameras.
        rig: the calibrated rig.
    """

    def __init__(self, config: SourceConfig, rig: Rig) -> None:
        from egorear_ros.sources.wearer import shared_wearer

        self._wearer = shared_wearer(rig, config)
        self._rate_hz = config.rate_hz

    def joints_device(self, tick: int) -> FloatArray:
        """Return the joints of a tick; see `Truth`."""
        from egorear_ros.sources.wearer import tick_time_s

        return self._wearer.pose_at(tick_time_s(tick, self._rate_hz)).joints_device


def make_truth(config: SourceConfig, rig: Rig) -> Truth:
    """Return the ground truth of a source.

    Raises:
        ConfigError: sources of this kind have none.
        SourceError: it cannot be read.
    """
    if config.kind == "wearer":
        return WearerTruth(config, rig)
    if config.kind == "sequence":
        return SequenceTruth(config, rig)
    raise ConfigError(f"source.kind {config.kind!r} has no ground truth; expected wearer or sequence.")


def read_joints_device(path: Path) -> FloatArray:
    """Return the (16, 3) joints of one annotation file in the device frame, m; the file has cm.

    Raises:
        SourceError: missing, not JSON, in another unit, or a joint is missing or not finite.
    """
    try:
        joints = json.loads(path.read_text())["joints"]
        points_cm = np.array([joints[name]["device_pts3d"] for name in EGO4VIEW.dataset_names], dtype=np.float64)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{path}: no usable ground truth ({type(error).__name__}: {error}).") from None
    if points_cm.shape != (EGO4VIEW.joint_count, 3) or not np.isfinite(points_cm).all():
        raise SourceError(f"{path}: device_pts3d of the joints is not {EGO4VIEW.joint_count} finite points.")
    joints = points_cm * CM_M
    if problem := implausible_extent(float(body_extents(joints))):
        raise SourceError(f"{path}: {problem}")
    return joints
