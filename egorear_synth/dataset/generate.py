"""Generate a data set, or the part of it that is still missing."""

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from egorear_ros.geometry.rig_file import load_rig, save_rig
from egorear_ros.sources.sequence import RIG_FILE, SPLITS
from egorear_ros.structures import Rig
from egorear_synth.dataset.card import write_card
from egorear_synth.dataset.clip_list import ClipFile, check_clips, file_sha256, split_clips
from egorear_synth.dataset.errors import SynthError
from egorear_synth.dataset.finished import SplitFiles
from egorear_synth.dataset.plan import SequencePlan, plan_sequences
from egorear_synth.dataset.ray_workers import RayWorkers
from egorear_synth.dataset.settings import SETTINGS_FILE, Settings, check_same, fingerprint, read_settings
from egorear_synth.dataset.workers import Job, Workers
from egorear_synth.dataset.writer import PARTS, dump_json, naming_disk_errors, remove_stale, write_whole
from egorear_synth.places.texture_folder import TextureFolder


@dataclass(frozen=True)
class Shard:
    """Part `number` of `count`, from 1: every `count`-th sequence."""

    number: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            expected = f"1/{self.count} to {self.count}/{self.count}" if self.count > 0 else "1 part or more"
            raise SynthError(f"--shard {self.number}/{self.count}: expected {expected}.")

    def owns(self, plan: SequencePlan) -> bool:
        """Whether a sequence is in this part."""
        return plan.index % self.count == self.number - 1


class Progress(Protocol):
    """Who is told how far it is."""

    def clips(self, done: int, total: int) -> None:
        """Some of the clips are checked."""

    def begin(self, plans: list[SequencePlan], finished: int, frames_each: int) -> None:
        """These sequences will be made; so many others are finished already."""

    def frame(self, plan: SequencePlan) -> None:
        """A frame of a sequence is written."""

    def sequence(self, plan: SequencePlan) -> None:
        """A sequence is finished."""

    def card(self) -> None:
        """Every sequence is made; card and contact sheets come now."""


WHOLE = Shard()


def generate(
    settings: Settings,
    root: Path,
    count: int,
    progress: Progress,
    workers: int = 1,
    shard: Shard = WHOLE,
    ray_address: str = "",
) -> None:
    """Generate what is missing of a data set's first `count` sequences.

    Whatever ends it, a kill included, the sequences finished so far stay, and the next call goes on.

    Args:
        settings: decide the bytes of every sequence.
        root: the data set; a new folder, or one made with the same settings.
        count: number of sequences of all shards together.
        progress: is told how far it is.
        workers: number of processes.
        shard: which part of the sequences is made here.
        ray_address: of a Ray cluster that makes them instead of processes here.

    Raises:
        SynthError: settings, clips or folder cannot be used, the disk is full, or a worker died.
        CalibrationError: the rig cannot be used.
        TextureError: a texture cannot be read.
        RendererError: the renderer is not installed, or this machine has no such device.
    """
    _check_arguments(root, count, workers, ray_address)
    if not ray_address:
        settings.renderer_choice.check()
    rig = load_rig(settings.rig)
    known = read_settings(root).get("clips") if (root / SETTINGS_FILE).is_file() else None
    clips = check_clips(settings.motion, settings.clip_rate_hz, progress.clips, known) if settings.motion else []
    by_split: dict[str, list[ClipFile]] = {split: [] for split in SPLITS}
    kept_together = "none"
    if clips:
        by_split, kept_together = split_clips(clips, [share / 100 for share in settings.split], settings.seed)
    textures = check_textures(settings.textures)
    _prepare(root, rig, settings, by_split, kept_together, textures)
    plans = plan_sequences(settings, by_split, count)
    own = [plan for plan in plans if shard.owns(plan)]
    missing = [plan for plan in own if not plan.folder(root).is_dir()]
    splits = SplitFiles(root)
    with _locked(root, shard):
        remove_stale(root)
        splits.update()
        progress.begin(missing, len(own) - len(missing), settings.frames)
        try:
            if missing:
                job = Job(settings, root / RIG_FILE, root)
                with RayWorkers(job, ray_address) if ray_address else Workers(job, min(workers, len(missing))) as pool:
                    for plan in pool.make(missing, progress.frame):
                        splits.update()
                        progress.sequence(plan)
        finally:
            _remove_parts(root, own)
            progress.card()
            write_card(root)


