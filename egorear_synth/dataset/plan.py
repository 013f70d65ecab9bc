"""Which sequences a data set has: a function of settings and clips, the same on every machine."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from egorear_synth.dataset.clip_list import ClipFile
from egorear_synth.dataset.settings import SPLITS, Settings

KINDS = ("clip", "procedural", "random")


@dataclass(frozen=True)
class SequencePlan:
    """One sequence, before it exists.

    Attributes:
        index: in the data set; seeds come from it, so that no two sequences share one.
        split: train, validation or test.
        kind: of motion, see `KINDS`.
        clip: the clip, for that kind.
    """

    index: int
    split: str
    kind: str
    clip: ClipFile | None = None

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
    usual = 1 - settings.random_pose
    of_kinds = [usual * (1 - procedural), usual * procedural, settings.random_pose]
    kinds = {split: iter(apportion(of_kinds, splits.count(split))) for split in SPLITS}
    used: Counter[str] = Counter()
    plans = []
    for index, split in enumerate(splits):
        kind = KINDS[next(kinds[split])]
        clip = None
        if kind == "clip":
            clip = _clip(settings.seed, SPLITS.index(split), clips[split], used[split])
            used[split] += 1
        plans.append(SequencePlan(index, split, kind, clip))
    return plans


def apportion(shares: Sequence[float], count: int) -> list[int]:
    """Return `count` indices of `shares`, so that at every length each has its share, to one."""
    given = np.zeros(len(shares))
    chosen = []
    for length in range(1, count + 1):
        index = int(np.argmax(np.asarray(shares) * length - given))
        given[index] += 1
        chosen.append(index)
    return chosen


def _clip(seed: int, split: int, clips: Sequence[ClipFile], number: int) -> ClipFile:
    """Return the clip of a split's `number`-th clip sequence: all in random order, then all again in another."""
    turn, place = divmod(number, len(clips))
    return clips[int(np.random.default_rng([seed, 102, split, turn]).permutation(len(clips))[place])]
