"""JPEGs decoded on a GPU by nvImageCodec, if it is installed.

Its decoder is not libjpeg: chroma and rounding differ by a few grey levels. So it decodes only where
`estimator.jpeg_decoding` allows another decoder than training's.
"""

import io
import logging
from collections.abc import Sequence
from threading import Lock
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from egorear_ros.estimators.preprocess import check_size
from egorear_ros.structures import Frame, Rig

LOG = logging.getLogger(__name__)
OPTIONS = ":fancy_upsampling=1"
"""Chroma is interpolated, as libjpeg does."""

END_OF_IMAGE = b"\xff\xd9"


class NvImageDecoder:
    """Decodes the JPEGs of a frame set in one batch; see `DeviceDecoder`.

    Args:
        device: a GPU.

    Raises:
        ImportError: nvImageCodec is not installed.
        RuntimeError: it does not work on this GPU.
    """

    def __init__(self, device: torch.device) -> None:
        from nvidia import nvimgcodec

        self._library: Any = nvimgcodec
        index = torch.cuda.current_device() if device.index is None else device.index
        self._decoder = nvimgcodec.Decoder(device_id=index, options=OPTIONS)
        # A camera's image is used as it is, whatever its header says about turning it; grey becomes RGB.
        self._params = nvimgcodec.DecodeParams(apply_exif_orientation=False, color_spec=nvimgcodec.ColorSpec.SRGB)
        self._refused: set[str] = set()
        self._lock = Lock()

    def __call__(self, frames: Sequence[Frame], rig: Rig) -> list[Tensor | None]:
        """Return (H, W, 3) uint8 RGB images for the current stream; None: not complete, or of a kind it cannot read.

        Raises:
            EstimateError: an image does not fit its lens.
        """
        whole = [frame for frame in frames if _is_whole(frame, rig)]
        found = {
            frame.view: pixels for frame, pixels in zip(whole, self._decode(whole), strict=True) if _is_rgb(pixels)
        }
        for frame in whole:
            if frame.view not in found and frame.view not in self._refused:
                self._refused.add(frame.view)
                LOG.warning("%s: nvImageCodec cannot decode this camera's JPEGs; the processor does.", frame.view)
        return [found.get(frame.view) for frame in frames]

    def _decode(self, frames: Sequence[Frame]) -> list[Tensor | None]:
        if not frames:
            return []
        stream = torch.cuda.current_stream().cuda_stream if torch.cuda.is_available() else 0
        with self._lock:  # several threads may prepare sets
            streams = [self._library.CodeStream(frame.data) for frame in frames]
            images = self._decoder.decode(streams, params=self._params, cuda_stream=stream)
        return [None if image is None else torch.utils.dlpack.from_dlpack(image) for image in images]


def _is_rgb(pixels: Tensor | None) -> bool:
    return pixels is not None and pixels.ndim == 3 and pixels.shape[2] == 3


def _is_whole(frame: Frame, rig: Rig) -> bool:
    """Return whether a JPEG has a header and an end; what happens to others is the processor's decoder's business.

    Raises:
        EstimateError: it does not fit its lens.
    """
    assert isinstance(frame.data, bytes)
    if not frame.data.rstrip(b"\0").endswith(END_OF_IMAGE):  # cameras pad with zeros
        return False
    try:
        with Image.open(io.BytesIO(frame.data), formats=["JPEG"]) as image:
            size = image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False
    check_size(frame, size, rig[frame.view].lens)
    return True