def _check_arguments(root: Path, count: int, workers: int, ray_address: str) -> None:
    for name, value in (("--sequences", count), ("--workers", workers)):
        if value < 1:
            raise SynthError(f"{name} is {value}; expected 1 or more.")
    if ray_address and workers > 1:
        raise SynthError(f"--workers is {workers} and --ray {ray_address} is given; expected one of them.")
    if root.exists() and not root.is_dir():
        raise SynthError(f"--out {root} is a file; expected a new folder, or one of a data set to continue.")


def check_textures(folder: str) -> dict[str, str]:
    """Read every texture, so that a bad one is known before hours of work; return the SHA-256 of each by name.

    Raises:
        TextureError: no such folder, no textures in it, or one cannot be read.
    """
    if not folder:
        return {}
    textures = TextureFolder(Path(folder).expanduser())
    for index in range(len(textures)):
        textures.texture(index, 1.0)
    return {path.relative_to(textures.folder).as_posix(): file_sha256(path) for path in textures.paths}


def _prepare(
    root: Path, rig: Rig, settings: Settings, by_split: dict[str, list[ClipFile]], kept: str, textures: dict[str, str]
) -> None:
    """Make the folder, or check that it was made with the same settings."""
    with tempfile.TemporaryDirectory() as scratch:
        save_rig(rig, Path(scratch) / RIG_FILE, note="The rig that this data set was made for.")
        rig_data = (Path(scratch) / RIG_FILE).read_bytes()
    clips = {
        clip.name: {"sha256": clip.sha256, "frames": clip.frame_count, "split": split}
        for split, part in by_split.items()
        for clip in part
    }
    wanted = fingerprint(settings, hashlib.sha256(rig_data).hexdigest(), clips, textures) | {"clips_split_by": kept}
    if (root / SETTINGS_FILE).exists():
        check_same(read_settings(root), wanted, root)
    elif root.is_dir() and (unknown := sorted(path.name for path in root.iterdir() if path.name != PARTS)):
        raise SynthError(f"{root} has other files in it ({unknown[0]}). Choose a new or empty folder for --out.")
    with naming_disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
    if not (root / RIG_FILE).is_file():
        write_whole(root / RIG_FILE, rig_data)
    if not (root / SETTINGS_FILE).is_file():
        write_whole(root / SETTINGS_FILE, dump_json(wanted, indent=1).encode())


@contextmanager
def _locked(root: Path, shard: Shard) -> Iterator[None]:
    """Hold a shard, so that no two runs make the same sequences at once."""
    folder = root / PARTS
    path = folder / f"shard_{shard.number}_of_{shard.count}.lock"
    with naming_disk_errors(root):
        folder.mkdir(exist_ok=True)
        handle = path.open("w")
    with handle:
        _take(path, handle, root)
        try:
            for other in folder.glob("shard_*_of_*.lock"):
                if not other.stem.endswith(f"_of_{shard.count}"):
                    _take(other, None, root)
            yield
        finally:
            path.unlink(missing_ok=True)
            # Others may still be at work below; the last one removes the folder.
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def _take(path: Path, handle: Any, root: Path) -> None:
    """Take a lock for good (with a handle) or see that nobody has it."""
    try:
        if handle is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        with path.open("r") as other:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except FileNotFoundError:
        return
    except BlockingIOError:
        part = path.stem.removeprefix("shard_").replace("_of_", "/")
        raise SynthError(
            f"another `egorear synth` is writing part {part} of {root} right now. Wait for it, or give each machine "
            "its own part of the same division: --shard 1/2, --shard 2/2."
        ) from None


def _remove_parts(root: Path, plans: list[SequencePlan]) -> None:
    """Remove what ended workers have left of their sequences."""
    for plan in plans:
        shutil.rmtree(root / PARTS / plan.name, ignore_errors=True)
