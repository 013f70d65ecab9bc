"""The worst frames and those in the middle: what the cameras saw, and both skeletons."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from egorear_eval.clip import EvaluationError
from egorear_eval.report.html import paragraph, section, tag, text
from egorear_eval.report.images import FrameImages, Image
from egorear_eval.report.results import Results
from egorear_eval.report.scene import hex_colour, scene
from egorear_ros.drawing.colours import TRUTH_RGB, confidence_rgb
from egorear_ros.drawing.overlay import draw_overlay
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import BodyPose, FloatArray, TrackingState

WORST, MEDIAN = 3, 2
OVERLAY_WIDTH = 340
JPEG_QUALITY = 82


@dataclass(frozen=True)
class Chosen:
    """A frame to show: which, and why."""

    clip: int
    index: int
    why: str


def shown_frames(results: Results, images: FrameImages | None) -> str:
    """Return the section with the worst and the median frames."""
    parts = [_legend(results)]
    if images is None:
        words = (
            "Without pictures. `egorear eval report` puts them in while the recording or the sequences are there: "
            "--bag or --dataset says where."
        )
        parts.append(paragraph(words, "note"))
    frames = [_frame(results, chosen, images) for chosen in choose_frames(results)]
    # Skeletons alone are narrow enough to stand side by side.
    parts += [tag("div", *frames, class_="plots")] if images is None else frames
    return section("Worst and median frames", *parts, id_="frames")


def choose_frames(results: Results, worst: int = WORST, median: int = MEDIAN) -> list[Chosen]:
    """Return the frames with the largest mean errors, then those nearest to the median, each of another clip."""
    means = results.errors_mm.mean(axis=1)
    middle = float(np.median(means))
    largest = _different_clips(results, np.argsort(-means, kind="stable").tolist(), worst, set())
    taken = {(clip, index) for clip, index in largest}
    nearest = _different_clips(results, np.argsort(np.abs(means - middle), kind="stable").tolist(), median, taken)
    return [
        Chosen(*place, "worst" if rank == 0 else f"worst of the other recordings, {rank + 1}")
        for rank, place in enumerate(largest)
    ] + [Chosen(*place, "median") for place in nearest]


def _different_clips(
    results: Results, order: list[int], count: int, taken: set[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Return the first `count` places (clip, frame), one of each clip as long as clips last."""
    found: list[tuple[int, int]] = []
    used: set[int] = set()
    clips = np.searchsorted(results.starts, order, side="right") - 1
    for row, clip in zip(order, clips.tolist(), strict=True):
        place = (clip, row - results.starts[clip])
        if clip not in used and place not in taken:
            used.add(clip)
            found.append(place)
        if len(found) == count:
            break
    return found


def _frame(results: Results, chosen: Chosen, images: FrameImages | None) -> str:
    clip = results.clips[chosen.clip]
    errors = results.errors_mm[results.starts[chosen.clip] + chosen.index]
    predicted, truth = clip.predicted[chosen.index], clip.truth[chosen.index]
    confidences = clip.confidences[chosen.index]
    pictures = _overlays(images, clip.name, clip.frames[chosen.index], predicted, truth, confidences)
    drawing = scene(predicted, truth, confidences, results.rig)
    worst = ", ".join(
        f"{EGO4VIEW.joint_names[joint].replace('_', ' ')} {errors[joint]:.0f} mm" for joint in np.argsort(-errors)[:3]
    )
    seconds = results.seconds(chosen.clip)
    when = "" if seconds is None else f" ({seconds[chosen.index]:.2f} s)"
    title = f"{chosen.why.capitalize()}: {errors.mean():.0f} mm"
    words = f"{results.titles[chosen.clip]}, frame {clip.frames[chosen.index]}{when}. Largest: {worst}."
    heading = tag("h3", text(title)) + paragraph(words, "note")
    # Without pictures the figure stands alone.
    body = tag("div", *pictures, class_="views") if pictures else ""
    return tag("article", heading, tag("div", body, drawing, class_="moment"), class_="frame")


def _overlays(
    images: FrameImages | None,
    clip: str,
    frame: str,
    predicted: FloatArray,
    truth: FloatArray,
    confidences: FloatArray,
) -> list[str]:
    """Return one picture per view, or the reason why there is none."""
    if images is None:
        return []
    try:
        found: Mapping[str, Image] = images.images(clip, frame)
    except EvaluationError as error:
        return [paragraph(f"No pictures: {error}", "note")]
    estimate = BodyPose(0, predicted, confidences, {}, TrackingState.OK, "")
    true_pose = BodyPose(0, truth, np.full(len(truth), np.nan), {}, TrackingState.OK, "ground_truth")
    pictures = []
    for camera in images.rig.cameras:
        if camera.view not in found:
            pictures.append(paragraph(f"{camera.view}: no image", "missing"))
            continue
        bgr = np.ascontiguousarray(found[camera.view][..., ::-1])
        drawn = draw_overlay(bgr, camera, estimate, true_pose, OVERLAY_WIDTH)
        pictures.append(tag_image(drawn, f"{camera.view} with both skeletons"))
    return pictures


def tag_image(bgr: Image, description: str) -> str:
    """Return an image element that holds its own JPEG."""
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert done
    source = "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()
    height, width = bgr.shape[:2]
    return f'<img src="{source}" alt="{description}" width="{width}" height="{height}">'


def _legend(results: Results) -> str:
    known = np.isfinite(results.everything.confidences).any()
    levels = np.linspace(0.0, 1.0, 6) if known else np.array([np.nan])
    stops = ", ".join(hex_colour(rgb) for rgb in confidence_rgb(levels))
    shade = f"linear-gradient(90deg, {stops})" if known else stops
    said = "estimate, by confidence 0 to 1" if known else "estimate (it gives no confidences)"
    entries = [
        tag("span", tag("i", style=f"background: {hex_colour(TRUTH_RGB)}"), text("truth")),
        tag("span", tag("i", style=f"background: {shade}"), text(said)),
        tag("span", tag("i", class_="dashes"), text("from each joint's true place to the estimated one")),
    ]
    if results.rig is not None:
        entries.append(tag("span", tag("i", class_="thin"), text("cameras")))
    return tag("div", *entries, class_="legend")
