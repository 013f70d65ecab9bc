"""Frame sets a second that become a data set: rendered, photographed and written."""

from dataclasses import dataclass

from egorear_ros.benchmarks.report import Row
from egorear_ros.geometry.rig_file import load_rig


@dataclass(frozen=True)
class _Case:
    size_px: int
    frames: int
    target_hz: float


CASES = (_Case(256, 60, 4.0), _Case(872, 14, 0.4))

MOST_MB = 2000.0
GROWTH_MB = 20.0
LINEAR = 1.8
"""Two processes on two cores should be at least this much faster than one."""


GPU_TARGET_HZ = 200.0
LIGHT_S = 5.0


def measure_synth_gpu(calib: str, device: str, workers: int) -> list[Row]:
    """Measure the renderer of GPUs: rays and light alone, and whole data sets by one and by several processes.

    Args:
        calib: rig calibration, name or path.
        device: of Warp; "cuda" or "cpu".
        workers: number of processes that share the GPU.

    Raises:
        RendererError: Warp is not installed, or this machine has no such device.
    """
    from egorear_synth.rendering import WARP, RendererChoice
    from egorear_synth.throughput import measure_light, measure_rate

    renderer, views, rows = RendererChoice(WARP, device), len(load_rig(calib).views), []
    machine = ", ".join(f"{name} {value}" for name, value in renderer.check().items())
    for case in CASES:
        name = f"{views} views of {case.size_px}x{case.size_px}, 2x2 rays a pixel, {machine}"
        light_hz = measure_light(calib, case.size_px, 2, LIGHT_S, renderer)
        rows.append(Row(f"{name}: rays and light alone, 1 process", f"{light_hz:.2f} framesets/s"))
        for count in sorted({1, workers}):
            rate = measure_rate(calib, case.size_px, 2, count, case.frames * 4, renderer)
            # Fewer processes wait for themselves, so the target is that of all of them.
            judged = case is CASES[0] and device == "cuda" and count == workers
            met = rate.framesets_per_s >= GPU_TARGET_HZ
            processes = f"{count} process{'es' if count > 1 else ''}"
            rows.append(
                Row(
                    f"{name}: files written, {processes}",
                    f"{rate.framesets_per_s:.2f} framesets/s",
                    *((f"at least {GPU_TARGET_HZ:g}", met) if judged else ()),
                )
            )
            rows.append(Row(f"{name}: processor time, {processes}", f"{rate.processor_s * 1e3:.1f} ms per frameset"))
    return rows


def measure_synth(calib: str, frames: int) -> list[Row]:
    """Make sequences with one and two workers, with and without supersampling, and one long run.

    Args:
        calib: rig calibration, name or path.
        frames: of the long run in which memory is watched.
    """
    from egorear_synth.throughput import measure_memory

    views = len(load_rig(calib).views)
    rows = [row for case in CASES for row in _rates(calib, views, case)]
    memory = measure_memory(calib, CASES[0].size_px, 2, frames)
    name = f"memory of a worker over {frames} frame sets of {CASES[0].size_px}x{CASES[0].size_px}"
    rows.append(Row(name, f"{memory.peak_mb:.0f} MB at most", f"below {MOST_MB:.0f} MB", memory.peak_mb < MOST_MB))
    growth = Row(f"{name}: last third against middle third", f"{memory.growth_mb:+.1f} MB", f"below {GROWTH_MB:g} MB")
    return [*rows, Row(growth.quantity, growth.value, growth.target, memory.growth_mb < GROWTH_MB)]


def _rates(calib: str, views: int, case: _Case) -> list[Row]:
    from egorear_synth.throughput import measure_rate

    rows = []
    for samples in (1, 2):
        one, two = (measure_rate(calib, case.size_px, samples, workers, case.frames) for workers in (1, 2))
        rays = "one ray a pixel" if samples == 1 else f"{samples}x{samples} rays a pixel"
        name = f"{views} views of {case.size_px}x{case.size_px}, {rays}"
        target = (f"at least {case.target_hz:g} on 2 cores", two.framesets_per_s >= case.target_hz)
        rows.append(Row(f"{name}, 1 process", f"{one.framesets_per_s:.2f} framesets/s"))
        rows.append(
            Row(f"{name}, 2 processes", f"{two.framesets_per_s:.2f} framesets/s", *(target if samples == 2 else ()))
        )
        gain = two.framesets_per_s / one.framesets_per_s
        rows.append(Row(f"{name}: 2 processes against 1", f"{gain:.2f} times", f"at least {LINEAR}", gain >= LINEAR))
        rows.append(Row(f"{name}: processor time", f"{one.processor_s * 1e3:.0f} ms per frameset"))
    return rows
