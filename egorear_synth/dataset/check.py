"""Whether a data set is right: every sequence, and that its splits share neither bodies nor movements."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.sources.sequence import RIG_FILE, SPLITS
from egorear_synth.dataset.card import CARD_FILE, clip_names, count_sequences
from egorear_synth.dataset.check_sequence import check_sequence
from egorear_synth.dataset.errors import SynthError
from egorear_synth.dataset.finished import read_sequence, sequence_folders
from egorear_synth.dataset.settings import read_settings


@dataclass
class CheckResult:
    """What was looked at, and what is wrong, in words."""

    sequences: int = 0
    frames: int = 0
    problems: list[str] = field(default_factory=list)


def check_dataset(root: Path, tell: Callable[[int, int], None] = lambda *_: None) -> CheckResult:
    """Check a data set.

    Args:
        root: its folder.
        tell: called with sequences checked and sequences in all.

    Raises:
        SynthError: it has no finished sequence, or its settings cannot be read.
        CalibrationError: its rig cannot be read.
    """
    read_settings(root)
    rig = load_rig(str(root / RIG_FILE))
    folders = sequence_folders(root)
    if not folders:
        raise SynthError(f"{root} has no finished sequence.")
    result = CheckResult()
    known = []
    for folder in folders:
        frames, problems = check_sequence(folder, rig)
        result.sequences += 1
        result.frames += frames
        result.problems += problems
        if not problems:
            known.append(read_sequence(folder))
        tell(result.sequences, len(folders))
    result.problems += _check_splits(root, known)
    if len(known) == len(folders):
        result.problems += _check_card(root, known)
    return result


def _check_splits(root: Path, sequences: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    listed: dict[str, str] = {}
    for split in SPLITS:
        path = root / f"{split}.txt"
        names = path.read_text().split() if path.is_file() else []
        if not path.is_file():
            yield f"{path} is missing"
        for name in names:
            if name in listed:
                yield f"{path} names {name}, which {listed[name]}.txt names as well"
            if not (root / name).is_dir():
                yield f"{path} names {name}, which is not there"
            listed[name] = split
    owners: dict[tuple[str, str], str] = {}
    for known in sequences:
        split, motion = known["split"], known["motion"]
        if listed.get(known["character"]) != split:
            yield f"{known['character']} is not named in {split}.txt"
        movements = clip_names(motion) or [str(motion.get("seed"))]
        for what in (("body", known["character"]), *(("movement", name) for name in movements)):
            if owners.setdefault(what, split) != split:
                yield f"{what[0]} {what[1]} is in {owners[what]} and in {split}"


def _check_card(root: Path, sequences: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    path = root / CARD_FILE
    try:
        counts = json.loads(path.read_text())["counts"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield f"{path} cannot be read ({type(error).__name__}: {error}); `egorear synth finish {root}` writes it"
        return
    if counts.get("all") != count_sequences(sequences):
        yield (
            f"{path} counts {counts.get('all')}; there are {count_sequences(sequences)}. "
            f"`egorear synth finish {root}` writes it again"
        )
