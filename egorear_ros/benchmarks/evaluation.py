"""How fast a recording is evaluated, against the network alone: reading and decoding should cost nothing."""

import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from egorear_ros.bags.bag import Bag, open_bag
from egorear_ros.bags.frame_sets import FrameSets
from egorear_ros.bags.sequence import BEGIN_S, ground_truth
from egorear_ros.bags.views import RigTopics, rig_topics
from egorear_ros.bags.writer import BagWriter
from egorear_ros.benchmarks.report import Row
from egorear_ros.benchmarks.transport import RATE_HZ, write_frames
from egorear_ros.config import EstimatorConfig, RuntimeConfig, SyncConfig
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.sources.pacing import period_ns
from egorear_ros.structures import Frame, FrameSet, Rig

if TYPE_CHECKING:
    from egorear_ros.estimators.base import Estimator

ROUNDS = 3
TARGET_RATIO = 0.9


@dataclass(frozen=True)
class Case:
    """A network to evaluate with.

    Attributes:
        name: in the table.
        config: of the estimator.
        sets: of the recording that are evaluated in a round.
        alone: sets that are held in memory for the network alone.
        skipped: sets at the beginning, while queues fill and what is compiled is loaded, that do not count.
    """

    name: str
    config: EstimatorConfig
    sets: int
    alone: int
    skipped: int


CASES = (
    Case("egorear-small", EstimatorConfig(checkpoint="egorear-small"), 450, 40, 150),
    Case("published network, random weights", EstimatorConfig(allow_untrained=True), 24, 8, 6),
)


def measure_eval(folder: Path, calib: str) -> list[Row]:
    """Write a recording of 872x872 JPEGs, evaluate it and run the networks alone, in turns; remove it.

    Args:
        folder: for frames and the recording.
        calib: rig calibration with four views, name or path.

    Raises:
        RuntimeError: a measurement failed; its error output is in the message.
    """
    rig = load_rig(calib)
    size = write_frames(folder / "frames", calib)
    bag = folder / "bag_eval"
    shutil.rmtree(bag, ignore_errors=True)
    rows = [Row("recording", f"sets of {len(rig.views)} JPEGs of {size / 1e6:.2f} MB")]
    try:
        _write(bag, rig, folder / "frames", max(case.sets for case in CASES))
        for case in CASES:
            rows += _measure(case, bag, calib)
    finally:
        shutil.rmtree(bag, ignore_errors=True)
    return rows


def _measure(case: Case, bag: Path, calib: str) -> list[Row]:
    alone, evaluation = [], []
    for _ in range(ROUNDS):
        alone.append(_child(case, bag, calib, "alone"))
        evaluation.append(_child(case, bag, calib, "evaluation"))
    ratios = [after["evaluation"] / before["network"] for before, after in zip(alone, evaluation, strict=True)]
    ratio = statistics.median(ratios)
    spread = f"{ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f} in {ROUNDS} rounds)"
    return [
        Row(f"{case.name}: network alone", _rate([one["network"] for one in alone])),
        Row("decoding and resizing alone", _rate([one["prepare"] for one in alone])),
        Row("read, decode, network, one after the other", _rate([one["one by one"] for one in alone])),
        Row("evaluation (`egorear eval bag`)", _rate([one["evaluation"] for one in evaluation])),
        Row("evaluation against network alone", spread, f"at least {TARGET_RATIO:g}", ratio >= TARGET_RATIO),
    ]


def _child(case: Case, bag: Path, calib: str, what: str) -> dict[str, float]:
    """Measure in a process of its own, whose threads wait for each other as they do in use; return sets a second."""
    command = [sys.executable, "-m", "egorear_ros.benchmarks.evaluation", str(CASES.index(case)), str(bag), calib, what]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command)}` ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    rates: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return rates


def run_child(case: Case, path: str, calib: str, what: str) -> dict[str, float]:
    """Return sets a second of one measurement: "alone", the parts by themselves, or "evaluation"."""
    from egorear_eval.read_ahead import wait_asleep

    if what == "evaluation":
        wait_asleep()
    from egorear_ros.estimators.factory import make_estimator

    rig = load_rig(calib)
    estimator = make_estimator(case.config, RuntimeConfig(), rig)
    estimator.warm_up()
    with open_bag(path) as bag:
        topics = rig_topics(bag.topics, None, rig.views)
        if what == "evaluation":
            return {"evaluation": _evaluation(case, bag, topics, estimator)}
        rates = _parts(_sets(bag, topics, case.alone), estimator)
        begin_s = time.perf_counter()
        for frames in _sets(bag, topics, case.alone):
            estimator.estimate(frames)
        return rates | {"one by one": case.alone / (time.perf_counter() - begin_s)}


def _sets(bag: Bag, topics: RigTopics, count: int) -> Iterator[FrameSet]:
    return islice(FrameSets(bag, topics, SyncConfig()), count)


def _parts(sets: Iterator[FrameSet], estimator: "Estimator") -> dict[str, float]:
    """Return how many sets a second are prepared, and how many go through the network."""
    frames = list(sets)
    begin_s = time.perf_counter()
    prepared = [estimator.prepare(one) for one in frames]
    prepare_s, infer_s = time.perf_counter() - begin_s, 0.0
    for one in prepared:
        infer_s += estimator.infer(one).timings_s["infer"]
    return {"prepare": len(frames) / prepare_s, "network": len(frames) / infer_s}


def _evaluation(case: Case, bag: Bag, topics: RigTopics, estimator: "Estimator") -> float:
    """Return how many sets a second are evaluated."""
    from egorear_eval.recording import evaluate_recording

    ends_s: list[float] = []

    def note(done: int) -> None:
        ends_s.append(time.perf_counter())
        if done == case.sets:
            raise KeyboardInterrupt  # which ends an evaluation early, in order

    evaluate_recording(bag, topics, SyncConfig(), {topics.views: estimator}, progress=note)
    return (len(ends_s) - case.skipped - 1) / (ends_s[-1] - ends_s[case.skipped])


def _write(path: Path, rig: Rig, frames: Path, sets: int) -> None:
    """Write the rendered frames, over and over, as a recording."""
    images = {view: [file.read_bytes() for file in sorted((frames / view).iterdir())] for view in rig.views}
    joints_device = np.zeros((EGO4VIEW.joint_count, 3))
    period = period_ns(RATE_HZ)
    with BagWriter(path, rig) as writer:
        writer.write_static_tf(BEGIN_S * 10**9)
        for index in range(sets):
            stamp_ns = BEGIN_S * 10**9 + index * period
            for view, files in images.items():
                writer.write_frame(Frame(view, stamp_ns, "jpeg", files[index % len(files)]))
            writer.write_truth(ground_truth(joints_device, rig.views, stamp_ns))


def _rate(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} sets/s"


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run_child(CASES[int(sys.argv[1])], *sys.argv[2:5])) + "\n")
