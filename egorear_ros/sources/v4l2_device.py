"""A video capture device: what it offers, and its stream of buffers. Errors are the kernel's OSError."""

import ctypes
import errno
import fcntl
import mmap
import os
import select
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol, TypeVar

from egorear_ros.sources import v4l2_abi as abi

BUFFERS = 4
"""Enough that the driver always has one to fill, few enough that a slow reader does not fall behind far."""

S = TypeVar("S")


class Kernel(Protocol):
    """The system calls that a device needs; tests put a made-up device in their place."""

    def open(self, path: str) -> int:
        """Open a device; return its descriptor."""

    def close(self, fd: int) -> None:
        """Close a descriptor."""

    def ioctl(self, fd: int, request: int, argument: Any) -> None:
        """Send a request; `argument` is read and written."""

    def mmap(self, fd: int, length: int, offset: int) -> Any:
        """Return a buffer of the driver as an object with the buffer protocol and `close`."""

    def wait(self, fd: int, timeout_s: float) -> bool:
        """Wait for a filled buffer; return False if none came in time."""


class LinuxKernel:
    """The system calls of the running kernel."""

    def open(self, path: str) -> int:
        """Open without blocking: waiting is done by `wait`."""
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def close(self, fd: int) -> None:
        """See `Kernel`."""
        os.close(fd)

    def ioctl(self, fd: int, request: int, argument: Any) -> None:
        """See `Kernel`; a signal does not interrupt it."""
        while True:
            try:
                fcntl.ioctl(fd, request, argument)
                return
            except InterruptedError:
                continue

    def mmap(self, fd: int, length: int, offset: int) -> mmap.mmap:
        """See `Kernel`."""
        return mmap.mmap(fd, length, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=offset)

    def wait(self, fd: int, timeout_s: float) -> bool:
        """See `Kernel`."""
        poller = select.poll()
        poller.register(fd, select.POLLIN | select.POLLPRI)
        return bool(poller.poll(timeout_s * 1000))


@dataclass(frozen=True)
class SizeOffer:
    """An image size that a device offers, and the rates at that size, fastest first.

    Attributes:
        width, height: px; the largest size where `any_size`.
        rates_hz: empty if the driver does not say.
        any_size: all sizes up to this one are offered.
    """

    width: int
    height: int
    rates_hz: tuple[float, ...] = ()
    any_size: bool = False


@dataclass(frozen=True)
class FormatOffer:
    """A pixel format that a device offers, by its four letters, and its sizes."""

    name: str
    sizes: tuple[SizeOffer, ...]


@dataclass(frozen=True)
class Negotiated:
    """What the driver agreed to.

    Attributes:
        format: four letters, as "MJPG".
        width, height: px.
        line_bytes: bytes per row of uncompressed formats.
        rate_hz: None if the driver does not say.
    """

    format: str
    width: int
    height: int
    line_bytes: int
    rate_hz: float | None


@dataclass(frozen=True)
class Captured:
    """One filled buffer.

    Attributes:
        data: a copy of its bytes.
        monotonic_ns: the kernel's stamp on CLOCK_MONOTONIC; None if the driver uses another clock.
        damaged: the driver says that data was lost.
    """

    data: bytes
    monotonic_ns: int | None
    damaged: bool


