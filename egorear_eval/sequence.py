"""Run an estimator over an annotated sequence folder, in order, without ROS."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from egorear_ros.config import SourceConfig
from egorear_ros.estimators.base import EstimateError, Estimator
from egorear_ros.sources.base import SourceError
from egorear_ros.sources.sequence import SequenceSource, check_sequence, sequence_stems
from egorear_ros.sources.truth import SequenceTruth
from egorear_ros.structures import FloatArray, Frame, FrameSet, Rig


@dataclass(frozen=True)
class Skipped:
    """A frame that was not compared, and why."""

    frame: str
    reason: str


@dataclass
class SequenceResult:
    """Estimates beside the truth.

    Attributes:
        path: the sequence folder.
        frames: N names of the frames compared.
        predicted, truth: N (16, 3) poses, device frame, m.
        skipped: frames that were not compared.
    """

    path: str
    frames: list[str] = field(default_factory=list)
    predicted: list[FloatArray] = field(default_factory=list)
    truth: list[FloatArray] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def evaluate_sequence(
    path: str, rig: Rig, estimator: Estimator, every: int = 1, progress: Callable[[int, int], None] | None = None
) -> SequenceResult:
    """Estimate and compare every `every`-th frame of a sequence.

    Args:
        path: a sequence folder in Ego4View's layout.
        rig: its cameras.
        estimator: the method.
        every: step between frames.
        progress: called with frames done and frames in all.

    Raises:
        SourceError: the folder is no sequence, lacks a view, or has no ground truth.
    """
    stems = sequence_stems(check_sequence(path, "evaluation"), rig.views)
    result = SequenceResult(path)
    chosen = range(0, len(stems), every)
    for done, (index, frames, truth) in enumerate(_read(path, rig, chosen, stems, result.skipped), 1):
        if progress is not None:
            progress(done, len(chosen))
        if frames is None or truth is None:
            continue
        try:
            pose = estimator.estimate(frames)
        except EstimateError as error:
            result.skipped.append(Skipped(stems[index], str(error)))
            continue
        result.frames.append(stems[index])
        result.predicted.append(pose.joints_device)
        result.truth.append(truth)
    return result


def _read(
    path: str, rig: Rig, indices: range, stems: list[str], skipped: list[Skipped]
) -> Iterator[tuple[int, FrameSet | None, FloatArray | None]]:
    """Yield frame sets with their truth; what cannot be read goes to `skipped`."""
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
                skipped.append(Skipped(stems[index], str(error)))
                yield index, None, None
                continue
            yield index, FrameSet(stamp_ns, rig.views, frames), joints
    finally:
        for source in sources.values():
            source.close()
