"""Run an estimator over an annotated sequence folder, in order, without ROS."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from egorear_eval.clip import Clip, make_clip
from egorear_eval.estimating import Views, estimating
from egorear_ros.config import SourceConfig
from egorear_ros.estimators.base import EstimateError, Estimator
from egorear_ros.sources.base import SourceError
from egorear_ros.sources.sequence import SequenceSource, check_sequence, sequence_stems
from egorear_ros.sources.truth import SequenceTruth
from egorear_ros.structures import BodyPose, FloatArray, Frame, FrameSet, Rig

FACTS = "sequence.json"
"""Written beside a generated sequence: says among other things which movement it shows."""


@dataclass(frozen=True)
class Skipped:
    """A frame that was not compared, and why."""

    sequence: str
    frame: str
    reason: str


@dataclass
class SequenceResult:
    """Estimates beside the truth.

    Attributes:
        clips: the compared frames, by views used: one clip per entry of the asked `view_sets`.
        skipped: frames that were not compared.
    """

    clips: dict[Views, Clip] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Moment:
    """A frame of the sequence; without images and truth where these cannot be read, which `problem` explains."""

    index: int
    frames: FrameSet | None = None
    joints_device: FloatArray | None = None
    problem: str = ""


def evaluate_sequence(
    path: str,
    rig: Rig,
    estimators: Mapping[Views, Estimator],
    every: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> SequenceResult:
    """Estimate and compare every `every`-th frame of a sequence.

    Args:
        path: a sequence folder in Ego4View's layout.
        rig: its cameras.
        estimators: the method for each set of views to use, for example for all and for the front pair.
        every: step between frames.
        progress: called with frames done and frames in all.

    Raises:
        SourceError: the folder is no sequence, lacks a view, or has no ground truth.
    """
    stems = sequence_stems(check_sequence(path, "evaluation", setting=""), rig.views)
    result = SequenceResult()
    chosen = range(0, len(stems), every)
    compared: dict[Views, list[tuple[str, BodyPose, FloatArray]]] = {views: [] for views in estimators}
    with estimating(_read(path, rig, chosen), _frames, estimators) as estimates:
        for done, (moment, answers) in enumerate(estimates.answers, 1):
            if progress is not None:
                progress(done, len(chosen))
            stem = stems[moment.index]
            if moment.joints_device is None:
                result.skipped.append(Skipped(path, stem, moment.problem))
                continue
            for views, answer in answers.items():
                if isinstance(answer, EstimateError):
                    result.skipped.append(Skipped(path, stem, str(answer)))
                else:
                    compared[views].append((stem, answer, moment.joints_device))
    group = movement(Path(path))
    result.clips = {views: _clip(path, group, rows) for views, rows in compared.items()}
    return result


def movement(sequence: Path) -> str:
    """Return what movement a sequence shows: the same for two recordings of one clip, "" if it is not said."""
    try:
        facts = json.loads((sequence / FACTS).read_text())["motion"]
        return str(facts.get("clip") or facts.get("group") or "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""


def frame_rate_hz(sequence: Path) -> float:
    """Return how many frames a second a sequence shows; 0 if it is not said."""
    try:
        return float(json.loads((sequence / FACTS).read_text())["rate_hz"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def _clip(name: str, group: str, rows: list[tuple[str, BodyPose, FloatArray]]) -> Clip:
    return make_clip(
        name,
        [stem for stem, _, _ in rows],
        [pose.joints_device for _, pose, _ in rows],
        [truth for _, _, truth in rows],
        group=group,
        confidences=[pose.confidences for _, pose, _ in rows],
        view_counts=[len(pose.view_stamps_ns) for _, pose, _ in rows],
    )


def _frames(moment: _Moment) -> FrameSet:
    if moment.frames is None:
        raise EstimateError(moment.problem)
    return moment.frames


def _read(path: str, rig: Rig, indices: range) -> Iterator[_Moment]:
    """Yield frame sets with their truth."""
    config = SourceConfig(kind="sequence", path=path)
    truth = SequenceTruth(config, rig)
    sources = {view: SequenceSource(config, rig, view) for view in rig.views}
    try:
        for source in sources.values():
            source.open()
        for index in indices:
            # A looping recording shows frame `tick` modulo its length.
            stamp_ns = index * round(1e9 / config.rate_hz)
            try:
                frames = {}
                for view, source in sources.items():
                    picture = source.read(index)
                    frames[view] = Frame(view, stamp_ns, picture.encoding, picture.data)
                joints = np.asarray(truth.joints_device(index))
            except SourceError as error:
                yield _Moment(index, problem=str(error))
                continue
            yield _Moment(index, FrameSet(stamp_ns, rig.views, frames), joints)
    finally:
        for source in sources.values():
            source.close()
