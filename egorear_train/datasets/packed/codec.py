"""One sample as files of a shard, and back, bit by bit the same.

An image is kept as red and blue minus green, each as differences between neighbouring rows,
compressed with Zstandard and its checksum: without loss, smaller than PNG and quicker to read.
`egorear bench data` measures it. Targets are JSON; a float32 survives it unchanged.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from egorear_train.datasets.base import Sample
from egorear_train.datasets.errors import DamagedFrame

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ENCODING = "zstd; uint8 (3, size, size); red and blue minus green; differences between rows"
TARGETS = "json"
LEVEL = 1
"""Higher ones are slower and, on what is left of an image here, hardly smaller."""

_OPTIONS = {int(zstd.CompressionParameter.compression_level): LEVEL, int(zstd.CompressionParameter.checksum_flag): 1}
_ARRAYS = {"joints_cm": np.float32, "pixels": np.float32, "visible": np.bool_, "T_camera_device": np.float32}
_RED, _GREEN, _BLUE = range(3)
_PER_VIEW = ("pixels", "visible", "T_camera_device")


def image_file(view: str) -> str:
    """Return the ending of a view's file in a shard."""
    return f"{view}.zst"


def encode_sample(sample: Sample, views: Sequence[str]) -> dict[str, bytes]:
    """Return a sample's files by their endings."""
    targets = {"name": sample["meta"], **{key: sample[key].tolist() for key in _ARRAYS}}
    images = {image_file(view): _compress(image) for view, image in zip(views, sample["images"].numpy(), strict=True)}
    return {TARGETS: json.dumps(targets, allow_nan=False, separators=(",", ":")).encode(), **images}


def decode_sample(targets: bytes, images: Sequence[bytes], columns: Sequence[int], size: int) -> Sample:
    """Return the sample of some files.

    Args:
        targets: the JSON.
        images: of the wanted views.
        columns: places of the wanted views in the targets.
        size: height and width of the images, px.

    Raises:
        DamagedFrame: a file is damaged.
    """
    try:
        content: Mapping[str, Any] = json.loads(targets)
        arrays: dict[str, NDArray[Any]] = {key: np.array(content[key], dtype=kind) for key, kind in _ARRAYS.items()}
        for key in _PER_VIEW:
            arrays[key] = arrays[key][list(columns)]
        pixels = _decompress(images, size)
    except (ValueError, KeyError, TypeError, IndexError, zstd.ZstdError) as error:
        raise DamagedFrame(f"damaged files ({type(error).__name__}: {error})") from error
    tensors = {key: torch.from_numpy(array) for key, array in arrays.items()}
    return {"images": torch.from_numpy(pixels), **tensors, "meta": str(content["name"])}


def _compress(image: NDArray[np.uint8]) -> bytes:
    planes = image.copy()
    planes[_RED] -= image[_GREEN]
    planes[_BLUE] -= image[_GREEN]
    planes[:, 1:] -= planes[:, :-1].copy()
    return zstd.compress(planes.tobytes(), options=_OPTIONS)


def _decompress(images: Sequence[bytes], size: int) -> NDArray[np.uint8]:
    pixels = np.empty((len(images), 3, size, size), dtype=np.uint8)
    for place, data in zip(pixels, images, strict=True):
        place[:] = np.frombuffer(zstd.decompress(data), dtype=np.uint8).reshape(place.shape)
    # np.cumsum takes three times as long on this layout.
    for row in range(1, size):
        pixels[:, :, row] += pixels[:, :, row - 1]
    pixels[:, _RED] += pixels[:, _GREEN]
    pixels[:, _BLUE] += pixels[:, _GREEN]
    return pixels
