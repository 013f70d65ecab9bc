"""Camera images with the skeleton drawn through the real lens of the view."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from egorear_ros.drawing.colours import TRUTH_RGB, WARNING_RGB, WHITE_RGB, Rgb, confidence_rgb, mean_rgb
from egorear_ros.geometry.fisheye import project, scale_lens
from egorear_ros.geometry.transforms import invert_transform, transform_points
from egorear_ros.structures import BodyPose, Camera, Frame, Lens, TrackingState

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float64]

# Straight bones are curves in a fisheye image; this many pieces look smooth.
_PIECES = 12
# OpenCV draws with fractions of a pixel when coordinates come shifted by this many bits.
_SHIFT = 4
_DIM = 0.35
_FONT = cv2.FONT_HERSHEY_SIMPLEX
# Sizes below are for an overlay this wide and grow with it.
_DESIGN_WIDTH = 436


@dataclass(frozen=True, eq=False)
class _Stroke:
    """One joint or bone on the image; hidden ones leave the view and are drawn dimmed."""

    points: FloatArray
    colour_bgr: tuple[int, int, int]
    thickness: int
    hidden: bool


def decode_bgr(frame: Frame, least_width: int = 0) -> Image:
    """Return a frame's (H, W, 3) pixels, blue first.

    Args:
        frame: encoded or raw.
        least_width: JPEGs are decoded at half size if that is still at least this wide; 0: always full size.

    Raises:
        ValueError: the data is damaged.
    """
    if not isinstance(frame.data, bytes):
        if frame.encoding == "mono8":
            return cv2.cvtColor(frame.data, cv2.COLOR_GRAY2BGR).astype(np.uint8, copy=False)
        return np.ascontiguousarray(frame.data[..., ::-1] if frame.encoding == "rgb8" else frame.data)
    encoded = np.frombuffer(frame.data, dtype=np.uint8)
    if least_width and frame.encoding == "jpeg" and encoded.size:
        half = cv2.imdecode(encoded, cv2.IMREAD_REDUCED_COLOR_2)
        if half is not None and half.shape[1] >= least_width:
            return half.astype(np.uint8, copy=False)
    image = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if encoded.size else None
    if image is None:
        raise ValueError(f"{frame.view}: damaged {frame.encoding} image of {encoded.size} bytes.")
    return image.astype(np.uint8, copy=False)


def draw_overlay(image: Image, camera: Camera, estimate: BodyPose | None, truth: BodyPose | None, width: int) -> Image:
    """Return a scaled copy of a camera image with skeletons, their legend and the state of the estimate.

    Args:
        image: (H, W, 3) of the view, blue first, any size of the calibration's shape.
        camera: the view's lens and pose.
        estimate: its joints are coloured by confidence; None or LOST draws none.
        truth: drawn thinner, in sky blue, below the estimate.
        width: of the result, px.

    Returns:
        (width * H / W, width, 3), blue first.
    """
    height = max(1, round(width * image.shape[0] / image.shape[1]))
    shrinks = width < image.shape[1]
    canvas = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    lens = scale_lens(camera.lens, width, height)
    unit = width / _DESIGN_WIDTH
    strokes: list[_Stroke] = []
    if truth is not None:
        colours = np.tile(TRUTH_RGB, (len(truth.joints_device), 1))
        strokes += _skeleton_strokes(truth, camera, lens, colours, max(1, round(1.6 * unit)), 2.6 * unit)
    if estimate is not None:
        colours = confidence_rgb(estimate.confidences)
        strokes += _skeleton_strokes(estimate, camera, lens, colours, max(1, round(2.6 * unit)), 4.2 * unit)
    canvas = _draw_strokes(canvas.astype(np.uint8, copy=False), strokes)
    _draw_state(canvas, camera.view, estimate, unit)
    _draw_legend(canvas, camera, lens, estimate, truth, unit)
    return canvas


def _skeleton_strokes(
    pose: BodyPose, camera: Camera, lens: Lens, colours: FloatArray, thickness: int, radius: float
) -> list[_Stroke]:
    """Return a pose's bones and then its joints, as far as the lens sees them."""
    if len(pose.joints_device) == 0:
        return []
    joints = _joints_camera(pose, camera)
    pixels, visible = project(joints, lens)
    strokes = []
    for parent, child in pose.skeleton.bones:
        share = np.linspace(0.0, 1.0, _PIECES + 1)[:, None]
        path, seen = project(joints[parent] * (1.0 - share) + joints[child] * share, lens)
        hidden = not (visible[parent] and visible[child])
        colour = _bgr((colours[parent] + colours[child]) / 2)
        strokes += [_Stroke(run, colour, thickness, hidden) for run in _runs(path, seen)]
    for joint in np.flatnonzero(visible):
        disc = np.array([[*pixels[joint], radius]])
        strokes.append(_Stroke(disc, _bgr(colours[joint]), -1, False))
    return strokes


def _joints_camera(pose: BodyPose, camera: Camera) -> FloatArray:
    return transform_points(invert_transform(camera.T_device_camera), pose.joints_device)


