"""A whole moment as one picture: the overlays of all views beside the skeletons in 3D."""

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from egorear_ros.drawing.colours import TRUTH_RGB, WARNING_RGB, Rgb, confidence_rgb, mean_rgb
from egorear_ros.geometry.transforms import T_RIG_DEVICE, transform_points
from egorear_ros.structures import BodyPose, Rig, TrackingState

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float64]

_DPI = 100
_HEIGHT_IN = 7.2
_SCENE_WIDTH_IN = 5.6
_LINE_IN = 0.26
_GAP_IN = 0.06
_CAMERA_M = 0.07
"""Length of the drawn camera pyramids."""


def save_picture(
    path: Path,
    overlays: Mapping[str, Image],
    rig: Rig,
    estimate: BodyPose | None,
    truth: BodyPose | None,
    caption: str,
) -> None:
    """Write a PNG with the overlays of one moment on the left and its skeletons in 3D on the right.

    Args:
        path: of the PNG; its folder is made.
        overlays: (H, W, 3) by view, blue first.
        rig: where the cameras are.
        estimate: coloured by confidence; None draws none.
        truth: in sky blue; None draws none.
        caption: below the picture; may have several lines.

    Raises:
        OSError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    footer_in = 0.12 + _LINE_IN * (caption.count("\n") + 1)
    columns = math.ceil(math.sqrt(len(rig.cameras)))
    rows = math.ceil(len(rig.cameras) / columns)
    cell_in = (_HEIGHT_IN - footer_in) / rows
    width_in = columns * cell_in + _SCENE_WIDTH_IN
    figure = Figure(figsize=(width_in, _HEIGHT_IN), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    for index, view in enumerate(rig.views):
        row, column = divmod(index, columns)
        corner = (column * cell_in, footer_in + (rows - 1 - row) * cell_in)
        _add_overlay(figure, view, overlays.get(view), corner, cell_in)
    footer = footer_in / _HEIGHT_IN
    left = columns * cell_in / width_in
    _add_scene(figure, rig, estimate, truth, (left, footer, 1.0 - left, 1.0 - footer))
    figure.text(_GAP_IN / width_in, footer - 0.012, caption, va="top", ha="left", fontsize=11, linespacing=1.35)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=_DPI)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_with_palette(drawn.getvalue()))


def _add_overlay(
    figure: "Figure", view: str, overlay: Image | None, corner_in: tuple[float, float], cell_in: float
) -> None:
    """Put a view into its cell of the grid."""
    width_in, height_in = figure.get_size_inches()
    left_in, bottom_in = corner_in
    side_in = cell_in - 2 * _GAP_IN
    box = ((left_in + _GAP_IN) / width_in, (bottom_in + _GAP_IN) / height_in, side_in / width_in, side_in / height_in)
    axes = figure.add_axes(box)
    axes.set_axis_off()
    if overlay is None:
        axes.text(0.5, 0.5, f"{view}\nno image", ha="center", va="center", color=WARNING_RGB)
    else:
        axes.imshow(overlay[..., ::-1], interpolation="lanczos")


def _add_scene(
    figure: "Figure",
    rig: Rig,
    estimate: BodyPose | None,
    truth: BodyPose | None,
    box: tuple[float, float, float, float],
) -> None:
    """Draw cameras and skeletons in the rig frame, everything to one scale."""
    left, bottom, width, height = box
    # A little to the right, or images would hide the label of the upright axis.
    axes: Any = figure.add_axes((left + 0.03, bottom + 0.04, width - 0.03, height - 0.13), projection="3d")
    shown = [_draw_camera(axes, T_RIG_DEVICE @ camera.T_device_camera) for camera in rig.cameras]
    handles = []
    if truth is not None and len(truth.joints_device):
        colours = np.tile(TRUTH_RGB, (len(truth.joints_device), 1))
        shown.append(_draw_skeleton(axes, truth, colours, 2.0))
        handles.append(_legend_entry(axes, "truth", TRUTH_RGB, 2.0))
    if estimate is not None and len(estimate.joints_device):
        shown.append(_draw_skeleton(axes, estimate, confidence_rgb(estimate.confidences), 3.0))
        label = "estimate, untrained" if estimate.state == TrackingState.UNTRAINED else "estimate"
        handles.append(_legend_entry(axes, label, mean_rgb(estimate.confidences), 3.0))
        _add_confidence_scale(figure, (left + 0.66 * width, 0.955, 0.2 * width, 0.014))
    handles.append(_legend_entry(axes, "cameras", (0.25, 0.25, 0.25), 0.9, marker="^"))
    _frame_scene(axes, np.concatenate(shown))
    anchor = (left + 0.03 * width, 0.995)
    figure.legend(handles=handles, loc="upper left", bbox_to_anchor=anchor, frameon=False, fontsize=10)


def _draw_skeleton(axes: Any, pose: BodyPose, colours: FloatArray, width: float) -> FloatArray:
    """Draw bones and joints; return the (N, 3) finite joints in the rig frame."""
    joints = transform_points(T_RIG_DEVICE, pose.joints_device)
    finite = np.isfinite(joints).all(axis=-1)
    for parent, child in pose.skeleton.bones:
        if finite[parent] and finite[child]:
            x, y, z = joints[[parent, child]].T
            axes.plot(x, y, z, color=(colours[parent] + colours[child]) / 2, linewidth=width)
    x, y, z = joints[finite].T
    axes.scatter(x, y, z, color=colours[finite], s=7 * width, depthshade=False)
    shown: FloatArray = joints[finite]
    return shown


def _draw_camera(axes: Any, T_rig_camera: FloatArray) -> FloatArray:
    """Draw a camera as a small pyramid that opens along its optical axis; return its (1, 3) apex."""
    half = 0.5 * _CAMERA_M
    points_camera = np.array(
        [(0.0, 0.0, 0.0)] + [(x * half, y * half, _CAMERA_M) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    )
    points = transform_points(T_rig_camera, points_camera)
    for start, end in [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4), (4, 1)]:
        x, y, z = points[[start, end]].T
        axes.plot(x, y, z, color="0.25", linewidth=0.9)
    return points[:1]


def _legend_entry(axes: Any, label: str, rgb: Rgb, width: float, marker: str = "o") -> Any:
    return axes.plot([], [], [], color=rgb, linewidth=width, marker=marker, label=label)[0]


def _add_confidence_scale(figure: "Figure", box: tuple[float, float, float, float]) -> None:
    axes = figure.add_axes(box)
    axes.imshow(confidence_rgb(np.linspace(0.0, 1.0, 64))[None], aspect="auto", extent=(0.0, 1.0, 0.0, 1.0))
    axes.set_yticks([])
    axes.set_xticks([0.0, 1.0], ["0", "1"], fontsize=8)
    axes.set_title("confidence (none: grey)", fontsize=8, pad=3)


def _frame_scene(axes: Any, points: FloatArray) -> None:
    """Show all points with the same scale on every axis, seen from the front and the wearer's left."""
    lowest, highest = points.min(axis=0) - 0.1, points.max(axis=0) + 0.1
    centre, span = (lowest + highest) / 2, np.maximum(highest - lowest, 0.9)
    for name, middle, size in zip("xyz", centre, span, strict=True):
        getattr(axes, f"set_{name}lim")(middle - size / 2, middle + size / 2)
    axes.set_box_aspect(span, zoom=1.05)
    axes.set_xlabel("x forward, m", fontsize=9)
    axes.set_ylabel("y left, m", fontsize=9)
    axes.set_zlabel("z up, m", fontsize=9, labelpad=7)
    axes.locator_params(axis="x", nbins=5)
    axes.locator_params(axis="y", nbins=5)
    axes.tick_params(labelsize=7)
    axes.view_init(elev=14, azim=40)


def _with_palette(png: bytes) -> bytes:
    """Return a PNG with the 256 colours that suit it best: a quarter of the size, and hardly to be told apart."""
    from PIL import Image as PillowImage

    with PillowImage.open(io.BytesIO(png)) as image:
        full = image.convert("RGB")
    # Coverage rather than frequency: the few pixels of a thin bone must keep their colour.
    palette = full.quantize(256, PillowImage.Quantize.MAXCOVERAGE, kmeans=2)
    small = io.BytesIO()
    full.quantize(palette=palette, dither=PillowImage.Dither.NONE).save(small, format="PNG", optimize=True)
    return small.getvalue()
