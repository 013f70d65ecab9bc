"""Plots over all frames of a run."""

import numpy as np
from numpy.typing import NDArray

from egorear_eval.bootstrap import interval
from egorear_eval.reliability import reliability
from egorear_eval.report.html import figure, paragraph, section, table, tag, text
from egorear_eval.report.plot import Plot
from egorear_eval.report.results import Results
from egorear_eval.scores import COLUMNS
from egorear_ros import metrics
from egorear_ros.estimators.confidence import GOOD_ERROR_CM
from egorear_ros.geometry.fisheye import project
from egorear_ros.geometry.transforms import invert_transform, transform_points
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import FloatArray, Rig

PCK_RANGE_MM = 300.0
CURVES = {"forearms": "a", "hands": "b", "legs": "c", "feet": "d"}
"""Columns drawn into the PCK plot beside all joints, with their line's class."""


def pck_curve(results: Results) -> str:
    """Return the share of joints within a distance of the truth, for every distance."""
    errors = results.errors_mm
    distances = np.arange(0.0, PCK_RANGE_MM + 0.1, 5.0)
    plot = Plot((0.0, PCK_RANGE_MM), (0.0, 100.0), "distance from the truth, mm", "joints within it, %")
    plot.axes()
    plot.upright(metrics.PCK_THRESHOLD_MM, "mark")
    for name, style in CURVES.items():
        columns = [EGO4VIEW.index(joint) for joint in COLUMNS[name]]
        plot.line(distances, _shares(errors[:, columns], distances), f"thin {style}", name)
    plot.line(distances, _shares(errors, distances), "estimate", "all joints")
    pck, auc = _shares(errors, np.array([metrics.PCK_THRESHOLD_MM]))[0], _shares(errors, metrics.AUC_THRESHOLDS_MM)
    caption = (
        f"3D-PCK {pck:.1f} % at {metrics.PCK_THRESHOLD_MM:g} mm (upright line); AUC {auc.mean():.1f} %: the mean "
        "height of the line over all joints left of it."
    )
    return figure(plot.svg("3D-PCK curve"), caption)


def _shares(errors: FloatArray, distances: FloatArray) -> FloatArray:
    ordered = np.sort(errors.ravel())
    shares: FloatArray = 100.0 * np.searchsorted(ordered, distances, side="right") / ordered.size
    return shares


def used_views(results: Results) -> str:
    """Return the error against the number of views that a pose is made of."""
    plot_of_sets = _view_sets(results)
    counts = results.everything.view_counts
    used = sorted({int(count) for count in counts if count > 0})
    if plot_of_sets:
        return plot_of_sets
    if len(used) < 2:
        made_of = f"All poses are made of {used[0]} views" if used else "The run does not say how many views it used"
        return paragraph(f"{made_of}. Evaluate with --views every to see what each view is worth.", "note")
    rows = [
        (float(count), results.errors_mm[counts == count].mean(axis=1), _groups(results, counts == count))
        for count in used
    ]
    return _against_count(rows, "views used", "Mean error of poses by the number of views they are made of.")


def _view_sets(results: Results) -> str:
    """Return the means of the run's table by views, if it has several sets of views."""
    rows = results.facts["scores"].get("By views", {})
    points = [(name.count(" + ") + 1, row["means"]["mpjpe_mm"], name) for name, row in rows.items()]
    if len({count for count, _, _ in points}) < 2:
        return ""
    counts = np.array([count for count, _, _ in points], dtype=np.float64)
    means = np.array([mean for _, mean, _ in points])
    top = 1.1 * float(means.max())
    plot = Plot((counts.min() - 0.5, counts.max() + 0.5), (0.0, top), "views used", "MPJPE, mm")
    steps = np.unique(counts)
    plot.axes(steps.tolist())
    plot.dots(counts, means, "estimate")
    plot.line(steps, [means[counts == step].mean() for step in steps], "estimate", "mean of the sets of this size")
    best = {step: min((mean, name) for count, mean, name in points if count == step) for step in steps}
    words = "; ".join(f"{step:g} views: {name} ({mean:.1f} mm)" for step, (mean, name) in best.items())
    caption = f"Mean error of each set of views (dots). The best of each size: {words}."
    return figure(plot.svg("Error against number of views used"), caption)


def visible_views(results: Results) -> str:
    """Return the error of joints against the number of cameras whose field of view holds them."""
    if results.rig is None:
        return paragraph("The run does not say with which cameras it was made, so joints cannot be projected.", "note")
    counts = views_of_joints(results.everything.truth, results.rig)
    rows = []
    for count in range(int(counts.max()) + 1):
        chosen = counts == count
        if chosen.any():
            frames = np.nonzero(chosen)[0]
            rows.append((float(count), results.errors_mm[chosen], _groups(results, frames)))
    if len(rows) == 1:
        return paragraph(f"The field of view of {int(rows[0][0])} cameras holds every joint in every frame.", "note")
    joints = ", ".join(f"{len(errors)} in {int(count)}" for count, errors, _ in rows)
    caption = (
        "Mean error of joints by the number of cameras whose field of view holds their true place; the body may "
        f"still hide them. Joints: {joints}. Whiskers, where there are enough recordings: 95 % interval."
    )
    return _against_count(rows, "cameras with the joint in view", caption)


