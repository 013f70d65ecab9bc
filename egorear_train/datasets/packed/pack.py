"""Pack a data set: read every frame once and write what training needs in shards.

While it is made, `<out>/unfinished` holds the plan and a record of every finished shard. A shard
counts once its record is there, which is written after the shard itself; so packing can be killed
at any moment and goes on where it stopped. At the end come indexes, then the card.
"""

import fcntl
import hashlib
import json
import platform
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from egorear_ros import __version__
from egorear_ros.geometry.virtual_camera import virtual_rig
from egorear_ros.sources.sequence import SPLIT_FILES
from egorear_ros.structures import Rig
from egorear_train.datasets.base import damage_limit, too_many_damaged
from egorear_train.datasets.ego4view import Ego4ViewDataset
from egorear_train.datasets.errors import DatasetError
from egorear_train.datasets.frames import splits_in
from egorear_train.datasets.packed.card import CARD, FORMAT, describe_rig, index_file, index_of, shard_file
from egorear_train.datasets.packed.codec import ENCODING
from egorear_train.datasets.packed.disk import PackError, disk_errors, write_whole
from egorear_train.datasets.packed.shard import Shard
from egorear_train.datasets.packed.workers import Job, write_shards

UNFINISHED = "unfinished"
PLAN = "plan.json"
FRAMES_PER_SHARD = 256
_PACKAGES = ("numpy", "pillow", "webdataset")


@dataclass(frozen=True)
class PackSettings:
    """What decides about the content of a pack.

    Attributes:
        root: folder of the data set.
        rig: whose views are packed.
        splits: which; all that the data set has, if empty.
        image_size: height and width of the images, px.
        quirks: names of `frames.QUIRKS`.
        frames_per_shard: in every shard but the last of a split.
        virtual_cameras: whether samples are what `geometry.virtual_camera` shows.
    """

    root: Path
    rig: Rig
    splits: tuple[str, ...] = ()
    image_size: int = 256
    quirks: Collection[str] = ()
    frames_per_shard: int = FRAMES_PER_SHARD
    virtual_cameras: bool = False


