"""Training targets on disk, for loaders that expect Ego4View's heatmap files beside the images."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.heatmap import encode_heatmaps
from egorear_ros.sources.sequence import RIG_FILE
from egorear_ros.structures import FloatArray, Rig
from egorear_synth.dataset.errors import SynthError
from egorear_synth.dataset.finished import sequence_folders
from egorear_synth.dataset.read_back import read_frames
from egorear_synth.dataset.settings import read_settings
from egorear_synth.dataset.writer import naming_disk_errors, remove_stale, write_whole

HEATMAPS = "fisheye_hm"
HEATMAP_PX = 64
FILE_BYTES = 128 + 4 * 16 * HEATMAP_PX**2


def write_heatmaps(root: Path, tell: Callable[[int, int], None] = lambda *_: None) -> int:
    """Write `fisheye_hm/camera_<view>/<stem>.npy` of every frame: float32 (16, 64, 64).

    Files that are there already are kept, so that an interrupted run goes on.

    Args:
        root: the data set.
        tell: called with sequences done and sequences in all.

    Returns:
        Number of files written.

    Raises:
        SynthError: no data set, no finished sequence, a damaged annotation, or not enough space.
    """
    read_settings(root)
    rig = load_rig(str(root / RIG_FILE))
    folders = sequence_folders(root)
    if not folders:
        raise SynthError(f"{root} has no finished sequence.")
    written = 0
    for done, folder in enumerate(folders, 1):
        written += _write_sequence(folder, rig)
        tell(done, len(folders))
    return written


def _write_sequence(folder: Path, rig: Rig) -> int:
    frames = read_frames(folder, rig.views)
    targets = {
        folder / HEATMAPS / f"camera_{camera.view}" / f"{stem}.npy": (frame, index)
        for frame, stem in enumerate(frames.stems)
        for index, camera in enumerate(rig.cameras)
    }
    missing = {path: place for path, place in targets.items() if not path.is_file()}
    needed, free = len(missing) * FILE_BYTES, shutil.disk_usage(folder).free
    if needed > free:
        raise SynthError(
            f"{folder}: heatmaps need {needed / 1e6:,.0f} MB more, and {free / 1e6:,.0f} MB are free. Free space and "
            "run this again; or train without these files: `egorear train` draws heatmaps itself."
        )
    for made in {path.parent for path in missing}:
        with naming_disk_errors(folder):
            made.mkdir(parents=True, exist_ok=True)
        remove_stale(made)
    for path, (frame, index) in missing.items():
        lens = rig.cameras[index].lens
        write_whole(path, heatmap_file(frames.pixels[frame, index], (lens.width, lens.height)))
    return len(missing)


def heatmap_file(pixels: FloatArray, image_size: tuple[int, int]) -> bytes:
    """Return the .npy file of one image's 16 joints.

    Args:
        pixels: (16, 2) px of the calibrated image.
        image_size: its width and height, px.
    """
    buffer = io.BytesIO()
    np.save(buffer, encode_heatmaps(pixels, image_size, HEATMAP_PX), allow_pickle=False)
    return buffer.getvalue()
