"""Frame sets a second that become a data set where a GPU casts the rays."""

from egorear_ros.benchmarks.report import Row
from egorear_ros.geometry.rig_file import load_rig

TARGET_HZ = 200.0
TARGET_PX = 256

CASES = ((TARGET_PX, 600), (872, 120))
"""Width of the images, px, and frames of each sequence: enough for all processes to be at work at once."""

LIGHT_S = 5.0


def measure_synth_gpu(calib: str, device: str, workers: int) -> list[Row]:
    """Measure poses, rays and light alone, and whole sequences by one and by several processes that share the GPU.

    Args:
        calib: rig calibration, name or path.
        device: of Warp; "cuda" or "cpu".
        workers: number of processes.

    Raises:
        RendererError: Warp is not installed, or this machine has no such device.
    """
    from egorear_synth.rendering import WARP, RendererChoice
    from egorear_synth.throughput import measure_light, measure_rate

    renderer, views = RendererChoice(WARP, device), len(load_rig(calib).views)
    facts = renderer.check()
    rows = [Row("device", facts["device"]), Row("Warp", facts["warp"])]
    for size_px, frames in CASES:
        name = f"{views} views of {size_px}x{size_px}, 2x2 rays a pixel"
        light_hz = measure_light(calib, size_px, 2, LIGHT_S, renderer)
        rows.append(Row(f"{name}: poses, rays and light alone, 1 process", f"{light_hz:.2f} framesets/s"))
        for count in sorted({1, workers}):
            rate = measure_rate(calib, size_px, 2, count, frames, renderer)
            processes = f"{count} process{'es' if count > 1 else ''}"
            # The goal is that of a GPU, with as many processes as it takes.
            judged = size_px == TARGET_PX and device == "cuda" and count == workers
            target = (f"at least {TARGET_HZ:g} on one GPU", rate.framesets_per_s >= TARGET_HZ) if judged else ()
            rows.append(Row(f"{name}: files written, {processes}", f"{rate.framesets_per_s:.2f} framesets/s", *target))
            rows.append(Row(f"{name}: processor time, {processes}", f"{rate.processor_s * 1e3:.1f} ms per frameset"))
    return rows
