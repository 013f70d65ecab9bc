"""A frame set's images become network input: views in parallel, memory used again and again."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from egorear_ros.estimators.fast_resize import fastest_resize
from egorear_ros.estimators.preprocess import decode, normalise_into, resize
from egorear_ros.runtimes.base import Float32Array, Images
from egorear_ros.runtimes.fallback import first_line
from egorear_ros.structures import Frame, Rig
from egorear_ros.tracing import TRACE

LOG = logging.getLogger(__name__)

MakeBuffer = Callable[[tuple[int, ...]], Float32Array]


@dataclass(frozen=True, eq=False)
class NetworkInput:
    """Images as a network takes them; the memory is the preprocessor's, see `Preprocessor.release`.

    Attributes:
        images: (1, V, 3, H, W) normalised; a missing view is black.
        view_mask: (1, V), False where a view is missing; None: all are there.
        sizes: (width, height) of the cameras' images by view, px.
        timings_s: of "decode" and "preprocess", the rest. Decode is until the last view is decoded where each has a
            thread, and of all views together where they have one.
    """

    images: Images
    view_mask: NDArray[np.bool_] | None
    sizes: Mapping[str, tuple[int, int]]
    timings_s: Mapping[str, float]


class Preprocess(Protocol):
    """From frames to network input, and its memory back.

    Attributes:
        in_threads: whether each view is decoded in a thread of its own; else in the one that calls.
    """

    in_threads: bool

    @property
    def notice(self) -> str:
        """What users must know; "" if all is as configured."""
        ...

    def __call__(self, frames: Mapping[str, Frame]) -> NetworkInput:
        """Return the input that frames make; several threads may call.

        Args:
            frames: by view; views that are missing are masked.

        Raises:
            EstimateError: an image is damaged or does not fit its lens.
        """
        ...

    def release(self, used: NetworkInput) -> None:
        """Take an input's memory back: it will hold another set."""
        ...


class _Done(NamedTuple):
    """Size of a camera's image, px, and when its decoding began and ended, s."""

    size: tuple[int, int]
    begin_s: float
    decoded_s: float


class Preprocessor:
    """Decodes, resizes and normalises the views of one rig, each in a thread of its own.

    Args:
        rig: cameras in the network's order.
        image_size: height and width of the network's input, px.
        least_jpeg_px: JPEGs are decoded at the smallest scale that leaves this width and height; 0: at
            full size, exactly as in training.
        make_buffer: allocates single-precision memory of a shape; called as often as inputs are in
            use at the same time, which is once where one set is estimated after the other. Where it fails,
            ordinary memory takes its place for good, which is said once.

    Attributes:
        in_threads: whether each view is decoded in a thread of its own; else in the one that calls.
        notice: see `Preprocess`.
    """

    def __init__(
        self, rig: Rig, image_size: int, *, least_jpeg_px: int = 0, make_buffer: MakeBuffer | None = None
    ) -> None:
        self.in_threads = True
        self.notice = ""
        self._rig, self._image_size, self._least_px = rig, image_size, least_jpeg_px
        self._make_buffer = make_buffer or _empty
        self._pool = ThreadPoolExecutor(len(rig.views), thread_name_prefix="decode")
        self._free: list[Float32Array] = []
        self._lock = Lock()
        self._black = np.empty((3, image_size, image_size), dtype=np.float32)
        normalise_into(np.zeros((image_size, image_size, 3), dtype=np.uint8), self._black)

    def __call__(self, frames: Mapping[str, Frame]) -> NetworkInput:
        """Return the input that frames make; see `Preprocess`."""
        begin_s = time.perf_counter()
        images, views = self._take(), self._rig.views
        parts = {view: (frames[view], images[0, index]) for index, view in enumerate(views) if view in frames}
        jobs = {view: self._pool.submit(self._one, *part) for view, part in parts.items()} if self.in_threads else {}
        for index, view in enumerate(views):
            if view not in frames:
                images[0, index] = self._black
        try:
            done = {view: jobs[view].result() if jobs else self._one(*part) for view, part in parts.items()}
        except BaseException:
            self._take_back(images, jobs.values())
            raise
        took_s = time.perf_counter() - begin_s
        if jobs:
            decode_s = max(one.decoded_s for one in done.values()) - begin_s
        else:
            decode_s = sum(one.decoded_s - one.begin_s for one in done.values())
        timings_s = {"decode": decode_s, "preprocess": took_s - decode_s}
        sizes = {view: one.size for view, one in done.items()}
        return NetworkInput(images, mask_of(frames, self._rig), sizes, timings_s)

    def array(self, frames: Mapping[str, Frame]) -> Float32Array:
        """Return the (1, V, 3, H, W) input that frames make, in memory of its own."""
        made = self(frames)
        assert isinstance(made.images, np.ndarray)
        images = made.images.copy()
        self.release(made)
        return images

    def release(self, used: NetworkInput) -> None:
        """Take an input's memory back: it will hold another set."""
        assert isinstance(used.images, np.ndarray)  # it is ours
        self._take_back(used.images)

    def _take(self) -> Float32Array:
        with self._lock:
            if self._free:
                return self._free.pop()
            return self._make((1, len(self._rig.views), 3, self._image_size, self._image_size))

    def _take_back(self, images: Float32Array, writing: Iterable[Future[_Done]] = ()) -> None:
        """Keep memory for the next set.

        Args:
            images: nobody reads it any more.
            writing: what may still write to it, and is waited for: other views of a set that failed.
        """
        wait(writing)
        with self._lock:
            self._free.append(images)

    def _make(self, shape: tuple[int, ...]) -> Float32Array:
        """Return new memory; page-locked memory cannot be had any more from a GPU that is lost."""
        try:
            return self._make_buffer(shape)
        except RuntimeError as error:
            self._make_buffer = _empty
            self.notice = (
                f"page-locked memory for images cannot be had: {first_line(error)}. Ordinary memory is used instead."
            )
            LOG.warning("%s Restart the node once the GPU works again.", self.notice)
        return _empty(shape)

    def _one(self, frame: Frame, out: Float32Array) -> _Done:
        """Fill one view's part."""
        begin_s = time.perf_counter()
        with TRACE.span("decode", frame.stamp_ns, view=frame.view):
            decoded = decode(frame, self._rig[frame.view].lens, self._least_px)
        decoded_s = time.perf_counter()
        with TRACE.span("preprocess", frame.stamp_ns, view=frame.view):
            resized = (resize if self.in_threads else fastest_resize())(decoded.image, self._image_size)
            normalise_into(resized, out)
        return _Done(decoded.size, begin_s, decoded_s)


def mask_of(frames: Mapping[str, Frame], rig: Rig) -> NDArray[np.bool_] | None:
    """Return the (1, V) mask of the views that there are; None if these are all."""
    return None if len(frames) == len(rig.views) else np.array([[view in frames for view in rig.views]])


def _empty(shape: tuple[int, ...]) -> Float32Array:
    return np.empty(shape, dtype=np.float32)


def pinned(shape: tuple[int, ...]) -> Float32Array:
    """Return page-locked memory, which a GPU reads without the processor's help."""
    import torch

    memory: Float32Array = torch.empty(shape, pin_memory=True).numpy()
    return memory
