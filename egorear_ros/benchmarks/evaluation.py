"""How fast a recording is evaluated, against the network alone: reading and decoding should cost nothing."""

import shutil
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from egorear_ros.bags.bag import open_bag
from egorear_ros.bags.frame_sets import FrameSets
from egorear_ros.bags.sequence import BEGIN_S, ground_truth
from egorear_ros.bags.views import rig_topics
from egorear_ros.bags.writer import BagWriter
from egorear_ros.benchmarks.report import Row
from egorear_ros.benchmarks.transport import RATE_HZ, write_frames
from egorear_ros.config import EstimatorConfig, RuntimeConfig, SyncConfig
from egorear_ros.estimators.factory import make_estimator
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.sources.pacing import period_ns
from egorear_ros.structures import Frame, Rig

if TYPE_CHECKING:
    from egorear_ros.estimators.base import Estimator

CHECKPOINT = "egorear-small"
SETS = 150
ROUNDS = 3
ALONE = 40
"""Sets that are held in memory for the network alone."""

TARGET_RATIO = 0.9
SKIPPED = 10
"""Sets at the beginning, while threads and queues fill, that do not count."""


@dataclass(frozen=True)
class Round:
    """One measurement of both, one right after the other; sets a second.

    Attributes:
        alone: the network, its input being ready in memory.
        prepare: decoding and resizing alone, one set after the other.
        evaluation: a recording, all included.
        one_by_one: the same without threads: read, decode, run the network, and so on.
    """

    alone: float
    prepare: float
    evaluation: float
    one_by_one: float


def measure_eval(folder: Path, calib: str) -> list[Row]:
    """Write a recording of 872x872 JPEGs, evaluate it and run the network alone, in turns; remove it.

    Args:
        folder: for frames and the recording.
        calib: rig calibration, name or path.
    """
    rig = load_rig(calib)
    size = write_frames(folder / "frames", calib)
    bag = folder / "bag_eval"
    shutil.rmtree(bag, ignore_errors=True)
    _write(bag, rig, folder / "frames")
    estimator = make_estimator(EstimatorConfig(checkpoint=CHECKPOINT), RuntimeConfig(), rig)
    estimator.warm_up()
    try:
        rounds = [_round(bag, rig, estimator) for _ in range(ROUNDS)]
    finally:
        shutil.rmtree(bag, ignore_errors=True)
    ratios = [one.evaluation / one.alone for one in rounds]
    ratio = statistics.median(ratios)
    spread = f"{ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f} in {ROUNDS} rounds)"
    return [
        Row("model and recording", f"{CHECKPOINT}, {SETS} sets of {len(rig.views)} JPEGs of {size / 1e6:.2f} MB"),
        Row("network alone", _rate([one.alone for one in rounds])),
        Row("decoding and resizing alone", _rate([one.prepare for one in rounds])),
        Row("evaluation, one thing after the other", _rate([one.one_by_one for one in rounds])),
        Row("evaluation (`egorear eval bag`)", _rate([one.evaluation for one in rounds])),
        Row("evaluation against network alone", spread, f"at least {TARGET_RATIO:g}", ratio >= TARGET_RATIO),
    ]


def _round(bag: Path, rig: Rig, estimator: "Estimator") -> Round:
    from egorear_eval.recording import evaluate_recording

    with open_bag(bag) as opened:
        topics = rig_topics(opened.topics, None, rig.views)
        sets = iter(FrameSets(opened, topics, SyncConfig()))
        chosen = [next(sets) for _ in range(ALONE)]
        begin_s = time.perf_counter()
        prepared = [estimator.prepare(frames) for frames in chosen]
        prepare = ALONE / (time.perf_counter() - begin_s)
        spent_s = 0.0
        for one in prepared:
            estimator.infer(one)
            spent_s += estimator.last_timings_s["infer"]
        ends_s: list[float] = []
        evaluate_recording(
            opened, topics, SyncConfig(), {rig.views: estimator}, progress=lambda _: ends_s.append(time.perf_counter())
        )
        evaluation = (len(ends_s) - SKIPPED - 1) / (ends_s[-1] - ends_s[SKIPPED])
        begin_s = time.perf_counter()
        sets = iter(FrameSets(opened, topics, SyncConfig()))
        for _ in range(ALONE):
            estimator.estimate(next(sets))
        one_by_one = ALONE / (time.perf_counter() - begin_s)
    return Round(ALONE / spent_s, prepare, evaluation, one_by_one)


def _write(path: Path, rig: Rig, frames: Path) -> None:
    """Write the rendered frames, over and over, as a recording."""
    images = {view: [file.read_bytes() for file in sorted((frames / view).iterdir())] for view in rig.views}
    joints_device = np.zeros((EGO4VIEW.joint_count, 3))
    period = period_ns(RATE_HZ)
    with BagWriter(path, rig) as writer:
        writer.write_static_tf(BEGIN_S * 10**9)
        for index in range(SETS):
            stamp_ns = BEGIN_S * 10**9 + index * period
            for view, files in images.items():
                writer.write_frame(Frame(view, stamp_ns, "jpeg", files[index % len(files)]))
            writer.write_truth(ground_truth(joints_device, rig.views, stamp_ns))


def _rate(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} sets/s"
