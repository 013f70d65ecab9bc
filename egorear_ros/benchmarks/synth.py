"""Frame sets a second that become a data set: rendered, photographed and written."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from egorear_ros.benchmarks.report import Row
from egorear_ros.geometry.rig_file import load_rig

if TYPE_CHECKING:
    from egorear_synth.throughput import Rate


@dataclass(frozen=True)
class _Case:
    """One size of images: frames of each sequence, rays per pixel along each axis, target with the most rays."""

    size_px: int
    frames: int
    samples: tuple[int, ...]
    target_hz: float


CASES = (_Case(256, 60, (1, 2), 4.0), _Case(872, 14, (2,), 0.4))

LONG_PX = 32
"""Width of the images of the long run. All that a sequence and a frame keep is as for large ones but the images
themselves, whose memory the other runs show, so that 10,000 frame sets take minutes instead of an hour."""

MOST_MB = 2000.0
GROWTH_MB = 20.0
LINEAR = 1.8
"""Two processes on two cores should be at least this much faster than one."""


def measure_synth(calib: str, frames: int) -> list[Row]:
    """Make sequences with one and two workers, with and without supersampling, and one long run.

    Args:
        calib: rig calibration, name or path.
        frames: of the long run in which memory is watched.
    """
    from egorear_synth.throughput import measure_memory

    views = len(load_rig(calib).views)
    rows, peak_mb = [], 0.0
    for case in CASES:
        for samples in case.samples:
            more, rate = _rates(calib, views, case, samples)
            rows += more
            peak_mb = max(peak_mb, rate.peak_mb)
    largest = f"{CASES[-1].size_px}x{CASES[-1].size_px}"
    name = f"memory of a process at {largest}, at most"
    rows.append(Row(name, f"{peak_mb:.0f} MB", f"below {MOST_MB:.0f} MB", peak_mb < MOST_MB))
    memory = measure_memory(calib, LONG_PX, 1, frames)
    name = f"memory of a process over {frames} frame sets of {LONG_PX}x{LONG_PX}, at most"
    rows.append(Row(name, f"{memory.peak_mb:.0f} MB", f"below {MOST_MB:.0f} MB", memory.peak_mb < MOST_MB))
    name = "the same, last third of the run against the middle one"
    met = memory.growth_mb < GROWTH_MB
    return [*rows, Row(name, f"{memory.growth_mb:+.1f} MB", f"below {GROWTH_MB:g} MB", met)]


def _rates(calib: str, views: int, case: _Case, samples: int) -> "tuple[list[Row], Rate]":
    """Return the rows of one size and number of rays, and the rate of two processes."""
    from egorear_synth.throughput import measure_rate

    one, two = (measure_rate(calib, case.size_px, samples, workers, case.frames) for workers in (1, 2))
    rays = "one ray a pixel" if samples == 1 else f"{samples}x{samples} rays a pixel"
    name = f"{views} views of {case.size_px}x{case.size_px}, {rays}"
    target = (f"at least {case.target_hz:g} on 2 cores", two.framesets_per_s >= case.target_hz)
    gain = two.framesets_per_s / one.framesets_per_s
    return [
        Row(f"{name}, 1 process", f"{one.framesets_per_s:.2f} framesets/s"),
        Row(
            f"{name}, 2 processes",
            f"{two.framesets_per_s:.2f} framesets/s",
            *(target if samples == case.samples[-1] else ()),
        ),
        Row(f"{name}: 2 processes against 1", f"{gain:.2f} times", f"at least {LINEAR}", gain >= LINEAR),
        Row(f"{name}: processor time", f"{one.processor_s * 1e3:.0f} ms per frameset"),
    ], two
