"""The motion clips of a data set: found, checked before any work starts, and given to splits."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from egorear_ros.sources.sequence import SPLITS
from egorear_synth.body import Body
from egorear_synth.clips.clip import ClipError
from egorear_synth.clips.load import load_clip
from egorear_synth.clips.retarget import ClipMotion
from egorear_synth.dataset.errors import SynthError
from egorear_synth.person import make_person

SUFFIXES = (".amc", ".bvh")
SUBJECT_TOLERANCE = 0.1
"""Clips of one subject stay together if that moves no split's share by more than this."""


@dataclass(frozen=True)
class ClipFile:
    """One clip of a data set.

    Attributes:
        name: path below the folder of clips, with slashes.
        path: where it is on this machine.
        sha256: of its content, with its skeleton's.
        frame_count: frames in it.
    """

    name: str
    path: Path
    sha256: str
    frame_count: int

    @property
    def subject(self) -> str:
        """The person recorded, by the CMU database's names (`NN_*.amc`); else the clip itself."""
        stem = Path(self.name).stem
        head, separator, _ = stem.partition("_")
        return f"{Path(self.name).parent}/{head}" if separator and head.isdigit() else self.name


def find_clips(motion: str) -> list[tuple[str, Path]]:
    """Return name and path of every clip of a folder, or of a single clip.

    Raises:
        SynthError: there is no such folder, or it has no clips.
    """
    # Absolute, because workers on other machines have other working folders; a link keeps its name.
    root = Path(motion).expanduser().absolute()
    if root.is_file():
        return [(root.name, root)]
    if not root.is_dir():
        raise SynthError(f"--motion {motion}: there is no such folder. Give a folder with .amc or .bvh files.")
    found = sorted(
        (path.relative_to(root).as_posix(), path) for path in root.rglob("*") if path.suffix.lower() in SUFFIXES
    )
    if not found:
        raise SynthError(
            f"--motion {motion}: no .amc or .bvh file in this folder or below. "
            "Put clips there, or leave --motion out for built-in motion."
        )
    return found


def check_clips(
    motion: str,
    clip_rate_hz: float,
    tell: Callable[[int, int], None] = lambda *_: None,
    known: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[ClipFile]:
    """Read every clip and put it on a body, so that a bad one is known before hours of work.

    Args:
        motion: folder of clips, or one clip.
        clip_rate_hz: frames per second of AMC clips.
        tell: called with clips read and clips in all.
        known: `sha256` and `frames` by name of clips that were good before; the same content is not read again.

    Raises:
        SynthError: no clips, or some cannot be used; names them.
    """
    found = find_clips(motion)
    body = make_person(np.random.default_rng(0)).body
    clips, errors = [], []
    for done, (name, path) in enumerate(found, 1):
        try:
            sha256, before = clip_sha256(path), (known or {}).get(name, {})
            same = before.get("sha256") == sha256
            count = int(before["frames"]) if same else _check_clip(path, clip_rate_hz, body)
            clips.append(ClipFile(name, path, sha256, count))
        except (ClipError, OSError) as error:
            errors.append(str(error))
        tell(done, len(found))
    if errors:
        more = f"\n... and {len(errors) - 5} more." if len(errors) > 5 else ""
        raise SynthError(
            f"{len(errors)} of {len(found)} motion clips cannot be used:\n"
            + "\n".join(errors[:5])
            + more
            + "\nRepair or remove them; nothing was generated."
        )
    return clips


def _check_clip(path: Path, clip_rate_hz: float, body: Body) -> int:
    """Return the number of frames of a clip that fits a body.

    Raises:
        ClipError: it does not.
    """
    clip = load_clip(str(path), clip_rate_hz)
    if not (np.isfinite(clip.root_positions).all() and np.isfinite(clip.rotations).all()):
        raise ClipError(f"{clip.source} has numbers that are not finite. Export it again.")
    # Whether the skeleton fits shows at the first frames.
    ClipMotion(body, replace(clip, root_positions=clip.root_positions[:2], rotations=clip.rotations[:2]))
    return clip.frame_count


def split_clips(clips: Sequence[ClipFile], shares: Sequence[float], seed: int) -> tuple[dict[str, list[ClipFile]], str]:
    """Give every clip to one split.

    All clips of a subject go to the same split where that is possible without moving a split's share
    by more than `SUBJECT_TOLERANCE`; with few subjects, clips are dealt out singly.

    Args:
        clips: all of them.
        shares: of the splits, summing to 1.
        seed: decides the order.

    Returns:
        Clips by split, by name, and "subject" or "clip": what was kept together.

    Raises:
        SynthError: fewer clips than splits.
    """
    wanted = [index for index, share in enumerate(shares) if share > 0]
    if len(clips) < len(wanted):
        raise SynthError(
            f"{len(clips)} motion clips for {len(wanted)} splits; every split needs one that no other has. "
            "Add clips, or ask for fewer splits, for example --split 100/0/0."
        )
    order = np.random.default_rng([seed, 101]).permutation(len(clips))
    shuffled = [clips[index] for index in order]
    subjects: dict[str, list[ClipFile]] = {}
    for clip in shuffled:
        subjects.setdefault(clip.subject, []).append(clip)
    for kind, groups in (("subject", list(subjects.values())), ("clip", [[clip] for clip in shuffled])):
        dealt = _deal(sorted(groups, key=len, reverse=True), shares, wanted, len(clips))
        off = max(abs(len(part) / len(clips) - share) for part, share in zip(dealt, shares, strict=True))
        if kind == "clip" or (off <= SUBJECT_TOLERANCE and all(dealt[index] for index in wanted)):
            break
    by_name = {split: sorted(part, key=lambda clip: clip.name) for split, part in zip(SPLITS, dealt, strict=True)}
    return by_name, kind


def _deal(
    groups: Sequence[Sequence[ClipFile]], shares: Sequence[float], wanted: Sequence[int], total: int
) -> list[list[ClipFile]]:
    """Give each group to the split that lacks most; the last groups go to splits that have none."""
    dealt: list[list[ClipFile]] = [[] for _ in shares]
    for index, group in enumerate(groups):
        empty = [split for split in wanted if not dealt[split]]
        choice = empty if len(groups) - index <= len(empty) else wanted
        lacking = max(choice, key=lambda split: shares[split] * total - len(dealt[split]))
        dealt[lacking].extend(group)
    return dealt


def clip_sha256(path: Path) -> str:
    """Return a digest of a clip; an AMC clip is what it is only with its skeleton, so that counts as well."""
    names = (f"{path.stem.split('_')[0]}.asf", f"{path.stem}.asf")
    skeletons = [path.with_name(name) for name in names if path.with_name(name).is_file()]
    parts = [path]
    if path.suffix.lower() == ".amc":
        parts += skeletons or sorted(path.parent.glob("*.asf"))
    return hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
