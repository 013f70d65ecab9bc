"""The skeletons of one frame in 3D, as an SVG that turns when it is dragged."""

import json
import math

import numpy as np

from egorear_eval.report.html import tag, text
from egorear_ros.drawing.colours import TRUTH_RGB, Rgb, confidence_rgb
from egorear_ros.geometry.transforms import T_RIG_DEVICE, transform_points
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import FloatArray, Rig

WIDTH, HEIGHT = 440, 500
YAW_DEG, PITCH_DEG = 40.0, 12.0
"""The first look: from the front and the wearer's left, as in the pictures of the demo."""

_CAMERA_M = 0.06
_MARGIN = 24
_CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1))
TRUTH_CLASS, ESTIMATE_CLASS, ERROR_CLASS, CAMERA_CLASS = "truth", "estimate", "error", "camera"


def scene(predicted: FloatArray, truth: FloatArray, confidences: FloatArray, rig: Rig | None) -> str:
    """Return both skeletons of a frame, their distance joint by joint, and the cameras.

    Args:
        predicted: (16, 3) estimated joints, device frame, m.
        truth: (16, 3) true ones.
        confidences: (16,) of the estimate; NaN where there are none.
        rig: the cameras; None draws none.
    """
    points = [transform_points(T_RIG_DEVICE, truth), transform_points(T_RIG_DEVICE, predicted)]
    count = EGO4VIEW.joint_count
    lines: list[tuple[int, int, str, str]] = []
    if rig is not None:
        for camera in rig.cameras:
            lines += _pyramid_lines(sum(map(len, points)))
            points.append(_pyramid(T_RIG_DEVICE @ camera.T_device_camera))
    lines += [(joint, count + joint, ERROR_CLASS, "") for joint in range(count)]
    lines += [(parent, child, TRUTH_CLASS, hex_colour(TRUTH_RGB)) for parent, child in EGO4VIEW.bones]
    colours = confidence_rgb(confidences)
    lines += [
        (count + parent, count + child, ESTIMATE_CLASS, hex_colour((colours[parent] + colours[child]) / 2))
        for parent, child in EGO4VIEW.bones
    ]
    points_rig = np.concatenate(points)
    centre = (points_rig.min(axis=0) + points_rig.max(axis=0)) / 2
    radius = max(0.3, float(np.linalg.norm(points_rig - centre, axis=1).max()))
    points_px = (points_rig - centre) / radius * (min(WIDTH, HEIGHT) / 2 - _MARGIN)
    return _svg(points_px, lines)


def turned(points: FloatArray, yaw_deg: float, pitch_deg: float) -> FloatArray:
    """Return (N, 2) places on the picture, x to the right and y down, of (N, 3) points, z up.

    The camera looks from far away, first from the front (+x), turned about z by yaw and raised by pitch.
    """
    yaw, pitch = math.radians(yaw_deg), math.radians(pitch_deg)
    towards = points[:, 0] * math.cos(yaw) + points[:, 1] * math.sin(yaw)
    right = -points[:, 0] * math.sin(yaw) + points[:, 1] * math.cos(yaw)
    up = points[:, 2] * math.cos(pitch) - towards * math.sin(pitch)
    return np.stack([right, -up], axis=-1)


def hex_colour(rgb: FloatArray | Rgb) -> str:
    """Return red, green and blue in [0, 1] as the style sheets write it."""
    return "#" + "".join(f"{round(255 * float(value)):02x}" for value in rgb)


def _svg(points_px: FloatArray, lines: list[tuple[int, int, str, str]]) -> str:
    places = turned(points_px, YAW_DEG, PITCH_DEG) + np.array([WIDTH / 2, HEIGHT / 2])
    # Every bone twice: the dark rim below keeps bright colours readable on white.
    parts = [_line(places, start, end, f"{kind} rim", "") for start, end, kind, colour in lines if colour]
    parts = [*[_line(places, *line) for line in lines if not line[3]], *parts]
    parts += [_line(places, *line) for line in lines if line[3]]
    data = json.dumps({"points": np.round(points_px, 1).tolist(), "yaw": YAW_DEG, "pitch": PITCH_DEG})
    hint = tag("text", text("drag to turn"), x=WIDTH - 6, y=HEIGHT - 6, text_anchor="end", class_="hint small")
    name = "Skeletons in 3D: truth and estimate"
    return tag(
        "svg",
        *parts,
        hint,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=name,
        class_="scene",
        data_scene=data,
    )


def _line(places: FloatArray, start: int, end: int, kind: str, colour: str) -> str:
    (u1, v1), (u2, v2) = places[start], places[end]
    stroke = f' stroke="{colour}"' if colour else ""
    ends = f'x1="{u1:.1f}" y1="{v1:.1f}" x2="{u2:.1f}" y2="{v2:.1f}"'
    return f'<line class="{kind}" data-a="{start}" data-b="{end}" {ends}{stroke}/>'


def _pyramid(T_rig_camera: FloatArray) -> FloatArray:
    """Return apex and corners of a small pyramid that opens along a camera's optical axis; (5, 3), rig frame, m."""
    half = 0.5 * _CAMERA_M
    return transform_points(
        T_rig_camera, np.array([(0.0, 0.0, 0.0), *((x * half, y * half, _CAMERA_M) for x, y in _CORNERS)])
    )


def _pyramid_lines(first: int) -> list[tuple[int, int, str, str]]:
    edges = [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4), (4, 1)]
    return [(first + start, first + end, CAMERA_CLASS, "") for start, end in edges]
