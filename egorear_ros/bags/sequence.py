"""A sequence folder (Ego4View, or ours in that layout) becomes a recording."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from egorear_ros.bags.base import BagError
from egorear_ros.bags.origin import Origin, pack
from egorear_ros.bags.writer import BagWriter
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.sources.base import SourceError
from egorear_ros.sources.folder import list_images, name_some, view_folder
from egorear_ros.sources.image_bytes import read_header
from egorear_ros.sources.pacing import period_ns
from egorear_ros.sources.sequence import ANNOTATIONS, IMAGES, check_sequence, sequence_stems
from egorear_ros.sources.truth import read_joints_device
from egorear_ros.structures import BodyPose, FloatArray, Frame, Rig, TrackingState

BEGIN_S = 1_700_000_000
"""Data sets have no clock: recordings begin near this second (14 November 2023), the same every time."""

SPARE_BYTES = 50 << 20
"""Must stay free on the disk beside the images."""

Progress = Callable[[int, int], None]
"""Called with frames done and frames in all."""


@dataclass
class WrittenBag:
    """What went into a recording.

    Attributes:
        path: the recording.
        frames: moments with at least one image.
        images: in all.
        truths: moments with ground truth.
        left_out: what was not written and why, one sentence each.
    """

    path: Path
    frames: int = 0
    images: int = 0
    truths: int = 0
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class BagOptions:
    """How a recording is written; see `BagWriter`."""

    namespace: str = ""
    frame_prefix: str = ""
    compression: str = "none"
    overwrite: bool = False


def write_sequence_bag(
    sequence_dir: str | Path,
    rig: Rig,
    out: str | Path,
    rate_hz: float = 30.0,
    options: BagOptions = BagOptions(),
    progress: Progress | None = None,
) -> WrittenBag:
    """Write a sequence as the nodes of its rig would publish it.

    Image files are copied byte by byte. Frame i has the stamp (n + i) * period, n * period being the first
    at `BEGIN_S` or later: a whole number of periods, as the nodes stamp. An image or annotation that is
    missing or damaged is left out and named.

    Args:
        sequence_dir: the folder with `fisheye_rgb`.
        rig: its cameras.
        out: the recording to make.
        rate_hz: frames per second of the sequence.
        options: how to write.
        progress: called after every frame.

    Raises:
        SourceError: no sequence, or it lacks the images of a view.
        BagError: the recording cannot be written.
    """
    sequence, target = check_sequence(str(sequence_dir), "bag", setting=""), Path(out)
    images = _images(sequence, rig)
    stems = sequence_stems(sequence, rig.views)
    _check_space(target, [path for files in images.values() for path in files.values()])
    period = period_ns(rate_hz)
    origin = Origin(sequence.name, -(-BEGIN_S * 10**9 // period) * period, period, tuple(stems))
    result = WrittenBag(target)
    annotations = next((sequence / name for name in ANNOTATIONS if (sequence / name).is_dir()), None)
    writer = BagWriter(
        target,
        rig,
        namespace=options.namespace,
        frame_prefix=options.frame_prefix,
        compression=options.compression,
        custom=pack(rig, origin),
        overwrite=options.overwrite,
    )
    with writer:
        writer.write_static_tf(origin.first_ns)
        for index, stem in enumerate(stems):
            stamp_ns = origin.first_ns + index * period
            _write_images(writer, {view: files.get(stem) for view, files in images.items()}, stem, stamp_ns, result)
            if annotations is not None:
                _write_truth(writer, annotations / f"{stem}.json", rig, stamp_ns, result)
            if progress is not None:
                progress(index + 1, len(stems))
        if not result.images:
            raise SourceError(f"{sequence}: none of {len(stems)} frames has a readable image. {result.left_out[0]}")
    return result


def ground_truth(joints_device: FloatArray, views: tuple[str, ...], stamp_ns: int) -> BodyPose:
    """Return annotated joints as the node `wearer` publishes them."""
    return BodyPose(
        stamp_ns=stamp_ns,
        joints_device=joints_device,
        confidences=np.ones(EGO4VIEW.joint_count),
        view_stamps_ns=dict.fromkeys(views, stamp_ns),
        state=TrackingState.OK,
        model_id="ground_truth",
    )


def _images(sequence: Path, rig: Rig) -> dict[str, dict[str, Path]]:
    """Return every view's image files by stem."""
    folders = {view: view_folder(sequence / IMAGES, view) for view in rig.views}
    missing = [view for view, folder in folders.items() if folder is None]
    if missing:
        found = name_some(sorted(path.name for path in (sequence / IMAGES).iterdir() if path.is_dir()))
        raise SourceError(
            f"{sequence / IMAGES} has no images of {', '.join(missing)}; it has: {found}. "
            "Choose a rig whose views this sequence has."
        )
    return {view: list_images(folder) for view, folder in folders.items() if folder is not None}


def _check_space(out: Path, files: list[Path]) -> None:
    """Raise BagError before an hour of copying if the images cannot fit."""
    needed = sum(path.stat().st_size for path in files)
    if out.parent.is_dir() and needed + SPARE_BYTES > (free := shutil.disk_usage(out.parent).free):
        raise BagError(
            f"{out} needs {needed / 1e6:,.0f} MB, but {free / 1e6:,.0f} MB are free there. "
            "Make room or choose another disk."
        )


def _write_images(
    writer: BagWriter, files: dict[str, Path | None], stem: str, stamp_ns: int, result: WrittenBag
) -> None:
    images = 0
    for view, path in files.items():
        if path is None:
            result.left_out.append(f"{view}: no image {stem}.")
            continue
        try:
            data = path.read_bytes()
            frame = Frame(view, stamp_ns, read_header(data, str(path)).encoding, data)
        except (SourceError, OSError) as error:
            result.left_out.append(f"{view}: {error}")
            continue
        writer.write_frame(frame)
        images += 1
    result.images += images
    result.frames += images > 0


def _write_truth(writer: BagWriter, annotation: Path, rig: Rig, stamp_ns: int, result: WrittenBag) -> None:
    try:
        joints_device = read_joints_device(annotation)
    except SourceError as error:
        result.left_out.append(str(error))
        return
    writer.write_truth(ground_truth(joints_device, rig.views, stamp_ns))
    result.truths += 1
