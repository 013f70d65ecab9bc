"""A recording through the synchronizer and the estimator of the live rig, set by set, without ROS.

Reading, decoding and the network happen in other threads, see `estimating`; the order of sets, and so the result,
is that of the recording.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from egorear_eval.estimating import Answer, Pace, Views, estimating
from egorear_eval.track import LOST, REPEATED, Estimated, is_usable
from egorear_eval.what_if import Losses, Thinning, WhatIf, noisy
from egorear_ros.bags.bag import Bag
from egorear_ros.bags.frame_sets import FrameSets
from egorear_ros.bags.views import RigTopics
from egorear_ros.config import SyncConfig
from egorear_ros.estimators.base import DamagedImageError, Estimator
from egorear_ros.structures import BodyPose, FrameSet
from egorear_ros.sync_status import SyncStatus

NS_MS = 1e-6
MS_PER_S = 1000.0


@dataclass(frozen=True, eq=False)
class _Taken:
    """A set that is estimated, and how long after its stamp the synchronizer let it go."""

    frames: FrameSet
    waited_ms: float


@dataclass
class RecordingResult:
    """What became of the sets of a recording.

    Attributes:
        rows: the poses, by views used.
        failed: (frame, reason) of sets that gave no pose with the first set of views.
        sets: went out of the synchronizer.
        thinned: of them not used because of `WhatIf.rate_hz`.
        stopped: why reading ended early; empty: it did not.
        status: counters of the synchronizer.
        lost_images: refused by `WhatIf.drops`.
        damaged: images that could not be read, one sentence each.
        undecoded: why sets gave no pose because an image could not be decoded, one sentence each.
        pace: how many sets were estimated at a time.
    """

    rows: dict[Views, list[Estimated]]
    failed: list[tuple[str, str]] = field(default_factory=list)
    sets: int = 0
    thinned: int = 0
    stopped: str = ""
    status: SyncStatus | None = None
    lost_images: int = 0
    damaged: list[str] = field(default_factory=list)
    undecoded: list[str] = field(default_factory=list)
    pace: Pace = field(default=Pace())

    def reasons(self) -> Counter[str]:
        """Return how often sets gave no pose, by reason."""
        return Counter(reason for _, reason in self.failed)


def evaluate_recording(
    bag: Bag,
    topics: RigTopics,
    sync: SyncConfig,
    estimators: Mapping[Views, Estimator],
    what_if: WhatIf | None = None,
    progress: Callable[[int], None] | None = None,
    one_by_one: bool = False,
) -> RecordingResult:
    """Estimate every set of a recording; Ctrl-C ends it early, with what there is by then.

    Args:
        bag: the recording; it is read to its end, or its break.
        topics: its cameras.
        sync: limits of the synchronizer.
        estimators: the method for each set of views; one may stand for several.
        what_if: what to change.
        progress: called with the number of sets after each.
        one_by_one: never several sets at a time, so that latencies are those of a rig.
    """
    return _Evaluation(bag, topics, sync, estimators, what_if or WhatIf(), one_by_one).run(progress)


class _Evaluation:
    """One pass over a recording."""

    def __init__(
        self,
        bag: Bag,
        topics: RigTopics,
        sync: SyncConfig,
        estimators: Mapping[Views, Estimator],
        what_if: WhatIf,
        one_by_one: bool,
    ) -> None:
        self._estimators = estimators
        self._what_if, self._one_by_one = what_if, one_by_one
        self._sets = FrameSets(bag, topics, sync, Losses(what_if.drops).keep)
        self._result = RecordingResult({views: [] for views in estimators})

    def run(self, progress: Callable[[int], None] | None) -> RecordingResult:
        result = self._result
        done, seen_ns = 0, set[int]()
        try:
            with estimating(self._read(), self._frames, self._estimators, one_by_one=self._one_by_one) as estimates:
                result.pace = estimates.pace
                for taken, answers in estimates.answers:
                    # Where a clock was set back, a stamp may come twice; frames are named by their stamps.
                    if taken.frames.stamp_ns in seen_ns:
                        result.failed.append((str(taken.frames.stamp_ns), REPEATED))
                    else:
                        seen_ns.add(taken.frames.stamp_ns)
                        self._keep(taken, answers)
                    done += 1
                    if progress is not None:
                        progress(done + result.thinned)
        except KeyboardInterrupt:
            result.stopped = f"stopped by Ctrl-C after {done} sets"
        result.status = self._sets.synchronizer.status(self._sets.now_ns)
        result.lost_images, result.damaged = self._sets.lost, self._sets.damaged
        return result

    def _read(self) -> Iterator[_Taken]:
        """Yield the sets to estimate. In the reading thread."""
        thinning = Thinning(self._what_if.rate_hz)
        for frames in self._sets:
            self._result.sets += 1
            if thinning.takes(frames.stamp_ns):
                yield _Taken(frames, (self._sets.now_ns - frames.stamp_ns) * NS_MS)
            else:
                self._result.thinned += 1

    def _frames(self, taken: _Taken) -> FrameSet:
        """Return the images as the asked rig would have made them. In the threads that prepare."""
        return noisy(taken.frames, self._what_if.noise)

    def _keep(self, taken: _Taken, answers: Mapping[Views, Answer]) -> None:
        """Put the poses of one set into the result."""
        for index, (views, answer) in enumerate(answers.items()):
            if isinstance(answer, BodyPose) and is_usable(answer):
                timings_ms = {stage: MS_PER_S * seconds for stage, seconds in answer.timings_s.items()}
                self._result.rows[views].append(Estimated(answer, {"pairing": taken.waited_ms, **timings_ms}))
            elif index == 0:
                reason = LOST if isinstance(answer, BodyPose) else str(answer)
                self._result.failed.append((str(taken.frames.stamp_ns), reason))
                if isinstance(answer, DamagedImageError):
                    self._result.undecoded.append(reason)
