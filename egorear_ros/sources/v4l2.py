"""A camera device of Linux (V4L2): USB cameras and whatever else appears as /dev/video*."""

import logging
import time

import cv2
import numpy as np

from egorear_ros.config import SourceConfig
from egorear_ros.sources.base import Picture, SourceError, SourceLost
from egorear_ros.sources.image_bytes import is_cut_off
from egorear_ros.sources.image_size import SizeCheck
from egorear_ros.sources.v4l2_device import (
    Captured,
    FormatOffer,
    Kernel,
    LinuxKernel,
    Negotiated,
    SizeOffer,
    VideoDevice,
)
from egorear_ros.sources.v4l2_errors import LIST_HINT, explain
from egorear_ros.structures import Rig

log = logging.getLogger(__name__)

FORMATS = ("MJPG", "JPEG", "YUYV")
"""What can be used, best first: compressed images are passed on as they are."""

SILENCE_S = 2.0
"""A camera that sends nothing for this long, or for five frame periods if that is longer, is lost."""


class V4l2Source:
    """Take images from a camera device as they come.

    `path` is /dev/v4l/by-id/..., /dev/v4l/by-path/..., /dev/video0, any link to one, or just a number.
    Size: `width` x `height`; where 0, the calibrated size or the largest offered one below it with
    the same aspect ratio. Stamps are the kernel's; for USB cameras the moment when the image began to arrive.

    Args:
        config: `path`, `width`, `height` and `rate_hz` are used.
        rig: the calibrated rig.
        view: one of its views.
        kernel: the system calls.
    """

    paced = False

    def __init__(self, config: SourceConfig, rig: Rig, view: str, kernel: Kernel | None = None) -> None:
        self._path = f"/dev/video{config.path}" if config.path.isdecimal() else config.path
        self._rate_hz = config.rate_hz
        self._size_is_set = (bool(config.width), bool(config.height))
        self._size = SizeCheck(config, rig, view)
        self._view = view
        self._kernel: Kernel = kernel or LinuxKernel()
        self._device: VideoDevice | None = None
        self._agreed = Negotiated("", 0, 0, 0, None)
        self._warned_stamp = False

    def open(self) -> None:
        """Open the device, agree on format, size and rate, and start its stream.

        Raises:
            SourceError: missing, busy, not permitted, no camera, or of the wrong size.
            SourceLost: it went away meanwhile.
        """
        self.close()
        if not self._path:
            raise SourceError(f"{self._view}: source.path is empty; expected a camera device. {LIST_HINT}")
        try:
            device = VideoDevice(self._path, self._kernel)
        except OSError as error:
            raise explain(error, self._view, self._path, "open") from error
        try:
            self._agreed = self._negotiate(device)
            device.start()
        except OSError as error:
            device.close()
            raise explain(error, self._view, self._path, "start its stream", device.bus) from error
        except SourceError:
            device.close()
            raise
        self._device = device

    def read(self, tick: int) -> Picture:
        """Wait for the next image and return it; `tick` is ignored.

        Raises:
            SourceError: this image was damaged on its way.
            SourceLost: the device is gone or silent.
        """
        if self._device is None:
            raise SourceLost(f"{self._view}: the source is not open. Call open() first.")
        timeout_s = max(SILENCE_S, 5 / self._rate_hz)
        try:
            captured = self._device.capture(timeout_s)
        except OSError as error:
            lost = explain(error, self._view, self._path, "read an image")
            raise SourceLost(str(lost)) from error
        if captured is None:
            raise SourceLost(
                f"{self._view}: {self._path} sent no image for {timeout_s:g} s. Check its cable and power, "
                "and the USB bandwidth with `egorear cameras --test`."
            )
        return self._picture(captured)

    def close(self) -> None:
        """Stop the stream and release the device."""
        device, self._device = self._device, None
        if device is not None:
            try:
                device.close()
            except OSError as error:
                log.warning("%s: %s did not stop cleanly: %s", self._view, self._path, error.strerror)

    # Agreeing

    def _negotiate(self, device: VideoDevice) -> Negotiated:
        self._check_captures(device)
        offer = self._choose_format(device)
        size = self._choose_size(offer)
        agreed = device.negotiate(offer.name, size.width, size.height, self._rate_hz)
        if (agreed.format, agreed.width, agreed.height) != (offer.name, size.width, size.height):
            raise SourceError(
                f"{self._view}: {self._path} ({device.card}) was asked for {offer.name} {size.width}x{size.height} px "
                f"and chose {agreed.format} {agreed.width}x{agreed.height}. It offers: {_name_sizes(offer)}."
            )
        self._report(device, agreed, size)
        return agreed

    def _check_captures(self, device: VideoDevice) -> None:
        if device.captures:
            return
        if device.multi_planar:
            raise SourceError(
                f"{self._view}: {self._path} ({device.card}) is a multi-planar device, as sensors on boards are. "
                "Run its own ROS driver (for example camera_ros) and remap its topics to this view's."
            )
        raise SourceError(
            f"{self._view}: {self._path} ({device.card}) gives no images; cameras often have a second device for "
            f"metadata. Take the one with the lower number, or -video-index0. {LIST_HINT}"
        )

    def _choose_format(self, device: VideoDevice) -> FormatOffer:
        offers = {offer.name: offer for offer in device.formats()}
        for name in FORMATS:
            if name in offers:
                if name == "YUYV":
                    log.warning("%s: %s offers no MJPG; YUYV takes far more USB bandwidth", self._view, self._path)
                return offers[name]
        raise SourceError(
            f"{self._view}: {self._path} ({device.card}) offers {', '.join(offers) or 'no format'}; "
            f"expected one of {', '.join(FORMATS)}. Use another camera, or its own ROS driver."
        )

    def _choose_size(self, offer: FormatOffer) -> SizeOffer:
        width, height = self._size.width, self._size.height
        for size in offer.sizes:
            fits = size.any_size and width <= size.width and height <= size.height
            if fits or (size.width, size.height) == (width, height):
                return SizeOffer(width, height, size.rates_hz)
        if not any(self._size_is_set):
            for size in sorted(offer.sizes, key=lambda each: each.width, reverse=True):
                if size.width <= width and self._size.fits(size.width, size.height):
                    return size
        raise SourceError(
            f"{self._view}: {self._path} does not offer {offer.name} at {width}x{height} px, "
            f"nor was a scaled size found; it offers: {_name_sizes(offer)}. Set source.width and source.height to one "
            "with the aspect ratio of the calibration, or recalibrate this view at a size that the camera has."
        )

    def _report(self, device: VideoDevice, agreed: Negotiated, size: SizeOffer) -> None:
        """Say what was asked for and what came of it."""
        got = f"{agreed.format} {agreed.width}x{agreed.height} px"
        if agreed.rate_hz is None:
            log.info("%s: %s (%s) sends %s; its driver tells no rate", self._view, self._path, device.card, got)
        elif abs(agreed.rate_hz - self._rate_hz) > 0.01 * self._rate_hz:
            rates = ", ".join(f"{rate:g}" for rate in size.rates_hz)
            log.warning(
                "%s: %s (%s) was asked for %g Hz and sends %s at %g Hz%s. "
                "Set source.rate_hz to a rate that all cameras have.",
                *(self._view, self._path, device.card, self._rate_hz, got, agreed.rate_hz),
                f"; at this size it offers {rates} Hz" if rates else "",
            )
        else:
            log.info("%s: %s (%s) sends %s at %g Hz", self._view, self._path, device.card, got, agreed.rate_hz)

    # Images

    def _picture(self, captured: Captured) -> Picture:
        agreed = self._agreed
        stamp_ns = captured.monotonic_ns
        if stamp_ns is None:
            stamp_ns = time.monotonic_ns()
            if not self._warned_stamp:
                self._warned_stamp = True
                log.warning("%s: %s gives no exposure stamp; the time of arrival is used", self._view, self._path)
        if agreed.format == "YUYV":
            needed = agreed.line_bytes * agreed.height
            if captured.damaged or len(captured.data) < needed:
                raise self._damaged(f"{len(captured.data)} of {needed} bytes")
            return Picture("rgb8", self._convert(captured.data[:needed]), stamp_ns)
        if captured.damaged or not captured.data.startswith(b"\xff\xd8") or is_cut_off(captured.data, "jpeg"):
            raise self._damaged(f"{len(captured.data)} bytes, no whole JPEG")
        return Picture("jpeg", captured.data, stamp_ns)

    def _convert(self, data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        """Return (H, W, 3) RGB of YUYV bytes; rows may be padded."""
        agreed = self._agreed
        rows = np.frombuffer(data, np.uint8).reshape(agreed.height, agreed.line_bytes)[:, : 2 * agreed.width]
        pixels = np.ascontiguousarray(rows).reshape(agreed.height, agreed.width, 2)
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_YUV2RGB_YUYV), dtype=np.uint8)

    def _damaged(self, found: str) -> SourceError:
        return SourceError(
            f"{self._view}: an image from {self._path} was damaged on its way ({found}). If it goes on, check the "
            "cable and the USB bandwidth (`egorear cameras --test`)."
        )


def _name_sizes(offer: FormatOffer) -> str:
    sizes = sorted({(size.width, size.height, size.any_size) for size in offer.sizes}, reverse=True)
    texts = [f"{'up to ' if any_size else ''}{width}x{height}" for width, height, any_size in sizes]
    return ", ".join(texts) or "nothing"
