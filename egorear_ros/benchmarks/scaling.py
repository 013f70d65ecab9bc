"""How the cost of one estimate grows with the number of views and with the batch."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

from egorear_ros.benchmarks.report import Row
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.structures import Rig

VIEWS = (2, 3, 4, 6)
BATCHES = (1, 2, 4, 8)
ROUNDS = 9
SLACK = 1.1
"""Growth that still counts as linear: timers and caches are not exact."""


@dataclass(frozen=True)
class Curve:
    """Time over a number.

    Attributes:
        title: what grows.
        counts: of views, or of frame sets at a time.
        ms: time for each.
    """

    title: str
    counts: tuple[int, ...]
    ms: tuple[float, ...]

    @property
    def growth(self) -> float:
        """Most time against a linear one, over all points but the first.

        Linear is what the first point takes for each, from nothing and from the point before: the ends alone would hide
        a jump between them, and a cheap beginning a steep end.
        """
        each = self.ms[0] / self.counts[0]
        points = list(zip(self.counts, self.ms, strict=True))
        return max(
            after / min(each * count, before + each * (count - fewer))
            for (fewer, before), (count, after) in pairwise(points)
        )


def measure_scaling(calib: str, models: Sequence[str], plot: Path | None = None) -> list[Row]:
    """Measure the runtime `pytorch` in fp32.

    Args:
        calib: rig calibration with four views, name or path; six are made from it.
        models: see `make_subject`. Only networks without fixed views are measured with six.
        plot: image to write.
    """
    curves = [curve for model in models for curve in _curves(load_rig(calib), model)]
    if plot is not None:
        _draw(curves, plot)
    return _rows(curves)


def _rows(curves: Sequence[Curve]) -> list[Row]:
    rows = []
    for curve in curves:
        # One row for each: `--compare` sets the first number of a row against that of an earlier run.
        for count, value in zip(curve.counts, curve.ms, strict=True):
            rows.append(Row(f"{curve.title}: {count}", f"{value:.1f} ms"))
        verdict = f"{curve.growth:.2f} of linear"
        rows.append(Row(f"{curve.title}: growth", verdict, f"at most {SLACK:g} of linear", curve.growth <= SLACK))
    return rows


def rig_of(rig: Rig, views: int) -> Rig:
    """Return a rig of as many views: the first ones, then copies of these under other names, on the other side."""
    cameras = list(rig.cameras[:views])
    for index in range(len(cameras), views):
        camera = rig.cameras[index % len(rig.cameras)]
        turned = camera.T_device_camera.copy()
        turned[:3, 3] *= (-1.0, 1.0, 1.0)
        cameras.append(replace(camera, view=f"extra_{index}", T_device_camera=turned))
    return Rig(f"{rig.name}_{views}_views", tuple(cameras), rig.source)


def _curves(rig: Rig, model: str) -> list[Curve]:
    from egorear_ros.benchmarks.networks import PAPER, make_subject
    from egorear_ros.config import RuntimeConfig
    from egorear_ros.runtimes.factory import make_runtime

    config = RuntimeConfig(name="pytorch", fallback=False)
    counts = VIEWS if model == PAPER else tuple(count for count in VIEWS if count <= len(rig.views))
    runs = []
    for count in counts:
        subject = make_subject(model, rig_of(rig, count))
        runtime = make_runtime(subject.network, config, subject.identity)
        runs.append(partial(runtime.run, subject.images(1)))
    per_view = _milliseconds(runs)
    del runs, runtime  # several networks of the published size
    subject = make_subject(model, rig)
    runtime = make_runtime(subject.network, config, subject.identity)
    per_batch = _milliseconds([partial(runtime.run, subject.images(batch)) for batch in BATCHES])
    return [
        Curve(f"{model}: views", counts, per_view),
        Curve(f"{model}: {len(rig.views)} views, frame sets at a time", BATCHES, per_batch),
    ]


def _milliseconds(runs: Sequence[Callable[[], object]]) -> tuple[float, ...]:
    """Return the median time of each of some runs, which take turns: a slow moment of the machine is of all."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(1 + ROUNDS):
        for run, found in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            found.append(time.perf_counter() - start)
    return tuple(1e3 * statistics.median(found[1:]) for found in times)


def _draw(curves: Sequence[Curve], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.0, 4.5), layout="constrained")
    panels = figure.subplots(1, 2)
    for panel, kind, label in ((panels[0], "views", "views"), (panels[1], "at a time", "frame sets at a time")):
        some = [curve for curve in curves if curve.title.endswith(kind)]
        ticks = max((curve.counts for curve in some), key=len)
        panel.plot(ticks, [count / ticks[0] for count in ticks], linestyle="--", color="grey", label="linear")
        for curve in some:
            name = f"{curve.title.partition(':')[0]} ({curve.ms[0]:.0f} ms with {curve.counts[0]})"
            panel.plot(curve.counts, [value / curve.ms[0] for value in curve.ms], marker="o", label=name)
        panel.set(xlabel=label, ylabel=f"time, as a multiple of that with {ticks[0]}", xticks=ticks)
        panel.set_ylim(bottom=0.0)
        panel.grid(alpha=0.3)
        panel.legend(loc="upper left")
    figure.suptitle("Time of one run: runtime pytorch, fp32")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
