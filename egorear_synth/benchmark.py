"""Measure the renderer on this machine: `python -m egorear_synth.benchmark`."""

import argparse
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from egorear_ros.geometry.rig_file import load_rig
from egorear_synth.wearer import Wearer, make_wearer

FRAME_S = 1 / 30


def framesets_per_second(wearer: Wearer, size_px: int, seconds: float = 5.0) -> tuple[list[float], float]:
    """Render all views of moving framesets, one thread per view, in five rounds.

    Args:
        wearer: who is rendered.
        size_px: width and height.
        seconds: duration of all rounds together.

    Returns:
        Framesets per second of each round, and processor time per frameset, s, which tells on a
        busy machine what it would do if it were idle.
    """
    rates, moment_s, total = [], 0.0, 0
    with ThreadPoolExecutor(len(wearer.rig.views)) as pool:

        def render(time_s: float) -> None:
            list(pool.map(lambda view: wearer.render(view, time_s, size_px, size_px), wearer.rig.views))

        # The first frameset computes the rays of every pixel once.
        render(moment_s)
        begin_s = time.process_time()
        for _ in range(5):
            count, start_s = 0, time.perf_counter()
            while time.perf_counter() - start_s < seconds / 5:
                moment_s += FRAME_S
                render(moment_s)
                count += 1
            rates.append(count / (time.perf_counter() - start_s))
            total += count
        used_s = time.process_time() - begin_s
    return rates, used_s / total


def main() -> None:
    """Print framesets per second at 256x256 and 872x872."""
    parser = argparse.ArgumentParser(description="Framesets per second of the synthetic wearer.")
    parser.add_argument("--rig", default="ego4view_syn", help="rig calibration: a name in calib/ or a YAML file")
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 872], help="image sizes, px")
    parser.add_argument("--seconds", type=float, default=5.0, help="per size")
    args = parser.parse_args()
    rig = load_rig(args.rig)
    wearer = make_wearer(rig)
    for size_px in args.sizes:
        rates, used_s = framesets_per_second(wearer, size_px, args.seconds)
        sys.stdout.write(
            f"{len(rig.views)} x {size_px}x{size_px}: median {statistics.median(rates):.1f} framesets/s "
            f"(rounds {min(rates):.1f} to {max(rates):.1f}), "
            f"{used_s:.3f} s of processor time each\n"
        )


if __name__ == "__main__":
    main()
