"""Frame sets a second of the synthetic wearer."""

import statistics

from egorear_ros.benchmarks.report import Row
from egorear_ros.geometry.rig_file import load_rig

TARGET_HZ = 10.0


def measure_wearer(calib: str) -> list[Row]:
    """Render all views of moving framesets, one thread per view as the camera nodes do.

    Args:
        calib: rig calibration, name or path.
    """
    from egorear_synth.benchmark import framesets_per_second
    from egorear_synth.wearer import make_wearer

    wearer = make_wearer(load_rig(calib))
    rows = []
    for size_px in (256, 872):
        rates, used_s = framesets_per_second(wearer, size_px, seconds=10.0)
        rate = statistics.median(rates)
        name = f"{len(wearer.rig.views)} views of {size_px}x{size_px}"
        target = (f"at least {TARGET_HZ:g} on 2 cores", rate >= TARGET_HZ) if size_px == 256 else ("", None)
        rows.append(Row(name, f"{rate:.1f} framesets/s ({min(rates):.1f} to {max(rates):.1f} in five rounds)", *target))
        rows.append(Row(f"{name}: processor time", f"{used_s * 1e3:.0f} ms per frameset"))
    return rows
