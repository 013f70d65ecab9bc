"""What decoding JPEGs at reduced scale saves, and what it costs the small model."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from egorear_ros.benchmarks.pipeline import CHECKPOINT
from egorear_ros.benchmarks.preparing import measure_on_gpu
from egorear_ros.benchmarks.report import Row
from egorear_ros.config import EstimatorConfig, RuntimeConfig
from egorear_ros.estimators.factory import make_estimator
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.metrics import mpjpe_mm
from egorear_ros.sources.sequence import ANNOTATIONS, IMAGES
from egorear_ros.sources.truth import read_joints_device
from egorear_ros.structures import FloatArray, Frame, FrameSet, Rig

MM_M = 1e3
DECODINGS = ("reduced", "auto")
"""Of `estimator.jpeg_decoding`, besides `exact`; `smallest` is what `auto` is for images of 872 px."""
COST = 0.01
"""Most that the default way of decoding may add to the shipped model's error, as a share of it."""


def measure_jpeg(data: Path, calib: str) -> list[Row]:
    """Estimate every frame set of a data set, its JPEGs decoded exactly and at reduced scales.

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
    truth = np.array([joints_device for _, joints_device in sets])
    exact = _measure([frames for frames, _ in sets], "exact", rig)
    found = {decoding: _measure([frames for frames, _ in sets], decoding, rig) for decoding in DECODINGS}
    found["compressed again at quality 90"] = _measure([_compressed_again(frames) for frames, _ in sets], "exact", rig)
    exact_mm = _errors_mm(exact.joints_device, truth)
    rows = [
        Row("frame sets", str(len(sets))),
        Row("exact: processor time to network input, four views", f"{MM_M * exact.preparing_s:.1f} ms"),
        Row("exact: MPJPE", f"{exact_mm.mean():.1f} mm"),
    ]
    for name, one in found.items():
        if name in DECODINGS:
            times = f"{MM_M * one.preparing_s:.1f} ms, {exact.preparing_s / one.preparing_s:.1f} times as fast"
            rows.append(Row(f"{name}: processor time", times))
        change_mm = _errors_mm(one.joints_device, truth) - exact_mm
        error_mm = change_mm.std(ddof=1) / np.sqrt(len(sets))
        text = (
            f"{change_mm.mean():+.2f} mm on average (standard error {error_mm:.2f}), {np.median(change_mm):+.2f} median"
        )
        wanted: tuple[str, bool] | tuple[()] = ()
        if name == "auto":
            wanted = (f"at most {COST:.0%} of it", bool(change_mm.mean() <= COST * exact_mm.mean()))
        rows.append(Row(f"{name}: MPJPE minus that of exact", text, *wanted))
        moved_mm = MM_M * np.linalg.norm(one.joints_device - exact.joints_device, axis=-1)
        spread = f"{np.median(moved_mm):.1f} mm (median), {np.percentile(moved_mm, 95):.1f} mm (p95)"
        rows.append(Row(f"{name}: joints move by", spread))
    return rows + measure_on_gpu([frames for frames, _ in sets], rig)


@dataclass(frozen=True, eq=False)
class _Measured:
    """(F, J, 3) joints of F frame sets, m, and the processor time before the network, per set, s."""

    joints_device: FloatArray
    preparing_s: float


def _measure(sets: Sequence[FrameSet], decoding: str, rig: Rig) -> _Measured:
    config = EstimatorConfig(checkpoint=CHECKPOINT, jpeg_decoding=decoding)
    estimator = make_estimator(config, RuntimeConfig(device="cpu", threads=1), rig)
    estimator.warm_up()
    joints, preparing_s = [], 0.0
    for frames in sets:
        begin_s = time.process_time()
        prepared = estimator.prepare(frames)
        preparing_s += time.process_time() - begin_s
        joints.append(estimator.infer(prepared).joints_device)
    return _Measured(np.array(joints), preparing_s / len(sets))


def _errors_mm(joints_device: FloatArray, truth: FloatArray) -> FloatArray:
    return np.array([float(mpjpe_mm(found, right)) for found, right in zip(joints_device, truth, strict=True)])


def _compressed_again(frames: FrameSet) -> FrameSet:
    """Return a set whose images went through JPEG once more: a change that nobody would think of."""
    again = {}
    for view, frame in frames.frames.items():
        assert isinstance(frame.data, bytes)
        pixels = cv2.imdecode(np.frombuffer(frame.data, np.uint8), cv2.IMREAD_COLOR)
        data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
        again[view] = Frame(view, frame.stamp_ns, "jpeg", bytes(data))
    return FrameSet(frames.stamp_ns, frames.views, again)


def _make(data: Path, calib: str) -> None:
    """Make sequences of people whom the shipped model has not seen, with the defaults of training data."""
    options = "--sequences 6 --frames 6 --rate 2 --procedural 1 --split 0/0/100 --seed 11"
    workers = str(min(2, len(os.sched_getaffinity(0))))
    command = [sys.executable, "-m", "egorear_ros.cli", "synth", "--rig", calib, "--out", str(data), *options.split()]
    command += ["--workers", workers]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command)}` ended with status {done.returncode}:\n{done.stderr[-2000:]}")


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
