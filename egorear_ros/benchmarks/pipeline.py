"""The small model behind four 872x872 JPEG streams: how many poses a second, how old, at what cost."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from egorear_ros.benchmarks.graph import Observation, observe, running_graph, write_params
from egorear_ros.benchmarks.report import Row
from egorear_ros.benchmarks.transport import RATE_HZ, write_frames
from egorear_ros.geometry.rig_file import load_rig

CHECKPOINT = "egorear-small"
POSES_PER_S = 20.0
CORES = 2
LATENCY_MS = 100.0
PROCESSOR_S = CORES / POSES_PER_S
"""Two cores that give twenty poses a second may spend this on each."""


@dataclass(frozen=True)
class _Case:
    """A way to run the graph; targets hold for the demo's way.

    Attributes:
        name: in the table.
        separate: one process per node.
        threads: of the model.
        main: whether targets hold for it.
    """

    name: str
    separate: bool
    threads: int
    main: bool = False


THREADS = 1
"""Of the model: the other core is for cameras, decoding and everybody else, as in config/demo.yaml."""

CASES = (
    _Case("one process", separate=False, threads=THREADS, main=True),
    _Case("two model threads", separate=False, threads=2),
    _Case("separate processes", separate=True, threads=THREADS),
)

STAGES = (
    ("camera", "capture"),
    ("camera", "publish"),
    ("sync", "transport"),
    ("sync", "sync"),
    ("sync", "publish"),
    ("pose", "transport"),
    ("pose", "wait"),
    ("pose", "decode"),
    ("pose", "preprocess"),
    ("pose", "infer"),
    ("pose", "postprocess"),
    ("pose", "publish"),
)


def measure_pipeline(folder: Path, calib: str, duration_s: float) -> list[Row]:
    """Run cameras that play JPEG files, sync, the small model and the visual node; watch from outside.

    Args:
        folder: for frames, parameters and the graphs' logs.
        calib: rig calibration, name or path.
        duration_s: how long to measure each of `CASES` after a warm-up of 5 s.
    """
    rows = []
    for case in CASES:
        pose = {"estimator": {"checkpoint": CHECKPOINT}, "runtime": {"threads": case.threads}}
        params, log = write_pipeline(folder, calib, pose), folder / f"pipeline_{case.name.replace(' ', '_')}.log"
        with running_graph(params, case.separate, log) as graph:
            seen = observe(graph, warm_up_s=5.0, duration_s=duration_s)
        rows += _rows(seen, case)
    return rows


def write_pipeline(folder: Path, calib: str, pose: dict[str, Any]) -> Path:
    """Write frames and the parameters of a graph whose cameras play them; return the parameters' path.

    Args:
        folder: for both.
        calib: rig calibration, name or path.
        pose: parameters of the pose node.
    """
    write_frames(folder / "frames", calib)
    params = folder / "pipeline.yaml"
    source = {"kind": "images", "path": str(folder / "frames"), "rate_hz": RATE_HZ}
    cameras = {f"/**/camera_{view}": {"source": source} for view in load_rig(calib).views}
    write_params(params, {"/**": {"calib": calib}, "/**/pose": pose, **cameras})
    return params


def _rows(seen: Observation, case: _Case) -> list[Row]:
    place, poses = case.name, len(seen.stamps_ns)
    rate_hz, each_s = poses / seen.duration_s, seen.processor_s / poses
    latency_ms = 1e3 * np.percentile(seen.tf_latencies_s, [50, 95, 100])
    p50, p95, most = (float(value) for value in latency_ms)
    wanted = [
        Row(f"{place}: poses", f"{rate_hz:.1f} a second", f"at least {POSES_PER_S:g}", rate_hz >= POSES_PER_S),
        Row(f"{place}: capture to TF p95", f"{p95:.0f} ms", f"below {LATENCY_MS:g} ms", p95 < LATENCY_MS),
        Row(
            f"{place}: processor time of all nodes, per pose",
            f"{each_s * 1e3:.0f} ms",
            f"at most {PROCESSOR_S * 1e3:.0f} ms",
            each_s <= PROCESSOR_S,
        ),
    ]
    if not case.main:
        wanted = [Row(row.quantity, row.value) for row in wanted]
    busy = seen.processor_s / seen.duration_s
    return [
        *wanted,
        Row(f"{place}: capture to TF p50, max", f"{p50:.0f} ms, {most:.0f} ms"),
        Row(f"{place}: cores busy", f"{busy:.2f} of {CORES}"),
        *([] if case.name == "two model threads" else _stage_rows(seen, place)),
    ]


def _stage_rows(seen: Observation, place: str) -> list[Row]:
    rows = []
    for kind, stage in STAGES:
        found = [values for (node, name), values in seen.stages_ms.items() if name == stage and node.startswith(kind)]
        if found:
            slowest = max(found, key=lambda values: values[1])
            text = " / ".join(f"{value:.1f}" for value in slowest)
            rows.append(Row(f"{place}: {kind}, {stage}: p50 / p95 / max", f"{text} ms"))
    return rows
