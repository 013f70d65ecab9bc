"""How fast, and with how much memory, this machine makes data: the real workers, on real sequences, into files."""

import multiprocessing
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from egorear_ros.geometry.rig_file import load_rig
from egorear_synth.camera.photograph import Frame, gather_lights
from egorear_synth.dataset.plan import SequencePlan
from egorear_synth.dataset.sequence import image_size
from egorear_synth.dataset.settings import Settings
from egorear_synth.dataset.workers import Job, Workers
from egorear_synth.rendering import ON_PROCESSOR, RendererChoice
from egorear_synth.wearer import make_wearer

WARM_UP = 3
"""First frames of each worker that do not count: they make the rays of every pixel, and whatever is made once."""

SEQUENCE_FRAMES = 300
"""Length of the sequences of a long run."""

WATCH_FRAMES = 25
"""Frames between two looks at the memory."""


@dataclass(frozen=True)
class Rate:
    """How fast data is made.

    Attributes:
        framesets_per_s: of all workers together.
        processor_s: processor time of one frame set, s; on a busy machine, what it would take on an idle one.
        peak_mb: the most memory that any worker held at any moment, MB.
    """

    framesets_per_s: float
    processor_s: float
    peak_mb: float


@dataclass
class Memory:
    """Memory of one worker over a run.

    Attributes:
        resident_mb: after every `WATCH_FRAMES` frames, MB.
    """

    resident_mb: list[float] = field(default_factory=list)

    @property
    def peak_mb(self) -> float:
        """Largest value."""
        return max(self.resident_mb)

    @property
    def growth_mb(self) -> float:
        """How much more the last third of the run held than the middle one, in the mean; the first one fills caches."""
        third = max(len(self.resident_mb) // 3, 1)
        return statistics.mean(self.resident_mb[-third:]) - statistics.mean(self.resident_mb[-2 * third : -third])


def measure_rate(
    rig: str, size: int, samples: int, workers: int, frames: int, renderer: RendererChoice = ON_PROCESSOR
) -> Rate:
    """Make one sequence per worker and measure while all of them work.

    Args:
        rig: name in `calib/`, or a rig file.
        size: width of the images, px.
        samples: rays per pixel, along each axis.
        workers: number of processes.
        frames: of each sequence; `WARM_UP` of them do not count.
        renderer: who finds the light.

    Raises:
        SynthError: a sequence cannot be made.
        RendererError: the renderer is not installed, or this machine has no such device.
        ValueError: too few frames.
        RuntimeError: one worker had ended before another one was warm.
    """
    if frames < 4 * WARM_UP:
        raise ValueError(f"{frames} frames are too few to measure a rate; expected {4 * WARM_UP} or more.")
    renderer.check()
    done: dict[int, list[float]] = {index: [] for index in range(workers)}
    # When and after how much processor time of all workers: when the last one is warm, and when the first one ends.
    begin: tuple[float, float, int] | None = None
    end: tuple[float, float, int] | None = None
    peak_mb = 0.0
    settings = Settings(rig, frames=frames, size=size, samples=samples, renderer=renderer.name, device=renderer.device)
    with _job(settings) as job, Workers(job, workers) as pool:

        def on_frame(plan: SequencePlan) -> None:
            nonlocal begin, end, peak_mb
            done[plan.index].append(time.perf_counter())
            counts = [len(times) for times in done.values()]
            if begin is None and min(counts) >= WARM_UP:
                begin = (time.perf_counter(), _processor_s(), sum(counts))
            elif begin is not None and end is None and max(counts) >= frames:
                end = (time.perf_counter(), _processor_s(), sum(counts))
                peak_mb = _peak_mb()

        for _ in pool.make([SequencePlan(index, "train", "procedural") for index in range(workers)], on_frame):
            pass
    if begin is None or end is None:
        raise RuntimeError(f"{workers} workers were not all at work at once; measure with more than {frames} frames.")
    made = end[2] - begin[2]
    return Rate(made / (end[0] - begin[0]), (end[1] - begin[1]) / made, peak_mb)


def measure_light(rig: str, size: int, samples: int, seconds: float, renderer: RendererChoice) -> float:
    """Return the framesets a second of rays and light alone, in this process, of a moving wearer; no files.

    Args:
        rig: name in `calib/`, or a rig file.
        size: width of the images, px.
        samples: rays per pixel, along each axis.
        seconds: how long to measure.
        renderer: who finds the light.

    Raises:
        RendererError: the renderer is not installed, or this machine has no such device.
    """
    wearer = make_wearer(load_rig(rig), renderer=renderer)
    rng, made, begin = np.random.default_rng(0), 0, 0.0
    while not made or time.perf_counter() - begin < seconds:
        frames = [Frame(camera.view, *image_size(camera, size), rng) for camera in wearer.rig.cameras]
        gather_lights(wearer, frames, (made / 30,), samples)
        # The first one makes the rays of every pixel and whatever else is made once.
        begin = begin or time.perf_counter()
        made += 1
    return (made - 1) / (time.perf_counter() - begin)


def measure_memory(rig: str, size: int, samples: int, frames: int) -> Memory:
    """Have one worker make sequence after sequence, which are deleted, and watch its memory.

    Args:
        rig: name in `calib/`, or a rig file.
        size: width of the images, px.
        samples: rays per pixel, along each axis.
        frames: of all sequences together.

    Raises:
        SynthError: a sequence cannot be made.
    """
    memory, made = Memory(), 0
    length = min(SEQUENCE_FRAMES, max(frames // 2, 1))
    plans = [SequencePlan(index, "train", "procedural") for index in range(-(-frames // length))]
    with _job(Settings(rig, frames=length, size=size, samples=samples)) as job, Workers(job, 1) as pool:

        def on_frame(_: SequencePlan) -> None:
            nonlocal made
            made += 1
            if made % min(WATCH_FRAMES, length) == 0:
                memory.resident_mb.append(_resident_mb())

        for plan in pool.make(plans, on_frame):
            shutil.rmtree(plan.folder(job.root).parent)
    return memory


@contextmanager
def _job(settings: Settings) -> Iterator[Job]:
    with tempfile.TemporaryDirectory(prefix="egorear_bench_") as folder:
        yield Job(settings, Path(settings.rig), Path(folder))


def _processor_s() -> float:
    """Return the processor time of all worker processes, s."""
    ticks = 0
    for process in multiprocessing.active_children():
        # After the name, which may hold spaces: user and system time are the 12th and 13th field.
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _peak_mb() -> float:
    """Return the most memory that any of the worker processes has held so far, MB."""
    peaks = [0.0]
    for child in multiprocessing.active_children():
        status = Path(f"/proc/{child.pid}/status").read_text()
        peaks += [int(line.split()[1]) * 1.024e-3 for line in status.splitlines() if line.startswith("VmHWM:")]
    return max(peaks)


def _resident_mb() -> float:
    """Return the memory that all worker processes hold, MB."""
    pages = sum(
        int(Path(f"/proc/{child.pid}/statm").read_text().split()[1]) for child in multiprocessing.active_children()
    )
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
