"""Worker processes that make one sequence after the other, and end with the process that started them."""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from egorear_synth.dataset.errors import SynthError
from egorear_synth.dataset.plan import SequencePlan
from egorear_synth.dataset.settings import Settings

ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
"""Workers already use every core; sums in another order would also change the last digits."""


@dataclass(frozen=True)
class Job:
    """What a worker needs to know once.

    Attributes:
        settings: of the data set.
        rig_file: the data set's own rig file.
        root: the data set.
    """

    settings: Settings
    rig_file: Path
    root: Path


class Workers:
    """Makes sequences in several processes; use it in a `with` block.

    The processes are spawned, never forked: each loads what it needs and nothing else. They ignore
    Ctrl-C, because this process ends them, and end by themselves when it dies.

    Args:
        job: what to make.
        count: number of processes.
    """

    def __init__(self, job: Job, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._processes: dict[Connection, SpawnProcess] = {}
        with _ignored_interrupts(), _environment(ONE_THREAD):
            for _ in range(count):
                ours, theirs = context.Pipe()
                process = context.Process(target=work, args=(job, theirs), daemon=True)
                process.start()
                theirs.close()
                self._processes[ours] = process

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._processes.values():
            process.terminate()
        for connection, process in self._processes.items():
            process.join()
            connection.close()

    def make(self, plans: Sequence[SequencePlan], frame: Callable[[SequencePlan], None]) -> Iterator[SequencePlan]:
        """Make sequences and yield each one that is finished, in the order in which they are.

        Args:
            plans: the sequences.
            frame: called after every frame.

        Raises:
            SynthError: one cannot be made, or a worker died.
        """
        waiting = deque(plans)
        busy: dict[Connection, SequencePlan] = {}
        for connection in self._processes:
            if waiting:
                busy[connection] = waiting.popleft()
                connection.send(busy[connection])
        while busy:
            ready = set(wait(list(busy)))
            for connection in [one for one in busy if one in ready]:
                plan = busy[connection]
                word, text = self._hear(connection, plan)
                if word == "frame":
                    frame(plan)
                elif word == "failed":
                    raise SynthError(f"sequence {plan.name}: {text}")
                else:
                    del busy[connection]
                    if waiting:
                        busy[connection] = waiting.popleft()
                        connection.send(busy[connection])
                    yield plan

    def _hear(self, connection: Connection, plan: SequencePlan) -> tuple[str, str]:
        try:
            word, text = connection.recv()
        except (EOFError, OSError):
            process = self._processes[connection]
            process.join()
            code = process.exitcode or 0
            how = f"signal {signal.Signals(-code).name}" if code < 0 else f"status {code}"
            hint = " The machine may be out of memory: use fewer --workers." if code == -signal.SIGKILL else ""
            raise SynthError(f"the worker that made sequence {plan.name} ended with {how}.{hint}") from None
        return str(word), str(text)


def work(job: Job, connection: Connection) -> None:
    """Make the sequences that the connection asks for, until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from egorear_ros.geometry.rig_file import load_rig
    from egorear_synth.dataset.sequence import generate_sequence

    rig = load_rig(str(job.rig_file))
    while True:
        try:
            plan = connection.recv()
        except EOFError:
            return
        try:
            # A process that started us and died shows here, as a broken pipe.
            generate_sequence(job.settings, rig, plan, job.root, lambda: connection.send(("frame", "")))
        except (BrokenPipeError, ConnectionResetError):
            return
        except (ValueError, RuntimeError, OSError, MemoryError) as error:
            connection.send(("failed", f"{error or type(error).__name__}"))
        else:
            connection.send(("done", ""))


@contextmanager
def _ignored_interrupts() -> Iterator[None]:
    """Have processes that start now ignore Ctrl-C from their first instruction on."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not the main thread: then nobody's Ctrl-C arrives here
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