def pack(
    settings: PackSettings, out: Path, workers: int = 1, progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Pack a data set, or go on with it, and return its card.

    Args:
        settings: what to pack.
        out: folder of the pack.
        workers: processes that read and write; 1 stays in this one.
        progress: called with the numbers of frames that are done and of all frames.

    Raises:
        DatasetError: the data set is not what it should be, or too many frames are damaged.
        PackError: `out` holds something else, is in use, or its disk is full.
    """
    splits = settings.splits or splits_in(settings.root)
    if not splits:
        raise DatasetError(
            f"{settings.root} is no data set: none of {', '.join(SPLIT_FILES)} in it names a folder of frames."
        )
    datasets = {
        split: Ego4ViewDataset(
            settings.root, split, settings.rig, settings.image_size, settings.quirks, settings.virtual_cameras
        )
        for split in splits
    }
    plan = _plan(settings, datasets)
    with disk_errors(out), _only_one(out):
        card = _finished_card(out, plan)
        if card is None:
            _write_plan(out, plan)
            records = _write_all(settings, datasets, out, workers, progress or _silent)
            card = _write_card(out, plan, datasets, records)
        shutil.rmtree(out / UNFINISHED, ignore_errors=True)
    return card


def _silent(done: int, total: int) -> None:
    """Show nothing."""


def _plan(settings: PackSettings, datasets: Mapping[str, Ego4ViewDataset]) -> dict[str, Any]:
    """Return all that decides about the bytes of the pack."""
    names = {
        split: hashlib.sha256("\n".join(frame.name for frame in dataset.frames).encode()).hexdigest()
        for split, dataset in datasets.items()
    }
    return {
        "format": FORMAT,
        "source": str(settings.root.resolve()),
        "rig": describe_rig(virtual_rig(settings.rig) if settings.virtual_cameras else settings.rig),
        "image_size": settings.image_size,
        "encoding": ENCODING,
        "quirks": sorted(settings.quirks),
        "frames_per_shard": settings.frames_per_shard,
        "frame_names_sha256": names,
    }


@contextmanager
def _only_one(out: Path) -> Iterator[None]:
    """Let no other process pack into the same folder; the lock ends with the process, however it ends."""
    folder = out / UNFINISHED
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PackError(f"another process is packing into {out}. Wait for it, or choose another --out.") from None
        yield


def _finished_card(out: Path, plan: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the card if the pack is finished.

    Raises:
        PackError: the folder holds a pack of something else.
    """
    for path in (out / CARD, out / UNFINISHED / PLAN):
        if not path.is_file():
            continue
        try:
            known = json.loads(path.read_bytes())
        except ValueError as error:
            raise PackError(f"{path} is damaged ({error}). Remove {out} or choose another --out.") from error
        different = [key for key, value in plan.items() if known.get(key) != value]
        if different:
            raise PackError(
                f"{out} holds a pack with another {', '.join(different)}. Remove it or choose another --out."
            )
        if path.name == CARD:
            return dict(known)
    return None


def _write_plan(out: Path, plan: Mapping[str, Any]) -> None:
    strangers = sorted(path.name for path in out.iterdir() if path.name != UNFINISHED)
    if strangers and not (out / UNFINISHED / PLAN).is_file():
        raise PackError(f"{out} is not empty: it has {', '.join(strangers[:5])}. Choose another --out.")
    write_whole(out / UNFINISHED / PLAN, _json(plan))


def _write_all(
    settings: PackSettings,
    datasets: Mapping[str, Ego4ViewDataset],
    out: Path,
    workers: int,
    progress: Callable[[int, int], None],
) -> dict[str, list[Shard]]:
    """Write the shards that are missing and return all of them, by split and in order."""
    step = settings.frames_per_shard
    jobs = [
        Job(split, range(start, min(start + step, len(dataset))), shard_file(split, number))
        for split, dataset in datasets.items()
        for number, start in enumerate(range(0, len(dataset), step))
    ]
    for split in datasets:
        (out / split).mkdir(exist_ok=True)
    shards = {job.file: shard for job in jobs if (shard := _read_record(out, job.file))}
    waiting = [job for job in jobs if job.file not in shards]
    total = sum(len(job.frames) for job in jobs)
    done = total - sum(len(job.frames) for job in waiting)
    _check_damage(shards.values(), datasets, jobs)
    progress(done, total)
    for job, shard in write_shards(datasets, settings.rig.views, out, waiting, workers):
        shards[job.file] = shard
        write_whole(_record(out, job.file), _json(shard.to_json(), indent=None))
        done += len(job.frames)
        progress(done, total)
        _check_damage(shards.values(), datasets, jobs)
    return {split: [shards[job.file] for job in jobs if job.split == split] for split in datasets}


def _check_damage(shards: Collection[Shard], datasets: Mapping[str, Ego4ViewDataset], jobs: Sequence[Job]) -> None:
    """Raise DatasetError if more frames are damaged than is accepted."""
    split_of = {job.file: job.split for job in jobs}
    for split, dataset in datasets.items():
        skipped = [skip["reason"] for shard in shards if split_of[shard.file] == split for skip in shard.skipped]
        if len(skipped) > damage_limit(len(dataset)) or len(skipped) == len(dataset):
            raise too_many_damaged(dataset.what, skipped, len(skipped), len(dataset))


def _record(out: Path, file: str) -> Path:
    return out / UNFINISHED / f"{Path(file).stem}.json"


def _read_record(out: Path, file: str) -> Shard | None:
    """Return a shard that is finished and still there."""
    try:
        shard = Shard(**json.loads(_record(out, file).read_bytes()))
        return shard if (out / file).stat().st_size == shard.bytes else None
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _write_card(
    out: Path,
    plan: Mapping[str, Any],
    datasets: Mapping[str, Ego4ViewDataset],
    records: Mapping[str, Sequence[Shard]],
) -> dict[str, Any]:
    """Write the indexes, then the card."""
    splits = {}
    whole = hashlib.sha256()
    for split, shards in records.items():
        buffer = BytesIO()
        np.save(buffer, index_of([shard.rows for shard in shards]), allow_pickle=False)
        write_whole(out / index_file(split), buffer.getvalue())
        whole.update(buffer.getvalue())
        whole.update("".join(shard.sha256 for shard in shards).encode())
        splits[split] = {
            "frames": sum(len(shard.rows) for shard in shards),
            "has_visibility": datasets[split].has_visibility,
            "bytes": sum(shard.bytes for shard in shards),
            "skipped": [skip for shard in shards for skip in shard.skipped],
            "shards": [
                {"file": shard.file, "frames": len(shard.rows), "bytes": shard.bytes, "sha256": shard.sha256}
                for shard in shards
            ],
        }
    made_with = {"egorear_ros": __version__, "python": platform.python_version()}
    card = {
        **plan,
        "made_with": made_with | {name: version(name) for name in _PACKAGES},
        "sha256": whole.hexdigest(),
        "splits": splits,
    }
    write_whole(out / CARD, _json(card))
    return card


def _json(content: Mapping[str, Any], indent: int | None = 1) -> bytes:
    return (json.dumps(content, allow_nan=False, indent=indent) + "\n").encode()
