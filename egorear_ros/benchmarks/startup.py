"""From launch to the first pose, and the memory that takes: the small model and one of the published size."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egorear_ros.benchmarks.graph import observe, running_graph
from egorear_ros.benchmarks.pipeline import CHECKPOINT, THREADS, write_pipeline
from egorear_ros.benchmarks.report import Row
from egorear_ros.geometry.rig_file import load_rig

START_S = 8.0
SMALL_MB, PUBLISHED_MB = 600.0, 1500.0
WATCH_S = 3.0
"""After the first pose, because memory goes on to grow for some frame sets."""


def measure_startup(folder: Path, calib: str) -> list[Row]:
    """Start the graph in one process, cameras included, twice with each model: the second start counts.

    Args:
        folder: for frames, weights, parameters and logs.
        calib: rig calibration with four views, name or path.
    """
    small = _start(folder, calib, CHECKPOINT)
    published = _start(folder, calib, str(random_weights(folder, calib)))
    return [
        Row("imports of the pose node", f"{_import_s():.1f} s"),
        *_rows("small model", small, SMALL_MB),
        *_rows("published size", published, PUBLISHED_MB),
    ]


@dataclass(frozen=True)
class _Start:
    """From launch to the first pose, s, the processor time that took, s, and the process' peak memory, MB."""

    wall_s: float
    processor_s: float
    mb: float


def _rows(model: str, start: _Start, most_mb: float) -> list[Row]:
    first_pose, in_time = f"{start.wall_s:.1f} s", start.wall_s < START_S
    return [
        Row(f"{model}: launch to first pose", first_pose, f"below {START_S:g} s", in_time),
        Row(f"{model}: processor time until then", f"{start.processor_s:.1f} s"),
        Row(f"{model}: peak memory", f"{start.mb:.0f} MB", f"below {most_mb:g} MB", start.mb < most_mb),
    ]


def _start(folder: Path, calib: str, checkpoint: str) -> _Start:
    pose = {"estimator": {"checkpoint": checkpoint}, "runtime": {"threads": THREADS}}
    params = write_pipeline(folder, calib, pose)
    for _ in range(2):  # the first start brings files into memory
        begin_s = time.monotonic()
        with running_graph(params, separate=False, log=folder / "startup.log") as graph:
            seen = observe(graph, warm_up_s=0.0, duration_s=WATCH_S)
    return _Start(seen.first_pose_s - begin_s, seen.starting_s, max(seen.peak_mb))


def random_weights(folder: Path, calib: str) -> Path:
    """Write weights of the published size, random: a start does not depend on their values."""
    path = folder / "published_size.safetensors"
    if not path.is_file():
        from egorear_ros.models.build import build_untrained
        from egorear_ros.models.checkpoint import save_checkpoint
        from egorear_ros.models.header import CheckpointHeader

        rig = load_rig(calib)
        network: Any = build_untrained("egorear", rig)
        header = CheckpointHeader("egorear", views=rig.views, training_data="none: random, for measurements")
        save_checkpoint(path, network.state_dict(), header)
    return path


def _import_s() -> float:
    """Return how long a fresh interpreter takes to import what the pose node needs."""
    command = [sys.executable, "-c", "import egorear_ros.nodes.pose, egorear_ros.runtimes.factory"]
    begin_s = time.monotonic()
    subprocess.run(command, check=True)
    return time.monotonic() - begin_s
