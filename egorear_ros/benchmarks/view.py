"""What `egorear view live` costs the graph that it shows."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from egorear_ros.benchmarks.graph import Observation, observe, running_graph
from egorear_ros.benchmarks.pipeline import CHECKPOINT, THREADS, write_pipeline
from egorear_ros.benchmarks.processes import processor_s
from egorear_ros.benchmarks.report import Row

SHOWN_HZ = 30
SHARE = 0.15
"""Of one core: the most that a viewer may take from the graph."""

SETTLE_S = 8.0
"""A viewer needs some seconds to start and subscribe."""


def measure_view(folder: Path, calib: str, duration_s: float) -> list[Row]:
    """Watch a graph's processor time without a viewer, with one that is looked at, and afterwards.

    The viewer writes a file, for which it subscribes and draws as for a visible window; a browser's own work
    is not part of it.

    Args:
        folder: for frames, logs and the file.
        calib: rig calibration, name or path.
        duration_s: of each of the three parts.

    Raises:
        ViewError: Rerun is missing.
    """
    from egorear_ros.viewer.library import load_rerun

    load_rerun()
    pose = {"estimator": {"checkpoint": CHECKPOINT}, "runtime": {"threads": THREADS}}
    params = write_pipeline(folder, calib, pose)
    with running_graph(params, False, folder / "view_graph.log") as graph:
        before = observe(graph, warm_up_s=5.0, duration_s=duration_s)
        with _viewer(folder) as viewer:
            looking = observe(graph, warm_up_s=SETTLE_S, duration_s=duration_s)
            viewer_s = processor_s(viewer.pid)
        after = observe(graph, warm_up_s=5.0, duration_s=duration_s)
    return rows(before, looking, after, viewer_s / (SETTLE_S + looking.duration_s))


def rows(before: Observation, looking: Observation, after: Observation, viewer_share: float) -> list[Row]:
    """Return the table: the graph's share of a core, and what the viewer adds to it.

    On a machine without a free core the graph makes fewer poses while a viewer draws, and so takes less in all;
    what counts is what each pose costs, at the rate of before.
    """
    parts = {"nobody looks": before, f"a viewer at {SHOWN_HZ} Hz": looking, "it has ended": after}
    shares = {name: seen.processor_s / seen.duration_s for name, seen in parts.items()}
    poses = len(before.stamps_ns) + len(after.stamps_ns)
    each_s = (before.processor_s + after.processor_s) / poses
    rate_hz = poses / (before.duration_s + after.duration_s)
    taken = (looking.processor_s / len(looking.stamps_ns) - each_s) * rate_hz
    found = [
        Row(f"{name}: graph", f"{share:.2f} cores, {len(parts[name].stamps_ns) / parts[name].duration_s:.1f} poses/s")
        for name, share in shares.items()
    ]
    return [
        *found,
        Row(
            "more work for the graph, at the rate of before",
            f"{100 * taken:.0f} % of a core",
            f"below {100 * SHARE:.0f} %",
            taken < SHARE,
        ),
        Row("the viewer's own process", f"{100 * viewer_share:.0f} % of a core"),
    ]


@contextmanager
def _viewer(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    saved = folder / "view.rrd"
    command = [sys.executable, "-m", "egorear_ros.cli", "view", "live", "--rate", str(SHOWN_HZ), "--save", str(saved)]
    with (folder / "view.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            yield process
            if process.poll() is not None:
                raise RuntimeError(f"the viewer ended with status {process.returncode}; its log is {log.name}.")
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(timeout=60)
