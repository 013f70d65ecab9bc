"""Preprocessing on the GPU where the model is: bytes go up once, input is made there and stays there.

JPEGs are decoded by nvImageCodec where `estimator.jpeg_decoding` allows another decoder than training's, else by the
processor, each view in a thread of its own. Everything runs on a stream of its own: the host waits for nothing, and
the model's stream only for the images themselves.
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Lock
from typing import Protocol
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from egorear_ros.estimators.base import EstimateError
from egorear_ros.estimators.device_resize import DeviceResize
from egorear_ros.estimators.preprocess import decode
from egorear_ros.estimators.preprocessor import NetworkInput, mask_of
from egorear_ros.models.image_statistics import IMAGE_MEAN, IMAGE_STD
from egorear_ros.runtimes.device_images import DeviceImages
from egorear_ros.structures import Frame, Rig
from egorear_ros.tracing import TRACE


class DeviceDecoder(Protocol):
    """Decodes JPEGs on a GPU."""

    def __call__(self, frames: Sequence[Frame], rig: Rig) -> list[Tensor | None]:
        """Return (H, W, 3) uint8 RGB on the GPU for each frame; None: the processor must do it.

        Raises:
            EstimateError: an image does not fit its lens.
        """
        ...


class _Slot:
    """Memory of one frame set, used again and again.

    Attributes:
        input: (1, V, 3, image_size, image_size) network input.
        source: images by view; a decoder's memory must live until the stream has read it.
    """

    def __init__(self, views: int, image_size: int, device: torch.device) -> None:
        self.source: Mapping[str, Tensor] = {}
        self.input = torch.empty((1, views, 3, image_size, image_size), device=device)
        self._pinned = device.type == "cuda"
        self._staging: dict[tuple[int, tuple[int, ...]], Tensor] = {}

    def staging(self, index: int, shape: tuple[int, ...]) -> Tensor:
        """Return page-locked bytes for one view's image."""
        key = (index, shape)
        if key not in self._staging:
            self._staging[key] = torch.empty(shape, dtype=torch.uint8, pin_memory=self._pinned)
        return self._staging[key]