def _runs(path: FloatArray, seen: NDArray[np.bool_]) -> list[FloatArray]:
    """Split a path where the lens does not see it; runs of one point are left out."""
    usable = seen & np.isfinite(path).all(axis=-1)
    breaks = np.flatnonzero(np.diff(usable.astype(np.int8))) + 1
    pieces = np.split(np.arange(len(path)), breaks)
    return [path[piece] for piece in pieces if usable[piece[0]] and len(piece) > 1]


def _draw_strokes(canvas: Image, strokes: list[_Stroke]) -> Image:
    dimmed = canvas.copy()
    for stroke in strokes:
        if stroke.hidden:
            _draw_stroke(dimmed, stroke)
    blended = cv2.addWeighted(dimmed, _DIM, canvas, 1.0 - _DIM, 0.0).astype(np.uint8, copy=False)
    for stroke in strokes:
        if not stroke.hidden:
            _draw_stroke(blended, stroke)
    return blended


def _draw_stroke(canvas: Image, stroke: _Stroke) -> None:
    # A dark rim keeps strokes readable on light clothes and a light floor.
    rim = max(1, stroke.thickness // 2) if stroke.thickness > 0 else 1
    if stroke.thickness < 0:
        u, v, radius = (int(value) for value in np.rint(stroke.points[0] * (1 << _SHIFT)))
        cv2.circle(canvas, (u, v), radius + (rim << _SHIFT), (0, 0, 0), -1, cv2.LINE_AA, _SHIFT)
        cv2.circle(canvas, (u, v), radius, stroke.colour_bgr, -1, cv2.LINE_AA, _SHIFT)
        return
    line = np.rint(stroke.points * (1 << _SHIFT)).astype(np.int32)[:, None, :]
    cv2.polylines(canvas, [line], False, (0, 0, 0), stroke.thickness + 2 * rim, cv2.LINE_AA, _SHIFT)
    cv2.polylines(canvas, [line], False, stroke.colour_bgr, stroke.thickness, cv2.LINE_AA, _SHIFT)


def state_text(pose: BodyPose | None, view_count: int = 0) -> str:
    """Return what an overlay says about an estimate; empty for a good one.

    Args:
        pose: the estimate; None if there is none.
        view_count: views of the rig, named with partial estimates; 0 if unknown.
    """
    if pose is None or pose.state == TrackingState.LOST:
        return "NO POSE"
    if pose.state == TrackingState.UNTRAINED:
        return "UNTRAINED: random weights"
    if pose.state == TrackingState.PARTIAL_VIEWS:
        return f"{len(pose.view_stamps_ns)} of {view_count} views" if view_count else "views missing"
    return ""


def _draw_state(canvas: Image, view: str, estimate: BodyPose | None, unit: float) -> None:
    """Write the view's name into the upper left corner, and below it what is wrong with the estimate."""
    margin = round(6 * unit)
    _write(canvas, view, (margin, margin), WHITE_RGB, unit)
    state = state_text(estimate)
    if state:
        _write(canvas, state, (margin, margin + round(20 * unit)), WARNING_RGB, unit)


def _draw_legend(
    canvas: Image, camera: Camera, lens: Lens, estimate: BodyPose | None, truth: BodyPose | None, unit: float
) -> None:
    """Write into the lower left corner what the colours mean, and how many joints the view misses."""
    margin = round(6 * unit)
    bottom = canvas.shape[0] - margin - round(15 * unit)
    entries = [("truth", truth, TRUTH_RGB)] if truth is not None else []
    if estimate is not None:
        entries.append(("estimate", estimate, mean_rgb(estimate.confidences)))
    for name, pose, rgb in entries:
        count = len(pose.joints_device)
        if count:
            seen = int(project(_joints_camera(pose, camera), lens)[1].sum())
            text = name if seen == count else f"{name}, {seen} of {count} in view"
            _write(canvas, text, (margin, bottom), WHITE_RGB, unit, swatch=rgb)
            bottom -= round(20 * unit)


def _write(canvas: Image, text: str, corner: tuple[int, int], rgb: Rgb, unit: float, swatch: Rgb | None = None) -> None:
    """Write text with its upper left corner at (u, v), on a darkened strip, after a disc of colour."""
    scale, thickness = 0.48 * unit, max(1, round(unit))
    (text_width, text_height), baseline = cv2.getTextSize(text, _FONT, scale, thickness)
    pad = max(1, round(2 * unit))
    left, top = corner
    indent = round(16 * unit) if swatch else 0
    strip = canvas[top : top + text_height + baseline + pad, left : left + indent + text_width + 2 * pad]
    strip //= 3
    if swatch:
        centre = (left + indent // 2, top + (text_height + baseline + pad) // 2)
        cv2.circle(canvas, centre, max(2, round(5 * unit)), _bgr(swatch), -1, cv2.LINE_AA)
    origin = (left + indent + pad, top + text_height + pad)
    cv2.putText(canvas, text, origin, _FONT, scale, _bgr(rgb), thickness, cv2.LINE_AA)


def _bgr(rgb: FloatArray | Rgb) -> tuple[int, int, int]:
    red, green, blue = (round(255 * float(value)) for value in rgb)
    return blue, green, red
