"""Poses of many frame sets, in order, as fast as the machine goes.

Where poses do not depend on those before and the engine allows it, several sets are on their way at the same
time: one core decodes a set, runs the network on it and goes on to the next. Otherwise sets are decoded ahead
while the network, on all cores, runs on one after another, as on the rig. The poses are the same.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from math import ceil
from typing import Generic, TypeVar

from egorear_eval.read_ahead import ReadAhead
from egorear_ros.estimators.base import EstimateError, Estimator, Prepared, SideBySide
from egorear_ros.structures import BodyPose, FrameSet

T = TypeVar("T")
Views = tuple[str, ...]
Answer = BodyPose | EstimateError
"""A pose, or why there is none."""

MOST_THREADS = 16
"""More would wait for the thread that reads, and each holds sets in memory."""


@dataclass(frozen=True)
class Pace:
    """How many sets are estimated at the same time.

    Attributes:
        threads: that estimate, each on one core; 0: one set after another, each on all cores.
        sets: of one call of the network.
    """

    threads: int = 0
    sets: int = 1

    @property
    def at_a_time(self) -> int:
        """Sets that are on their way through the network at the same time."""
        return max(1, self.threads) * self.sets


@dataclass(frozen=True, eq=False)
class Estimates(Generic[T]):
    """What `estimating` gives.

    Attributes:
        pace: how they are made; latencies of several sets at a time are not those of a rig.
        answers: each item, in order, with what came of it by views; iterate once.
    """

    pace: Pace
    answers: Iterator[tuple[T, dict[Views, Answer]]]


@contextmanager
def estimating(
    items: Iterable[T],
    frames_of: Callable[[T], FrameSet],
    estimators: Mapping[Views, Estimator],
    *,
    one_by_one: bool = False,
) -> Iterator[Estimates[T]]:
    """Read and estimate ahead of whoever iterates; threads end with the block.

    Args:
        items: read in a thread of its own.
        frames_of: gives an item's frame set, or raises EstimateError, which is then the answer; called in other
            threads, for several items at once.
        estimators: the method for each set of views; one may stand for several.
        one_by_one: as on the rig, where latencies matter.
    """
    methods = list(dict.fromkeys(estimators.values()))
    work = _Work(frames_of, estimators)
    try:
        pace = Pace() if one_by_one else _spread(estimators)
        if pace.threads:
            batches = _batches(items, pace.sets)
            with ReadAhead(batches, work.estimate, pace.threads + 2, pace.threads) as ahead:
                yield Estimates(pace, (found for batch, answers in ahead for found in zip(batch, answers, strict=True)))
        else:
            with ReadAhead(items, work.prepare) as ahead_of_network:
                yield Estimates(pace, ((item, work.infer(prepared)) for item, prepared in ahead_of_network))
    finally:
        _gather(methods)


def only(frames: FrameSet, views: Views) -> FrameSet:
    """Return a frame set without the frames of other views."""
    return replace(frames, frames={view: frame for view, frame in frames.frames.items() if view in views})


class _Work(Generic[T]):
    """What is done with items. In any thread."""

    def __init__(self, frames_of: Callable[[T], FrameSet], estimators: Mapping[Views, Estimator]) -> None:
        self._frames_of, self._estimators = frames_of, estimators
        self._view_sets: dict[Estimator, list[Views]] = {}
        for views, estimator in estimators.items():
            self._view_sets.setdefault(estimator, []).append(views)

    def prepare(self, item: T) -> dict[Views, Prepared | EstimateError]:
        """Do for every set of views what comes before the network."""
        try:
            frames = self._frames_of(item)
        except EstimateError as error:
            return dict.fromkeys(self._estimators, error)
        prepared: dict[Views, Prepared | EstimateError] = {}
        for estimator, view_sets in self._view_sets.items():
            prepared |= _prepare(estimator, frames, view_sets)
        return {views: prepared[views] for views in self._estimators}

    def infer(self, prepared: Mapping[Views, Prepared | EstimateError]) -> dict[Views, Answer]:
        """Do the rest for one item."""
        answers: dict[Views, Answer] = {}
        for views, one in prepared.items():
            answers[views] = one if isinstance(one, EstimateError) else _infer(self._estimators[views], one)
        return answers

    def estimate(self, batch: Sequence[T]) -> list[dict[Views, Answer]]:
        """Do all of it for several items, with methods that were spread."""
        prepared = [self.prepare(item) for item in batch]
        answers: list[dict[Views, Answer]] = [{} for _ in batch]
        for views, estimator in self._estimators.items():
            assert isinstance(estimator, SideBySide)
            rows = [(answer, one[views]) for answer, one in zip(answers, prepared, strict=True)]
            for answer, error in rows:
                if isinstance(error, EstimateError):
                    answer[views] = error
            good = [(answer, one) for answer, one in rows if isinstance(one, Prepared)]
            for (answer, _), pose in zip(good, estimator.infer_all([one for _, one in good]), strict=True):
                answer[views] = pose
        return answers


def _prepare(
    estimator: Estimator, frames: FrameSet, view_sets: Sequence[Views]
) -> dict[Views, Prepared | EstimateError]:
    """Prepare a frame set for a method and some sets of views, decoding each image once where that can be."""
    prepared: dict[Views, Prepared | EstimateError] = {}
    narrow = estimator.narrow if isinstance(estimator, SideBySide) and len(view_sets) > 1 else None
    whole = None
    if narrow is not None:
        with suppress(EstimateError):  # an image is damaged, or one is missing: sets of other views may be fine
            whole = estimator.prepare(frames)
    for views in view_sets:
        try:
            if narrow is not None and whole is not None:
                prepared[views] = narrow(whole, views)
            else:
                prepared[views] = estimator.prepare(only(frames, views))
        except EstimateError as error:
            prepared[views] = error
    return prepared


def _infer(estimator: Estimator, prepared: Prepared) -> Answer:
    try:
        return estimator.infer(prepared)
    except EstimateError as error:
        return error


def _spread(estimators: Mapping[Views, Estimator]) -> Pace:
    """Get all methods ready for several threads; none of them if one cannot."""
    methods = list(dict.fromkeys(estimators.values()))
    threads = min(MOST_THREADS, _cores())
    images = {method: method.spread(threads) if isinstance(method, SideBySide) else 0 for method in methods}
    if images and all(images.values()):
        return Pace(threads, max(ceil(images[method] / len(views)) for views, method in estimators.items()))
    _gather(methods)
    return Pace()


def _gather(methods: Iterable[Estimator]) -> None:
    for method in methods:
        if isinstance(method, SideBySide):
            method.gather()


def _cores() -> int:
    """Return how many cores this process may use."""
    with suppress(AttributeError):  # only where processes can be kept to some of them
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    waiting = iter(items)
    while batch := list(islice(waiting, size)):
        yield batch
