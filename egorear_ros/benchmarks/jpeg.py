"""What decoding JPEGs at reduced scale saves, and what it costs the small model."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from egorear_ros.benchmarks.pipeline import CHECKPOINT
from egorear_ros.benchmarks.report import Row
from egorear_ros.config import EstimatorConfig, RuntimeConfig
from egorear_ros.estimators.base import Estimator
from egorear_ros.estimators.factory import make_estimator
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.metrics import mpjpe_mm
from egorear_ros.sources.sequence import ANNOTATIONS, IMAGES
from egorear_ros.sources.truth import read_joints_device
from egorear_ros.structures import FloatArray, Frame, FrameSet, Rig

MM_M = 1e3
COST_MM = 0.5
"""Negligible beside the shipped model's own error, which is more than a hundred times as large."""


def measure_jpeg(data: Path, calib: str) -> list[Row]:
    """Estimate every frame set of a data set twice, its JPEGs decoded exactly and at reduced scale.

    Args:
        data: folder in Ego4View's layout; if it is not there, `egorear synth` makes it.
        calib: its rig, name or path.

    Raises:
        ValueError: there is no annotated frame set in it.
        RuntimeError: it could not be made.
    """
    rig = load_rig(calib)
    if not data.is_dir():
        _make(data, calib)
    sets = list(_frame_sets(data, rig))
    if not sets:
        raise ValueError(f"{data} has no annotated frame set of the views {', '.join(rig.views)}. Remove the folder.")
    errors_mm: dict[str, FloatArray] = {}
    joints: dict[str, list[FloatArray]] = {}
    processor_s: dict[str, float] = {}
    for decoding in ("exact", "reduced"):
        config = EstimatorConfig(checkpoint=CHECKPOINT, jpeg_decoding=decoding)
        estimator = make_estimator(config, RuntimeConfig(device="cpu", threads=1), rig)
        joints[decoding] = [estimator.estimate(frames).joints_device for frames, _ in sets]
        pairs = zip(joints[decoding], (truth for _, truth in sets), strict=True)
        errors_mm[decoding] = np.array([float(mpjpe_mm(found, truth)) for found, truth in pairs])
        processor_s[decoding] = _preparing_s(estimator, [frames for frames, _ in sets])
    change_mm = errors_mm["reduced"] - errors_mm["exact"]
    cost_mm, spread_mm = float(change_mm.mean()), float(change_mm.std(ddof=1) / np.sqrt(len(sets)))
    moved_mm = MM_M * np.linalg.norm(np.subtract(joints["reduced"], joints["exact"]), axis=-1)
    exact_ms, reduced_ms = (MM_M * processor_s[decoding] for decoding in ("exact", "reduced"))
    return [
        Row("frame sets", str(len(sets))),
        Row("decoding to network input, exact: processor time of four views", f"{exact_ms:.1f} ms"),
        Row("decoding to network input, reduced", f"{reduced_ms:.1f} ms"),
        Row("exact against reduced", f"{exact_ms / reduced_ms:.1f} times"),
        Row("MPJPE, exact", f"{errors_mm['exact'].mean():.2f} mm"),
        Row(
            "MPJPE, reduced minus exact",
            f"{cost_mm:+.2f} mm (standard error {spread_mm:.2f} mm)",
            f"at most {COST_MM:g} mm",
            cost_mm <= COST_MM,
        ),
        Row("joints move by", f"{np.median(moved_mm):.1f} mm (median), {np.percentile(moved_mm, 95):.1f} mm (p95)"),
    ]


def _make(data: Path, calib: str) -> None:
    """Make sequences of people whom the shipped model has not seen, with the defaults of training data."""
    wanted = {"--rig": calib, "--out": str(data), "--sequences": "6", "--frames": "6", "--rate": "2", "--seed": "11"}
    options = [text for option in {**wanted, "--procedural": "1", "--split": "0/0/100"}.items() for text in option]
    command = [sys.executable, "-m", "egorear_ros.cli", "synth", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command)}` ended with status {done.returncode}:\n{done.stderr[-2000:]}")


def _preparing_s(estimator: Estimator, sets: list[FrameSet]) -> float:
    """Return the processor time of what comes before the network, per set, s."""
    begin_s = time.process_time()
    for frames in sets:
        estimator.prepare(frames)
    return (time.process_time() - begin_s) / len(sets)


def _frame_sets(data: Path, rig: Rig) -> Iterator[tuple[FrameSet, FloatArray]]:
    """Yield every set that has all views and its joints, (J, 3) in the device frame, m."""
    for annotation in sorted(data.glob("*/*/*/*.json")):
        if annotation.parent.name not in ANNOTATIONS:
            continue
        folder = annotation.parent.parent / IMAGES
        paths = {view: folder / f"camera_{view}" / f"{annotation.stem}.jpg" for view in rig.views}
        if all(path.is_file() for path in paths.values()):
            frames = {view: Frame(view, 0, "jpeg", path.read_bytes()) for view, path in paths.items()}
            yield FrameSet(0, rig.views, frames), read_joints_device(annotation)
