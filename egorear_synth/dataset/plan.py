"""Which sequences a data set has: a function of settings and clips, the same on every machine."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from egorear_ros.sources.sequence import SPLITS
from egorear_synth.dataset.clip_list import ClipFile
from egorear_synth.dataset.settings import Settings

KINDS = ("clip", "procedural", "random", "mixed", "mixed_random")
"""Of motion: the last two have the legs of a clip, and trunk and arms of another clip or of random poses."""

RANDOM_ABOVE = 1 / 3
"""Share of the mixed movements whose upper part is of random poses."""

_WHOLE, _LOWER, _UPPER = 102, 103, 104
"""What clips are used for, as part of the seed."""


@dataclass(frozen=True)
class SequencePlan:
    """One sequence, before it exists.

    Attributes:
        index: in the data set; seeds come from it, so that no two sequences share one.
        split: train, validation or test.
        kind: of motion, see `KINDS`.
        clip: the clip, where there is one; of a mixed movement the lower part.
        upper: the upper part of a mixed movement; None: random poses.
    """

    index: int
    split: str
    kind: str
    clip: ClipFile | None = None
    upper: ClipFile | None = None

    @property
    def character(self) -> str:
        """Folder of the body; every sequence has its own, so splits share none."""
        return f"body_{self.index:05d}"

    @property
    def name(self) -> str:
        """Folder of the sequence in that of its character."""
        return f"seq_{self.index:05d}"

    def folder(self, root: Path) -> Path:
        """Return where the finished sequence is."""
        return root / self.character / self.name


def plan_sequences(settings: Settings, clips: Mapping[str, Sequence[ClipFile]], count: int) -> list[SequencePlan]:
    """Return the first `count` sequences; a larger set begins with the same ones.

    Args:
        settings: of the data set.
        clips: by split; none at all: built-in motion alone.
        count: number of sequences.
    """
    shares = [part / 100 for part in settings.split]
    splits = [SPLITS[index] for index in apportion(shares, count)]
    has_clips = any(clips.values())
    procedural = settings.procedural if has_clips else 1.0
    of_clips = (1 - settings.random_pose) * (1 - procedural)
    built_in = (1 - settings.random_pose) * procedural
    mixed = of_clips * settings.mixed
    of_kinds = [of_clips * (1 - settings.mixed), built_in, settings.random_pose]
    of_kinds += [mixed * (1 - RANDOM_ABOVE), mixed * RANDOM_ABOVE]
    kinds = {split: iter(apportion(of_kinds, splits.count(split))) for split in SPLITS}
    dealers = {split: _ClipDealer(settings.seed, SPLITS.index(split), clips[split]) for split in SPLITS}
    return [_plan(index, split, KINDS[next(kinds[split])], dealers[split]) for index, split in enumerate(splits)]


class _ClipDealer:
    """Deals a split's clips in random order, then all again in another; each use of them has orders of its own."""

    def __init__(self, seed: int, split: int, clips: Sequence[ClipFile]) -> None:
        self._seed, self._split, self._clips = seed, split, clips
        self._dealt: Counter[int] = Counter()

    def next(self, use: int) -> ClipFile:
        turn, place = divmod(self._dealt[use], len(self._clips))
        self._dealt[use] += 1
        order = np.random.default_rng([self._seed, use, self._split, turn]).permutation(len(self._clips))
        return self._clips[int(order[place])]


def _plan(index: int, split: str, kind: str, clips: _ClipDealer) -> SequencePlan:
    if not kind.startswith("mixed"):
        return SequencePlan(index, split, kind, clips.next(_WHOLE) if kind == "clip" else None)
    return SequencePlan(index, split, kind, clips.next(_LOWER), clips.next(_UPPER) if kind == "mixed" else None)


def apportion(shares: Sequence[float], count: int) -> list[int]:
    """Return `count` indices of `shares`, so that at every length each has its share, to one."""
    given = np.zeros(len(shares))
    chosen = []
    for length in range(1, count + 1):
        index = int(np.argmax(np.asarray(shares) * length - given))
        given[index] += 1
        chosen.append(index)
    return chosen
