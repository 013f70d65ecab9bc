"""Images prepared on a GPU against images prepared on the CPU: time until they are there, and what differs."""

import statistics
import time
from collections.abc import Sequence

import numpy as np
import torch

from egorear_ros.benchmarks.report import Row
from egorear_ros.estimators.gpu_preprocessor import DeviceDecoder, GpuPreprocessor
from egorear_ros.estimators.preprocess_choice import gpu_decoder
from egorear_ros.estimators.preprocessor import NetworkInput, Preprocess, Preprocessor
from egorear_ros.models.image_statistics import IMAGE_STD
from egorear_ros.runtimes.device_images import DeviceImages
from egorear_ros.structures import FrameSet, Rig

IMAGE_SIZE = 256
"""Of the published model's input, px."""

WHITE = 255.0
MOST_SETS = 16


def measure_on_gpu(sets: Sequence[FrameSet], rig: Rig) -> list[Row]:
    """Return what preparing on the GPU takes, with each decoder that there is; nothing without a GPU."""
    if not torch.cuda.is_available():
        return []
    device = torch.device("cuda")
    decoder = gpu_decoder(device)
    return compare(sets, rig, device, {"the CPU": None, **({"nvImageCodec": decoder} if decoder else {})})


def compare(
    sets: Sequence[FrameSet], rig: Rig, device: torch.device, decoders: dict[str, DeviceDecoder | None]
) -> list[Row]:
    """Prepare some sets on the CPU and on a device, JPEGs at full size.

    Args:
        sets: complete frame sets.
        rig: their cameras.
        device: to prepare on.
        decoders: by name; None: the CPU's.
    """
    sets = sets[:MOST_SETS]
    inputs, times_s = _prepare(Preprocessor(rig, IMAGE_SIZE), sets)
    rows = [Row("prepared on the CPU, four views of 256x256", f"{1e3 * statistics.median(times_s):.2f} ms")]
    for name, decoder in decoders.items():
        found, times_s = _prepare(GpuPreprocessor(rig, IMAGE_SIZE, device, decoder=decoder), sets)
        levels = np.abs(found - inputs) * (WHITE * IMAGE_STD[:, None, None])
        text = f"{1e3 * statistics.median(times_s):.2f} ms until it is there, {levels.mean():.3f} grey levels off "
        rows.append(
            Row(f"prepared on {device}, JPEGs decoded by {name}", f"{text}on average, {levels.max():.0f} at most")
        )
    return rows


def _prepare(prepare: Preprocess, sets: Sequence[FrameSet]) -> tuple[np.ndarray, list[float]]:
    """Return all input, and the seconds that each set took; the first one is prepared twice and does not count."""
    found, times_s = [], []
    for frames in (sets[0], *sets):
        begin_s = time.perf_counter()
        made = prepare(frames.frames)
        _wait(made)
        times_s.append(time.perf_counter() - begin_s)
        found.append(np.array(made.images if isinstance(made.images, np.ndarray) else made.images.array()))
        prepare.release(made)
    return np.concatenate(found[1:]), times_s[1:]


def _wait(made: NetworkInput) -> None:
    if isinstance(made.images, DeviceImages) and made.images.ready is not None:
        made.images.ready.synchronize()