def views_of_joints(joints_device: FloatArray, rig: Rig) -> NDArray[np.int64]:
    """Return in how many cameras' fields of view each joint is; (N, J) for (N, J, 3) joints, device frame, m."""
    counts = np.zeros(joints_device.shape[:-1], dtype=np.int64)
    for camera in rig.cameras:
        points_camera = transform_points(invert_transform(camera.T_device_camera), joints_device)
        counts += project(points_camera, camera.lens)[1].astype(np.int64)
    return counts


def _groups(results: Results, chosen: NDArray[np.generic]) -> list[str]:
    names = np.array([clip.group for clip in results.clips for _ in clip.frames], dtype=object)
    return [str(name) for name in names[chosen]]


def _against_count(rows: list[tuple[float, FloatArray, list[str]]], x_title: str, caption: str) -> str:
    """Plot the mean of values, with its interval over groups, at each count."""
    bounds = [interval(values, groups) for _, values, groups in rows]
    means = [float(values.mean()) for _, values, _ in rows]
    top = 1.1 * max([*means, *(float(high) for _, high in bounds if np.isfinite(high)), 1.0])
    counts = [count for count, _, _ in rows]
    plot = Plot((min(counts) - 0.5, max(counts) + 0.5), (0.0, top), x_title, "mean error, mm")
    plot.axes(counts)
    for count, (low, high) in zip(counts, bounds, strict=True):
        if np.isfinite(low):
            plot.whisker(count, float(low), float(high))
    plot.line(counts, means, "estimate")
    plot.dots(counts, means, "estimate")
    return figure(plot.svg(f"Error against {x_title}"), caption)


def reliability_plot(results: Results) -> str:
    """Return whether confidences mean what they say."""
    good_mm = float(results.facts.get("reliability", {}).get("within_mm", 10.0 * GOOD_ERROR_CM))
    found = reliability(results.clips, good_mm)
    if found is None:
        return paragraph("The estimator gives no confidences.", "note")
    plot = Plot((0.0, 1.0), (0.0, 1.0), "confidence", f"share of joints within {good_mm:g} mm")
    plot.axes([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    plot.bars(found.edges, found.counts / found.counts.max() * 0.25, "faint")
    plot.line([0.0, 1.0], [0.0, 1.0], "mark", "perfectly calibrated")
    used = found.counts > 0
    plot.line(found.confidence[used], found.share[used], "estimate", "this run")
    plot.dots(found.confidence[used], found.share[used], "estimate")
    caption = (
        f"A joint's confidence is the probability that it is within {good_mm:g} mm of the truth. Expected calibration "
        f"error {found.expected_error:.3f}: the mean distance of the line from the diagonal, by number of joints "
        "(grey bars)."
    )
    return figure(plot.svg("Reliability of confidences"), caption)


def latency(results: Results) -> str:
    """Return histograms of what each stage takes; of recordings, that of the views' skew as well."""
    stages = {name: values[np.isfinite(values)] for name, values in results.stages.items()}
    stages = {name: values for name, values in stages.items() if len(values)}
    if not stages:
        words = "Not measured: a data set is read as fast as the machine goes. `egorear eval bag` measures each stage."
        return section("Latency", paragraph(words, "note"), id_="latency")
    rows = [
        [text(name), *(text(f"{value:.2f}") for value in (values.mean(), *np.percentile(values, [50, 95, 99])))]
        for name, values in stages.items()
    ]
    skew = results.timing.get("skew_ms")
    histograms = [_histogram(name, values) for name, values in stages.items()]
    if skew is not None and np.isfinite(skew).any():
        histograms.append(_histogram("skew between the views", skew[np.isfinite(skew)]))
    numbers = table(["stage", "mean ms", "median ms", "95th percentile ms", "99th percentile ms"], rows)
    together = results.facts.get("recording", {}).get("sets_at_a_time", 1)
    words = (
        f"Up to {together} sets were estimated at the same time: these are the shares of each in the work, not the "
        "latencies of a rig. `egorear eval bag --one-by-one` measures those."
    )
    note = paragraph(words, "note") if together > 1 else ""
    return section("Latency", note, numbers, tag("div", *histograms, class_="plots"), id_="latency")


def _histogram(name: str, values_ms: FloatArray) -> str:
    high = float(np.percentile(values_ms, 99.5))
    low = float(min(values_ms.min(), high))
    low, high = (max(0.0, low - 0.5), high + 0.5) if high - low < 1e-6 else (low, high)
    counts, edges = np.histogram(values_ms, bins=40, range=(low, high))
    shares = 100.0 * counts / len(values_ms)
    plot = Plot((low, high), (0.0, 1.1 * float(shares.max())), f"{name}, ms", "frames, %", height=220)
    plot.axes()
    plot.bars(edges, shares, "estimate")
    median, tail = np.percentile(values_ms, [50, 95])
    plot.upright(float(median), "mark", f"median {median:.2f} ms")
    plot.upright(float(tail), "mark b", f"95th percentile {tail:.2f} ms")
    beyond = int((values_ms > high).sum())
    caption = f"{name.capitalize()}; {len(values_ms)} frames" + (
        f", {beyond} beyond the right edge." if beyond else "."
    )
    return figure(plot.svg(f"Histogram of {name}"), caption)
