"""Sequences made on a Ray cluster: the optional other way beside `workers`."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from egorear_synth.dataset.errors import SynthError
from egorear_synth.dataset.plan import SequencePlan
from egorear_synth.dataset.settings import Settings
from egorear_synth.dataset.workers import ONE_THREAD, Job

RETRIES = 3
"""A sequence is begun anew this many times when its process or machine dies."""

GPU_SHARE = 1 / 16
"""Of a GPU, for each sequence: a core keeps it busy for a small part of the time."""


class RayWorkers:
    """Makes sequences wherever a Ray cluster has a free core; use it in a `with` block.

    Every machine must see the data set, the clips and this package under the same paths.

    Args:
        job: what to make.
        address: of the cluster ("ray://host:10001", "auto"); "local" starts one on this machine alone.

    Raises:
        SynthError: Ray is not installed, or there is no cluster.
    """

    def __init__(self, job: Job, address: str) -> None:
        try:
            import ray
        except ImportError as error:
            raise SynthError(
                f"--ray needs the package ray ({error}). In a checkout of egorear_ros: pip install '.[ray]'."
            ) from error
        self._ray = ray
        self._job = job_for_anywhere(job)
        try:
            with _kept_signals():
                ray.init(
                    address=address, runtime_env={"env_vars": ONE_THREAD}, log_to_driver=False, logging_level="ERROR"
                )
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            raise SynthError(
                f"--ray {address}: no Ray cluster there ({error}). `ray start --head` makes one."
            ) from error
        self._pending: dict[Any, SequencePlan] = {}

    def __enter__(self) -> "RayWorkers":
        return self

    def __exit__(self, *error: object) -> None:
        for reference in self._pending:
            self._ray.cancel(reference, force=True)
        if self._pending:
            # A cancelled process may still be writing; its folder is removed after it has ended.
            self._ray.wait(list(self._pending), num_returns=len(self._pending), timeout=30)
        self._ray.shutdown()

    def make(self, plans: Sequence[SequencePlan], frame: Callable[[SequencePlan], None]) -> Iterator[SequencePlan]:
        """Make sequences and yield each one that is finished, in the order in which they are.

        Args:
            plans: the sequences.
            frame: called for every frame, when its sequence is finished.

        Raises:
            SynthError: one cannot be made.
        """
        task = self._ray.remote(**task_needs(self._job.settings))(make_one)
        self._pending = {task.remote(self._job, plan): plan for plan in plans}
        while self._pending:
            for reference in self._ray.wait(list(self._pending), num_returns=1)[0]:
                plan = self._pending.pop(reference)
                try:
                    text = self._ray.get(reference)
                except self._ray.exceptions.RayError as error:
                    raise SynthError(f"sequence {plan.name}: {error}") from error
                if text:
                    raise SynthError(f"sequence {plan.name}: {text}")
                for _ in range(self._job.settings.frames):
                    frame(plan)
                yield plan


def job_for_anywhere(job: Job) -> Job:
    """Return a job whose paths are the same in every working folder."""
    textures = job.settings.textures
    settings = replace(job.settings, textures=str(Path(textures).expanduser().absolute()) if textures else "")
    return Job(settings, job.rig_file.resolve(), job.root.resolve())


def task_needs(settings: Settings) -> dict[str, float]:
    """Return what Ray has to find for each sequence; it hides GPUs from those who do not ask for one."""
    needs = {"num_cpus": 1, "max_retries": RETRIES}
    return needs | ({"num_gpus": GPU_SHARE} if settings.renderer_choice.device == "cuda" else {})


@contextmanager
def _kept_signals() -> Iterator[None]:
    """Keep how this process ends: Ray has SIGTERM end it at once, in the middle of whatever is to be cleaned up."""
    before = {word: signal.getsignal(word) for word in (signal.SIGINT, signal.SIGTERM)}
    yield
    if threading.current_thread() is threading.main_thread():
        for word, handler in before.items():
            signal.signal(word, handler)


def make_one(job: Job, plan: SequencePlan) -> str:
    """Make one sequence on some machine of the cluster; return what went wrong, empty if nothing did."""
    from egorear_ros.geometry.rig_file import load_rig
    from egorear_synth.dataset.sequence import generate_sequence

    if plan.folder(job.root).is_dir():  # a process that died after its last step
        return ""
    try:
        generate_sequence(job.settings, load_rig(str(job.rig_file)), plan, job.root)
    except (ValueError, RuntimeError, OSError, MemoryError) as error:
        return f"{error or type(error).__name__}"
    return ""
