"""How fast training samples are read: original files against a pack of them, and what a pack takes on disk."""

import json
import os
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from egorear_ros.benchmarks.report import Row
from egorear_ros.benchmarks.transport import write_frames
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.skeleton import EGO4VIEW

if TYPE_CHECKING:
    from egorear_train.datasets.base import FrameDataset

FRAMES = 16
ROUNDS = 7
IMAGE_SIZE = 256
TARGET_RATIO = 8.0


def measure_data(folder: Path, calib: str) -> list[Row]:
    """Read the same samples from 872x872 JPEG files and from a pack, in turns, on one core.

    The files are in memory already: measured is the work, not the disk.

    Args:
        folder: for the data set and the pack.
        calib: rig calibration, name or path.
    """
    from egorear_train.datasets.ego4view import Ego4ViewDataset
    from egorear_train.datasets.packed.dataset import PackedDataset
    from egorear_train.datasets.packed.pack import PackSettings, pack

    rig = load_rig(calib)
    root, out = folder / "data", folder / "pack"
    shutil.rmtree(out, ignore_errors=True)
    original_bytes = _write_dataset(root, folder / "frames", calib)
    started = time.process_time()
    card = pack(PackSettings(root, rig, image_size=IMAGE_SIZE), out)
    packing_s = (time.process_time() - started) / FRAMES
    original = Ego4ViewDataset(root, "train", rig, IMAGE_SIZE)
    packed = PackedDataset(out, "train", rig, IMAGE_SIZE)
    original_s, packed_s = _in_turns([partial(_read_all, original), partial(_read_all, packed)])
    ratio = original_s / packed_s
    packed_bytes = card["splits"]["train"]["bytes"] / FRAMES
    images = [original.read(index)["images"].numpy() for index in range(FRAMES)]
    views = len(rig.views)
    return [
        Row(f"{views} JPEG files of 872x872 px", _rate(original_s)),
        Row(f"pack, images of {IMAGE_SIZE}x{IMAGE_SIZE} px", _rate(packed_s)),
        Row("pack against files", f"{ratio:.1f} times", f"at least {TARGET_RATIO:g}", ratio >= TARGET_RATIO),
        Row("packing", _rate(packing_s)),
        Row("on disk, files", f"{original_bytes / FRAMES / 1e3:.0f} kB per frameset"),
        Row("on disk, pack", f"{packed_bytes / 1e3:.0f} kB per frameset"),
        *_other_encodings(images),
    ]


def _write_dataset(root: Path, frames: Path, calib: str) -> int:
    """Write a sequence in Ego4View-Syn's layout and return the size of its images, bytes."""
    from egorear_synth.wearer import make_wearer

    write_frames(frames, calib, FRAMES)
    rig = load_rig(calib)
    wearer = make_wearer(rig)
    sequence = root / "wearer" / "sequence"
    shutil.rmtree(root, ignore_errors=True)
    annotations = sequence / "json_smplx_gendered"
    annotations.mkdir(parents=True)
    for index in range(FRAMES):
        truth = wearer.truth(index / 10.0)
        joints = {
            name: {"device_pts3d": (100.0 * truth.joints_device[joint]).tolist()}
            | {f"camera_{view}_pts2d": truth.pixels[place, joint].tolist() for place, view in enumerate(rig.views)}
            for joint, name in enumerate(EGO4VIEW.dataset_names)
        }
        (annotations / f"{index:04d}.json").write_text(json.dumps({"joints": joints}))
    total = 0
    for view in rig.views:
        images = sequence / "fisheye_rgb" / f"camera_{view}"
        images.mkdir(parents=True)
        for index in range(FRAMES):
            source = frames / view / f"{index:04d}.jpg"
            os.link(source, images / source.name)
            total += source.stat().st_size
    (root / "train.txt").write_text("wearer\n")
    return total


def _other_encodings(images: Sequence[NDArray[np.uint8]]) -> list[Row]:
    """Return size and reading time of the same images in other encodings without loss."""
    import cv2

    rows = []
    # OpenCV encodes WebP without loss above quality 100.
    for name, suffix, options in (("PNG", ".png", []), ("lossless WebP", ".webp", [cv2.IMWRITE_WEBP_QUALITY, 101])):
        files = [cv2.imencode(suffix, view.transpose(1, 2, 0), options)[1] for views in images for view in views]
        (decoding_s,) = _in_turns([partial(_decode_all, files)])
        size = sum(len(file) for file in files) / len(images)
        rows.append(Row(f"images alone, as {name}", f"{size / 1e3:.0f} kB, {decoding_s * 1e3:.1f} ms per frameset"))
    return [*rows, Row("images alone, not compressed", f"{images[0].nbytes / 1e3:.0f} kB per frameset")]


def _decode_all(files: Sequence[NDArray[np.uint8]]) -> None:
    import cv2

    for file in files:
        pixels: Any = cv2.imdecode(file, cv2.IMREAD_COLOR)
        np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _read_all(dataset: "FrameDataset") -> None:
    for index in range(len(dataset)):
        dataset.read(index)


def _in_turns(calls: Sequence[Callable[[], object]]) -> list[float]:
    """Return the processor time per frameset of calls that each handle all; medians of several rounds, s."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, taken in zip(calls, times, strict=True):
            started = time.process_time()
            call()
            taken.append((time.process_time() - started) / FRAMES)
    return [statistics.median(taken) for taken in times]


def _rate(seconds: float) -> str:
    return f"{1 / seconds:.0f} framesets/s per core ({seconds * 1e3:.1f} ms)"
