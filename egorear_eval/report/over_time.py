"""Error of every joint over the time of a recording, which is chosen on the page."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from egorear_eval.report.html import paragraph, section, tag, text
from egorear_eval.report.plot import Plot
from egorear_eval.report.results import Results
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import FloatArray

MOST_CLIPS = 40
MOST_POINTS = 8000
"""Over all clips: a point holds an error for each joint, and the page should stay small."""

STRIP_TOP_MM = 300.0
MOST_PERCENT = 97.0
"""Of the errors of single joints are within the error axis, unless they are far above the mean."""

_ROW = 13
_LINE_HEIGHT = 230
_WIDTH, _LEFT = 940, 104


@dataclass(frozen=True, eq=False)
class Track:
    """Errors of one clip, a mean over `step` successive frames for each point.

    Attributes:
        title: of the clip.
        x: (P,) places on the time axis.
        x_title: with its unit.
        errors_mm: (P, 16).
        step: frames of each point.
        fewer_views: (P,) whether some of the point's poses are made of fewer views than others of the run.
    """

    title: str
    x: FloatArray
    x_title: str
    errors_mm: FloatArray
    step: int
    fewer_views: NDArray[np.bool_]


def over_time(results: Results) -> str:
    """Return the section: a choice of recordings, each with its lines and the strip of its joints."""
    means = [
        float(results.errors_mm[start : start + len(clip)].mean())
        for start, clip in zip(results.starts, results.clips, strict=True)
    ]
    chosen = sorted(np.argsort(means)[::-1][:MOST_CLIPS].tolist())
    points = max(2, MOST_POINTS // len(chosen))
    tracks = [make_track(results, index, points) for index in chosen]
    worst = max(range(len(chosen)), key=lambda place: means[chosen[place]])
    names = [f"{tracks[place].title} — {means[index]:.0f} mm" for place, index in enumerate(chosen)]
    parts = [_choices(names, worst)]
    if len(chosen) < len(results.clips):
        parts.append(
            paragraph(f"The {len(chosen)} recordings with the largest errors, of {len(results.clips)}.", "note")
        )
    parts += [_drawing(place, track, shown=place == worst) for place, track in enumerate(tracks)]
    parts.append(_scale())
    return section("Error over time", *parts, id_="time")


def make_track(results: Results, index: int, points: int) -> Track:
    """Return a clip's errors at no more than some points."""
    clip, start = results.clips[index], results.starts[index]
    errors = results.errors_mm[start : start + len(clip)]
    seconds = results.seconds(index)
    x = np.arange(len(clip), dtype=np.float64) if seconds is None else seconds
    step = -(-len(clip) // points)
    edges = np.arange(0, len(clip), step)
    counts = np.diff([*edges, len(clip)])
    binned = np.add.reduceat(errors, edges, axis=0) / counts[:, None]
    fewer = np.add.reduceat(clip.view_counts < results.everything.view_counts.max(), edges, dtype=np.int64) > 0
    title = "time since the recording's first pose, s" if seconds is not None else "frame"
    return Track(results.titles[index], np.add.reduceat(x, edges) / counts, title, binned, step, fewer)


def _choices(names: Sequence[str], worst: int) -> str:
    clips = [tag("option", text(name), value=place, selected=place == worst) for place, name in enumerate(names)]
    joints = [tag("option", text("no single joint"), value="")]
    joints += [
        tag("option", text(name.replace("_", " ")), value=index) for index, name in enumerate(EGO4VIEW.joint_names)
    ]
    return tag(
        "div",
        tag("label", text("Recording "), tag("select", *clips, id="clip")),
        tag("label", text("Joint "), tag("select", *joints, id="joint")),
        class_="choices",
    )


def _drawing(place: int, track: Track, *, shown: bool) -> str:
    """Return the lines above the strip, to the same time axis, and the numbers that the script draws joints from."""
    span = float(track.x[-1] - track.x[0])
    pad = 0.5 * span / max(len(track.x) - 1, 1) if span > 0.0 else 0.5
    x = (float(track.x[0]) - pad, float(track.x[-1]) + pad)
    rows = EGO4VIEW.joint_count * _ROW
    top = top_mm(track.errors_mm)
    plot = Plot(x, (0.0, top), track.x_title, "error, mm", _WIDTH, _LINE_HEIGHT + rows, _LEFT, rows + 58)
    plot.axes()
    if track.fewer_views.any():
        edges, fewer = _runs(_edges(track.x, x), track.fewer_views)
        plot.bars(edges, np.where(fewer, top, 0.0), "band")
        plot.legend.append(("band", "fewer views"))
    mean = track.errors_mm.mean(axis=1)
    plot.line(track.x, mean, "estimate", "mean of all joints")
    if len(track.x) <= 60:
        plot.dots(track.x, mean, "estimate", 2.5)
    left, _, right, bottom = plot.box
    plot.parts.append('<path class="line b chosen" d=""/>')
    plot.legend.append(("b", "the chosen joint"))
    first = bottom + 46
    size = f'x="{left}" y="{first}" width="{right - left}" height="{rows}" preserveAspectRatio="none"'
    plot.parts.append(f'<image class="strip" {size} href="{_strip(track)}"/>')
    for joint, name in enumerate(EGO4VIEW.joint_names):
        plot.write(left - 6, first + _ROW * joint + 10.5, name.replace("_", " "), "end", "small")
    data = {
        "u": [round(float(u), 1) for u in plot.u(track.x)],
        "zero": bottom,
        "top": float(plot.v(top)),
        "px_per_mm": float(plot.v(0.0) - plot.v(1.0)),
        "mm": np.rint(track.errors_mm.T).astype(int).tolist(),
    }
    numbers = tag("script", json.dumps(data, separators=(",", ":")), type="application/json")
    each = "" if track.step == 1 else f" Each point is the mean of {track.step} successive frames."
    words = f"{track.title}. Above: mean error, and that of the chosen joint. Below: every joint's error.{each}"
    if float(track.errors_mm.max()) > top:
        words += " The largest errors of single joints are above the upper edge, where their line is cut."
    scroll = tag("div", plot.svg(f"Error over time of {track.title}", "plot wide"), class_="scroll", tabindex=0)
    return tag(
        "figure",
        scroll,
        numbers,
        tag("figcaption", text(words)),
        class_="broad clip",
        data_clip=place,
        hidden=not shown,
    )


def top_mm(errors_mm: FloatArray) -> float:
    """Return where the error axis ends: a few large errors of single joints must not flatten all lines.

    Args:
        errors_mm: (P, J).
    """
    mean, single = float(errors_mm.mean(axis=1).max()), float(np.percentile(errors_mm, MOST_PERCENT))
    return 1.05 * max(1.3 * mean, min(single, 3.0 * mean), 10.0)


def _edges(x: FloatArray, ends: tuple[float, float]) -> FloatArray:
    """Return the P + 1 limits between P points, halfway between them."""
    return np.concatenate([ends[:1], (x[1:] + x[:-1]) / 2, ends[1:]])


def _runs(edges: FloatArray, flags: NDArray[np.bool_]) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Join neighbours with the same flag; return R + 1 edges and R flags of P + 1 and P."""
    first = np.flatnonzero(np.diff(flags, prepend=~flags[:1]))
    return edges[[*first, len(flags)]], flags[first]


def strip_bgr(errors_mm: FloatArray) -> np.ndarray:
    """Return the (..., 3) colours of errors, blue first: the larger the lighter."""
    levels = np.rint(255.0 * np.clip(errors_mm / STRIP_TOP_MM, 0.0, 1.0)).astype(np.uint8)
    coloured = cv2.applyColorMap(np.atleast_2d(levels), cv2.COLORMAP_INFERNO)
    return np.asarray(coloured).reshape(*levels.shape, 3)


def _strip(track: Track) -> str:
    return _png(strip_bgr(track.errors_mm.T))


def _scale() -> str:
    colours = _png(strip_bgr(np.linspace(0.0, STRIP_TOP_MM, 128)[None]))
    bar = f'<img src="{colours}" alt="from dark to light" class="scale">'
    words = text(f"{STRIP_TOP_MM:g} mm and more")
    return tag("div", tag("span", text("0 mm ")), bar, tag("span", words), class_="legend")


def _png(bgr: np.ndarray) -> str:
    done, data = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    assert done
    return "data:image/png;base64," + base64.b64encode(data.tobytes()).decode()