class GpuPreprocessor:
    """Decodes, uploads, resizes and normalises the views of one rig; a stand-in for `Preprocessor`.

    Args:
        rig: cameras in the network's order.
        image_size: height and width of the network's input, px.
        device: the model's.
        least_jpeg_px: see `Preprocessor`; of JPEGs that the processor decodes.
        decoder: of JPEGs; None: the processor.
    """

    notice = ""

    def __init__(
        self,
        rig: Rig,
        image_size: int,
        device: torch.device,
        *,
        least_jpeg_px: int = 0,
        decoder: DeviceDecoder | None = None,
    ) -> None:
        self._rig, self._image_size, self._device, self._least_px = rig, image_size, device, least_jpeg_px
        self._decoder = decoder
        self.in_threads = True
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._pool = ThreadPoolExecutor(len(rig.views), thread_name_prefix="decode")
        self._resizers: dict[tuple[int, int], DeviceResize] = {}
        self._free: list[_Slot] = []
        # Of sets that failed on their way nobody gives the memory back; it goes with them.
        self._lent: WeakKeyDictionary[DeviceImages, _Slot] = WeakKeyDictionary()
        self._lock = Lock()
        self._black = torch.from_numpy(-IMAGE_MEAN / IMAGE_STD)[:, None, None].to(device)

    def __call__(self, frames: Mapping[str, Frame]) -> NetworkInput:
        """Return the input that frames make, still being made; see `Preprocessor.__call__`.

        Raises:
            EstimateError: an image is damaged or does not fit its lens.
            RuntimeError: the GPU failed.
        """
        slot = self._take()
        try:
            return self._make(frames, slot)
        except EstimateError:  # the images' fault: the memory is as good as before
            with self._lock:
                self._free.append(slot)
            raise

    def _make(self, frames: Mapping[str, Frame], slot: _Slot) -> NetworkInput:
        """Return the input that frames make in a slot; no thread writes to it any more when this raises."""
        begin_s = time.perf_counter()
        with torch.inference_mode(), torch.cuda.stream(self._stream):
            on_device, sizes = self._decode(frames, slot)
            decoded_s = time.perf_counter()
            stamp_ns = next(iter(frames.values())).stamp_ns
            with TRACE.span("preprocess", stamp_ns):
                self._fill(slot.input, on_device)
            slot.source = on_device
            ready = None if self._stream is None else self._stream.record_event()
        images = DeviceImages(slot.input, ready)
        with self._lock:
            self._lent[images] = slot
        timings_s = {"decode": decoded_s - begin_s, "preprocess": time.perf_counter() - decoded_s}
        return NetworkInput(images, mask_of(frames, self._rig), sizes, timings_s)

    def release(self, used: NetworkInput) -> None:
        """Take an input's memory back, after the network ran on it."""
        assert isinstance(used.images, DeviceImages)  # it is ours
        with self._lock:
            self._free.append(self._lent.pop(used.images))

    def _take(self) -> _Slot:
        with self._lock:
            if self._free:
                return self._free.pop()
        return _Slot(len(self._rig.views), self._image_size, self._device)

    def _decode(self, frames: Mapping[str, Frame], slot: _Slot) -> tuple[dict[str, Tensor], dict[str, tuple[int, int]]]:
        """Return (H, W, 3) uint8 images on the device, and the cameras' image sizes, by view."""
        found: dict[str, Tensor] = {}
        if self._decoder is not None:
            jpegs = [frame for frame in frames.values() if frame.encoding == "jpeg" and isinstance(frame.data, bytes)]
            decoded = zip(jpegs, self._decoder(jpegs, self._rig), strict=True)
            found = {frame.view: pixels for frame, pixels in decoded if pixels is not None}
        sizes = {view: (pixels.shape[1], pixels.shape[0]) for view, pixels in found.items()}
        parts = {view: (frame, index, slot) for index, (view, frame) in enumerate(frames.items()) if view not in found}
        jobs = {view: self._pool.submit(self._one, *part) for view, part in parts.items()} if self.in_threads else {}
        try:
            for view, part in parts.items():
                found[view], sizes[view] = jobs[view].result() if jobs else self._one(*part)
        finally:
            wait(jobs.values())  # of a set that failed, other views may still be written to
        return found, {view: sizes[view] for view in frames}

    def _one(self, frame: Frame, index: int, slot: _Slot) -> tuple[Tensor, tuple[int, int]]:
        """Decode one view and send it on its way; in a thread of its own."""
        with TRACE.span("decode", frame.stamp_ns, view=frame.view):
            decoded = decode(frame, self._rig[frame.view].lens, self._least_px)
            pixels = np.asarray(decoded.image)
            staging = slot.staging(index, pixels.shape)
            np.copyto(staging.numpy(), pixels)
        with torch.inference_mode(), torch.cuda.stream(self._stream):
            return staging.to(self._device, non_blocking=True), decoded.size

    def _fill(self, out: Tensor, on_device: Mapping[str, Tensor]) -> None:
        """Write (1, V, 3, image_size, image_size) input; views whose images have one size go together."""
        by_size: dict[tuple[int, int], list[int]] = {}
        for index, view in enumerate(self._rig.views):
            if view in on_device:
                height, width = on_device[view].shape[:2]
                by_size.setdefault((width, height), []).append(index)
            else:
                out[0, index] = self._black
        for size, indices in by_size.items():
            if size not in self._resizers:
                self._resizers[size] = DeviceResize(size, self._image_size, self._device)
            pixels = torch.stack([on_device[self._rig.views[index]] for index in indices])
            first, last = indices[0], indices[-1] + 1
            if last - first == len(indices):
                self._resizers[size](pixels, out[0, first:last])
                continue
            for index, image in zip(indices, pixels, strict=True):
                self._resizers[size](image[None], out[0, index : index + 1])
