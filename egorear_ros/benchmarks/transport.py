"""Transport and synchronisation with an estimator that does nothing: four JPEG streams at 30 Hz."""

from pathlib import Path

import numpy as np

from egorear_ros.benchmarks.graph import Observation, observe, running_graph, write_params
from egorear_ros.benchmarks.report import Row
from egorear_ros.geometry.rig_file import load_rig

RATE_HZ = 30.0
SIZE_PX = 872


def write_frames(folder: Path, calib: str, count: int = 10) -> int:
    """Render `count` frames per view as JPEG files, one folder per view.

    Returns:
        mean file size, bytes.
    """
    import cv2

    from egorear_synth.wearer import make_wearer

    rig = load_rig(calib)
    paths = [folder / view / f"{index:04d}.jpg" for view in rig.views for index in range(count)]
    if all(path.is_file() for path in paths):
        return int(np.mean([path.stat().st_size for path in paths]))
    wearer = make_wearer(rig)
    sizes = []
    for view in rig.views:
        (folder / view).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            path = folder / view / f"{index:04d}.jpg"
            if not path.is_file():
                image = wearer.render(view, index / 10.0, SIZE_PX, SIZE_PX)
                # Sensor noise makes the files as large as a camera's (0.11 MB at 872x872).
                noise = np.random.default_rng(index).normal(0.0, 6.0, image.shape)
                noisy = np.clip(image + noise, 0, 255).astype(np.uint8)
                cv2.imwrite(str(path), cv2.cvtColor(noisy, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])
            sizes.append(path.stat().st_size)
    return int(np.mean(sizes))


def measure_transport(folder: Path, calib: str, duration_s: float, separate: bool) -> list[Row]:
    """Run cameras, sync and a null estimator and return what arrived and how fast.

    Args:
        folder: for frames, parameters and the graph's log.
        calib: rig calibration, name or path.
        duration_s: how long to measure after a warm-up of 5 s.
        separate: one process per node; otherwise all in one.
    """
    bytes_per_frame = write_frames(folder / "frames", calib)
    params = folder / "transport.yaml"
    source = {"kind": "images", "path": str(folder / "frames"), "rate_hz": RATE_HZ}
    cameras = {f"/**/camera_{view}": {"source": source} for view in load_rig(calib).views}
    write_params(params, {"/**": {"calib": calib}, "/**/pose": {"estimator": {"method": "null"}}, **cameras})
    with running_graph(params, separate, folder / f"transport_{'separate' if separate else 'one'}.log") as graph:
        seen = observe(graph, warm_up_s=5.0, duration_s=duration_s)
    return _rows(seen, separate, bytes_per_frame)


def _rows(seen: Observation, separate: bool, bytes_per_frame: int) -> list[Row]:
    place = "separate processes" if separate else "one process"
    p50, p95 = np.percentile(np.array(seen.latencies_s) * 1e3, [50, 95])
    limit_p50, limit_p95 = (8.0, 20.0) if separate else (2.0, float("inf"))
    # A set that is missing between the first and the last pose was lost somewhere on its way.
    stamps = np.unique(seen.stamps_ns)
    expected = round((stamps[-1] - stamps[0]) * 1e-9 * RATE_HZ) + 1
    lost_cameras = sum(
        after.late + after.unmatched + after.overflow - before.late - before.unmatched - before.overflow
        for before, after in zip(seen.first.cameras, seen.last.cameras, strict=True)
    )
    partial = seen.last.partial_sets + seen.last.dropped_sets - seen.first.partial_sets - seen.first.dropped_sets
    rows = [
        Row(f"{place}: JPEG size", f"{bytes_per_frame / 1e6:.2f} MB"),
        Row(f"{place}: sets delivered of sets exposed", f"{len(stamps)} of {expected}", "all", len(stamps) == expected),
        Row(f"{place}: partial or dropped sets", str(partial), "0", partial == 0),
        Row(f"{place}: frames late, unmatched, overflowed", str(lost_cameras), "0", lost_cameras == 0),
        Row(f"{place}: capture to callback p50", f"{p50:.1f} ms", f"below {limit_p50:g} ms", bool(p50 < limit_p50)),
    ]
    if separate:
        verdict = bool(p95 < limit_p95)
        return [*rows, Row(f"{place}: capture to callback p95", f"{p95:.1f} ms", f"below {limit_p95:g} ms", verdict)]
    return [*rows, Row(f"{place}: capture to callback p95", f"{p95:.1f} ms")]
