"""Processes that write shards, and end with the process that started them."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from egorear_train.datasets.base import FrameDataset
from egorear_train.datasets.packed.disk import PackError
from egorear_train.datasets.packed.shard import Shard, write_shard


@dataclass(frozen=True)
class Job:
    """One shard to write.

    Attributes:
        split: it belongs to.
        frames: numbers of its frames.
        file: its name inside the pack.
    """

    split: str
    frames: range
    file: str


@dataclass(frozen=True)
class _Task:
    """What a worker is told once."""

    datasets: Mapping[str, FrameDataset]
    views: tuple[str, ...]
    out: Path


_task: _Task | None = None


def write_shards(
    datasets: Mapping[str, FrameDataset], views: tuple[str, ...], out: Path, jobs: Sequence[Job], workers: int
) -> Iterator[tuple[Job, Shard]]:
    """Write shards and yield each one as it is finished.

    Args:
        datasets: by split.
        views: names of the samples' views.
        out: the pack.
        jobs: the shards.
        workers: processes; 1 stays in this one.

    Raises:
        OSError: the disk is full or not writable.
        PackError: a worker died.
    """
    if workers <= 1 or len(jobs) <= 1:
        for job in jobs:
            yield job, write_shard(datasets[job.split], job.frames, views, out, job.file)
        return
    # Spawned, not forked: a progress display has threads, and threads do not survive a fork.
    pool = ProcessPoolExecutor(
        min(workers, len(jobs)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(_Task(datasets, views, out),),
    )
    try:
        futures = {pool.submit(_work, job): job for job in jobs}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool as error:
        raise PackError(
            "a worker died, perhaps because the machine is out of memory. Run the same command again with fewer "
            "--workers; it goes on where it stopped."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker(task: _Task) -> None:
    global _task
    _task = task
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends the others
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _work(job: Job) -> Shard:
    assert _task is not None
    return write_shard(_task.datasets[job.split], job.frames, _task.views, _task.out, job.file)