class VideoDevice:
    """An open capture device.

    Args:
        path: a device node; symbolic links are followed.
        kernel: the system calls.

    Raises:
        OSError: it cannot be opened, or is no V4L2 device.
    """

    def __init__(self, path: str, kernel: Kernel) -> None:
        self._kernel = kernel
        self._buffers: list[Any] = []
        self._streaming = False
        self._fd = kernel.open(path)
        try:
            self._capability = self._ask(abi.VIDIOC_QUERYCAP, abi.Capability())
        except OSError:
            kernel.close(self._fd)
            raise

    @property
    def card(self) -> str:
        """The product's name."""
        return bytes(self._capability.card).decode("utf-8", "replace")

    @property
    def bus(self) -> str:
        """Where it is plugged in, as "usb-0000:00:14.0-1.2"."""
        return bytes(self._capability.bus_info).decode("utf-8", "replace")

    @property
    def captures(self) -> bool:
        """Whether it is an image stream, and not metadata, output or multi-planar."""
        wanted = abi.CAP_VIDEO_CAPTURE | abi.CAP_STREAMING
        return self._capabilities() & wanted == wanted

    @property
    def multi_planar(self) -> bool:
        """Whether it captures through the multi-planar interface, as camera sensors without USB do."""
        return bool(self._capabilities() & abi.CAP_VIDEO_CAPTURE_MPLANE)

    def formats(self) -> tuple[FormatOffer, ...]:
        """Return what the device offers."""
        found = self._enumerate(
            abi.VIDIOC_ENUM_FMT, lambda n: abi.FormatDescription(index=n, type=abi.BUF_TYPE_VIDEO_CAPTURE)
        )
        return tuple(
            FormatOffer(abi.fourcc_name(one.pixelformat), tuple(self._sizes(one.pixelformat))) for one in found
        )

    def negotiate(self, name: str, width: int, height: int, rate_hz: float) -> Negotiated:
        """Ask for a format, size and rate; the driver answers with the nearest it has."""
        wanted = abi.Format(type=abi.BUF_TYPE_VIDEO_CAPTURE)
        wanted.fmt.pix = abi.PixFormat(width=width, height=height, pixelformat=abi.fourcc(name), field=abi.FIELD_ANY)
        got = self._ask(abi.VIDIOC_S_FMT, wanted).fmt.pix
        rate = self._set_rate(rate_hz)
        return Negotiated(abi.fourcc_name(got.pixelformat), got.width, got.height, got.bytesperline, rate)

    def start(self) -> None:
        """Reserve buffers and let the stream begin."""
        request = abi.RequestBuffers(count=BUFFERS, type=abi.BUF_TYPE_VIDEO_CAPTURE, memory=abi.MEMORY_MMAP)
        for index in range(self._ask(abi.VIDIOC_REQBUFS, request).count):
            buffer = self._ask(abi.VIDIOC_QUERYBUF, _buffer(index))
            self._buffers.append(self._kernel.mmap(self._fd, buffer.length, buffer.m.offset))
            self._ask(abi.VIDIOC_QBUF, _buffer(index))
        self._ask(abi.VIDIOC_STREAMON, ctypes.c_int32(abi.BUF_TYPE_VIDEO_CAPTURE))
        self._streaming = True

    def capture(self, timeout_s: float) -> Captured | None:
        """Return the next image, or None if none came in time."""
        while True:
            if not self._kernel.wait(self._fd, timeout_s):
                return None
            try:
                buffer = self._ask(abi.VIDIOC_DQBUF, _buffer(0))
                break
            except BlockingIOError:  # woken up for nothing
                continue
        try:
            data = bytes(memoryview(self._buffers[buffer.index])[: buffer.bytesused])
        finally:
            self._ask(abi.VIDIOC_QBUF, _buffer(buffer.index))
        monotonic = buffer.flags & abi.BUF_FLAG_TIMESTAMP_MASK == abi.BUF_FLAG_TIMESTAMP_MONOTONIC
        stamp_ns = buffer.timestamp.tv_sec * 1_000_000_000 + buffer.timestamp.tv_usec * 1000
        return Captured(data, stamp_ns if monotonic else None, bool(buffer.flags & abi.BUF_FLAG_ERROR))

    def close(self) -> None:
        """End the stream and give everything back; also after the device is gone."""
        if self._streaming:
            try:
                self._ask(abi.VIDIOC_STREAMOFF, ctypes.c_int32(abi.BUF_TYPE_VIDEO_CAPTURE))
            except OSError as error:
                if error.errno != errno.ENODEV:
                    raise
            finally:
                self._streaming = False
                self._release()
        else:
            self._release()

    def _release(self) -> None:
        for buffer in self._buffers:
            buffer.close()
        self._buffers = []
        if self._fd >= 0:
            self._kernel.close(self._fd)
        self._fd = -1

    def _ask(self, request: int, argument: S) -> S:
        self._kernel.ioctl(self._fd, request, argument)
        return argument

    def _capabilities(self) -> int:
        every = int(self._capability.capabilities)
        return int(self._capability.device_caps) if every & abi.CAP_DEVICE_CAPS else every

    def _enumerate(self, request: int, make: Callable[[int], S]) -> Iterator[S]:
        """Ask for item 0, 1, ... until the driver has no more."""
        for index in range(1000):
            try:
                yield self._ask(request, make(index))
            except OSError as error:
                if error.errno in (errno.EINVAL, errno.ENOTTY):
                    return
                raise

    def _sizes(self, pixel_format: int) -> Iterator[SizeOffer]:
        found = self._enumerate(abi.VIDIOC_ENUM_FRAMESIZES, lambda n: abi.FrameSize(index=n, pixel_format=pixel_format))
        for one in found:
            if one.type == abi.FRMSIZE_TYPE_DISCRETE:
                width, height = one.size[0], one.size[1]
                yield SizeOffer(width, height, self._rates(pixel_format, width, height))
            else:
                _, width, _, _, height, _ = one.size
                yield SizeOffer(width, height, self._rates(pixel_format, width, height), any_size=True)
                return

    def _rates(self, pixel_format: int, width: int, height: int) -> tuple[float, ...]:
        rates = []
        for one in self._enumerate(
            abi.VIDIOC_ENUM_FRAMEINTERVALS,
            lambda n: abi.FrameInterval(index=n, pixel_format=pixel_format, width=width, height=height),
        ):
            shortest = one.interval[0]
            if shortest.numerator:
                rates.append(shortest.denominator / shortest.numerator)
            if one.type != abi.FRMIVAL_TYPE_DISCRETE:
                break
        return tuple(sorted(rates, reverse=True))

    def _set_rate(self, rate_hz: float) -> float | None:
        period = Fraction(1 / rate_hz).limit_denominator(100_000)
        parm = abi.StreamParm(type=abi.BUF_TYPE_VIDEO_CAPTURE)
        parm.parm.capture.timeperframe = abi.Fract(period.numerator, period.denominator)
        try:
            got = self._ask(abi.VIDIOC_S_PARM, parm).parm.capture.timeperframe
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOTTY):
                return None
            raise
        return got.denominator / got.numerator if got.numerator else None


def _buffer(index: int) -> abi.Buffer:
    return abi.Buffer(index=index, type=abi.BUF_TYPE_VIDEO_CAPTURE, memory=abi.MEMORY_MMAP)
