"""A model slower than the stream must not fall behind it."""

from pathlib import Path

import numpy as np

from egorear_ros.benchmarks.graph import observe, running_graph, write_params
from egorear_ros.benchmarks.report import Row
from egorear_ros.benchmarks.transport import RATE_HZ, write_frames
from egorear_ros.geometry.rig_file import load_rig


def measure_lag(folder: Path, calib: str, duration_s: float, inference_s: float = 0.5) -> list[Row]:
    """Run the graph at 30 Hz with an estimator that takes `inference_s` and return how old poses are.

    Args:
        folder: for frames, parameters and the graph's log.
        calib: rig calibration, name or path.
        duration_s: how long to measure.
        inference_s: time of one estimate, many frame periods.
    """
    write_frames(folder / "frames", calib)
    params = folder / "lag.yaml"
    source = {"kind": "images", "path": str(folder / "frames"), "rate_hz": RATE_HZ}
    cameras = {f"/**/camera_{view}": {"source": source} for view in load_rig(calib).views}
    pose = {"estimator": {"method": "null", "delay_s": inference_s}}
    write_params(params, {"/**": {"calib": calib}, "/**/pose": pose, **cameras})
    with running_graph(params, separate=False, log=folder / "lag.log") as graph:
        seen = observe(graph, warm_up_s=5.0, duration_s=duration_s)
    worst = max(seen.latencies_s)
    stale_ns = max(later - stamp for later, stamp in zip(seen.arrivals_ns[1:], seen.stamps_ns[:-1], strict=True))
    skipped = round((seen.stamps_ns[-1] - seen.stamps_ns[0]) * 1e-9 * RATE_HZ) + 1 - len(seen.stamps_ns)
    half = len(seen.latencies_s) // 2
    growth = float(np.mean(seen.latencies_s[half:]) - np.mean(seen.latencies_s[:half]))
    return [
        Row("one inference", f"{inference_s * 1e3:.0f} ms"),
        Row(
            "age of the newest pose when it is published, worst",
            f"{worst * 1e3:.0f} ms",
            "below two inferences",
            worst < 2 * inference_s,
        ),
        Row("age just before the next one replaces it, worst", f"{stale_ns * 1e-6:.0f} ms"),
        Row("change of the age at publication, second half against first", f"{growth * 1e3:+.1f} ms"),
        Row("sets skipped, of those that came", f"{skipped} of {skipped + len(seen.stamps_ns)}"),
    ]
