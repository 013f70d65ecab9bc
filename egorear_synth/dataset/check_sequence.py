"""Whether what is written of a sequence is right, from its files and the rig alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egorear_ros.geometry.fisheye import project
from egorear_ros.geometry.transforms import check_transform, invert_transform, transform_points
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.sources.base import SourceError
from egorear_ros.sources.folder import list_images
from egorear_ros.sources.image_bytes import read_header
from egorear_ros.sources.sequence import IMAGES
from egorear_ros.structures import FloatArray, Rig
from egorear_synth.dataset.annotation import CM_PER_M
from egorear_synth.dataset.errors import SynthError
from egorear_synth.dataset.finished import read_sequence
from egorear_synth.dataset.read_back import WrittenFrames, read_frames
from egorear_synth.dataset.summary import RIGID_BONES, bone_name

REPROJECTION_PX = 1e-3
BONE_CM = 0.01
"""Bones may change their length by this much: the files are rounded."""

SINK_CM = 2.0
LEFT_SHARE = 0.9
"""Share of frames in which the left shoulder must be left of the right one, seen from the head."""


def check_sequence(folder: Path, rig: Rig) -> tuple[int, list[str]]:
    """Check one sequence.

    Args:
        folder: of the sequence.
        rig: of the data set.

    Returns:
        Number of frames, and every problem in words.
    """
    try:
        known = read_sequence(folder)
        frames = read_frames(folder, rig.views)
    except SynthError as error:
        return 0, [str(error)]
    problems = [
        *_check_images(folder, rig, known, frames.stems),
        *_check_projection(rig, frames),
        *_check_transforms(frames),
        *_check_bones(frames),
        *_check_feet(frames),
        *_check_sides(frames),
    ]
    if known.get("frames") != len(frames.stems):
        problems.append(f"{len(frames.stems)} annotations; sequence.json says {known.get('frames')}")
    return len(frames.stems), [f"{folder}: {problem}" for problem in problems]


def _check_images(folder: Path, rig: Rig, known: dict[str, Any], stems: tuple[str, ...]) -> Iterator[str]:
    """Every frame has one whole image of the right size in every view, and no image is without frame."""
    for view in rig.views:
        images = folder / IMAGES / f"camera_{view}"
        found = list_images(images) if images.is_dir() else {}
        missing = [stem for stem in stems if stem not in found]
        extra = sorted(set(found) - set(stems))
        if missing:
            yield f"{view} has no image of {len(missing)} frames, such as {missing[0]}"
        if extra:
            yield f"{view} has {len(extra)} images without annotation, such as {extra[0]}"
        expected = tuple(known["image_sizes"].get(view, ()))
        for stem in sorted(set(stems) & set(found)):
            try:
                header = read_header(found[stem].read_bytes(), str(found[stem]))
            except (SourceError, OSError) as error:
                yield f"{view}: {error}"
                break
            if (header.width, header.height) != expected:
                yield f"{view} {stem}: image of {header.width}x{header.height} px; sequence.json says {expected}"
                break


def _check_projection(rig: Rig, frames: WrittenFrames) -> Iterator[str]:
    for index, camera in enumerate(rig.cameras):
        joints_camera = transform_points(invert_transform(camera.T_device_camera), frames.device_cm / CM_PER_M)
        off_cm = np.abs(CM_PER_M * joints_camera - frames.camera_cm[:, index]).max(axis=(1, 2))
        yield from _worst(
            frames, off_cm > 1e-3, off_cm, f"{camera.view}: pts3d is not device_pts3d in its camera", "cm"
        )
        pixels, seen = project(joints_camera, camera.lens)
        inside = np.asarray(seen, dtype=bool)
        off_px = np.linalg.norm(pixels - frames.pixels[:, index], axis=2).max(axis=1)
        yield from _worst(
            frames, off_px > REPROJECTION_PX, off_px, f"{camera.view}: device_pts3d is not seen at pts2d", "px"
        )
        outside = (frames.visible[:, index] & ~inside).sum(axis=1)
        yield from _worst(
            frames, outside > 0, outside, f"{camera.view}: joints visible outside the image circle", "joints"
        )


def _check_transforms(frames: WrittenFrames) -> Iterator[str]:
    for name in ("T_world_device", "T_head_device"):
        for stem, T in zip(frames.stems, getattr(frames, name), strict=True):
            try:
                check_transform(T, name)
            except ValueError as error:
                yield f"{stem}: {error}"
                break


def _check_bones(frames: WrittenFrames) -> Iterator[str]:
    for bone in RIGID_BONES:
        lengths = np.linalg.norm(frames.device_cm[:, bone[0]] - frames.device_cm[:, bone[1]], axis=1)
        off = np.abs(lengths - np.median(lengths))
        yield from _worst(frames, off > BONE_CM, off, f"bone {bone_name(bone)} changes its length", "cm")
        if np.median(lengths) < 1.0:
            yield f"bone {bone_name(bone)} is {np.median(lengths):.2f} cm long"


def _check_feet(frames: WrittenFrames) -> Iterator[str]:
    joints_world = transform_points(frames.T_world_device, frames.device_cm / CM_PER_M)
    feet = [EGO4VIEW.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("ankle", "toe")]
    for what, heights in (
        ("the lowest sole", frames.soles_cm.min(axis=1)),
        ("the lowest joint of the feet", CM_PER_M * joints_world[:, feet, 2].min(axis=1)),
    ):
        yield from _worst(frames, heights < -SINK_CM, -heights, f"{what} is below the floor", "cm")
    # The joints of a foot are above its sole, or the two do not belong together.
    # Not to the millimetre: bent toes push their joint a little out of the mesh.
    above = CM_PER_M * joints_world[:, feet, 2].reshape(-1, 2, 2).min(axis=2) - frames.soles_cm
    yield from _worst(
        frames, (above < -SINK_CM).any(axis=1), -above.min(axis=1), "a sole is above the joints of its foot", "cm"
    )


def _check_sides(frames: WrittenFrames) -> Iterator[str]:
    """The left shoulder is left of the right one, seen from a head that looks forward; the hips likewise."""
    joints = frames.device_cm
    right_of = [
        joints[:, EGO4VIEW.index(f"right_{joint}")] - joints[:, EGO4VIEW.index(f"left_{joint}")]
        for joint in ("shoulder", "hip")
    ]
    for what, good in (
        ("the left shoulder is right of the right one, seen from the head", right_of[0][:, 0] > 0),
        ("the left hip is on the side of the right shoulder", np.einsum("fi,fi->f", *right_of) > 0),
    ):
        if good.mean() < LEFT_SHARE:
            yield f"{what} in {100 * (1 - good.mean()):.0f} % of the frames, such as {frames.stems[int(good.argmin())]}"


def _worst(
    frames: WrittenFrames, wrong: NDArray[np.bool_], size: NDArray[np.int64] | FloatArray, what: str, unit: str
) -> Iterator[str]:
    """Say how many frames are wrong, and which most."""
    if wrong.any():
        index = int(np.where(wrong, size, -np.inf).argmax())
        yield f"{what} in {int(wrong.sum())} frames, most in {frames.stems[index]}: {size[index]:.4g} {unit}"
