"""A made-up camera behind the system calls that `VideoDevice` makes."""

import errno
import os
from dataclasses import dataclass, field
from typing import Any

from egorear_ros.sources import v4l2_abi as abi

JPEG = b"\xff\xd8\xff\xda image \xff\xd9"
Sizes = dict[tuple[int, int], list[float]]


def default_formats() -> dict[str, Sizes]:
    return {"YUYV": {(64, 48): [30.0]}, "MJPG": {(128, 96): [30.0, 15.0], (64, 48): [60.0, 30.0], (100, 100): [30.0]}}


class Mapped(bytearray):
    """A driver's buffer."""

    closed = False

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeCamera:
    """One device that behaves as `linux/videodev2.h` says.

    Attributes:
        formats: rates by size by format.
        images: what the stream delivers: bytes, (bytes, flags), an errno, or None for silence.
        fail: errno by request number or "open": what goes wrong.
    """

    formats: dict[str, Sizes] = field(default_factory=default_formats)
    images: list[Any] = field(default_factory=lambda: [JPEG])
    fail: dict[int | str, int] = field(default_factory=dict)
    capabilities: int = abi.CAP_VIDEO_CAPTURE | abi.CAP_STREAMING
    any_size: bool = False
    rate_hz: float | None = None
    line_padding: int = 0
    adjusted_size: tuple[int, int] | None = None
    tells_rate: bool = True

    def __post_init__(self) -> None:
        self.open_fds: set[int] = set()
        self.mapped: list[Mapped] = []
        self.queued: list[int] = []
        self.streaming = False
        self.asked_rate: float | None = None
        self.stamp_us = 1_000_000_123

    def open(self, path: str) -> int:
        self._fail("open")
        self.open_fds.add(7)
        return 7

    def close(self, fd: int) -> None:
        self.open_fds.remove(fd)

    def mmap(self, fd: int, length: int, offset: int) -> Mapped:
        assert fd in self.open_fds
        assert offset == 4096 * len(self.mapped)
        self.mapped.append(Mapped(length))
        return self.mapped[-1]

    def wait(self, fd: int, timeout_s: float) -> bool:
        assert self.streaming
        assert self.queued, "all buffers are with the reader: nothing to fill"
        if self.images and self.images[0] is None:
            self.images.pop(0)
            return False
        return True

    def ioctl(self, fd: int, request: int, argument: Any) -> None:
        assert fd in self.open_fds
        self._fail(request)
        name = next(name for name in dir(abi) if name.startswith("VIDIOC_") and getattr(abi, name) == request)
        getattr(self, name.removeprefix("VIDIOC_").lower())(argument)

    def _fail(self, step: int | str) -> None:
        if step in self.fail:
            raise OSError(self.fail[step], os.strerror(self.fail[step]))

    # Requests

    def querycap(self, argument: abi.Capability) -> None:
        argument.card = b"Fisheye 3000"
        argument.bus_info = b"usb-0000:00:14.0-1"
        argument.capabilities = self.capabilities | abi.CAP_DEVICE_CAPS | abi.CAP_VIDEO_CAPTURE
        argument.device_caps = self.capabilities

    def enum_fmt(self, argument: abi.FormatDescription) -> None:
        assert argument.type == abi.BUF_TYPE_VIDEO_CAPTURE
        argument.pixelformat = abi.fourcc(self._item(list(self.formats), argument.index))

    def enum_framesizes(self, argument: abi.FrameSize) -> None:
        sizes = list(self.formats[abi.fourcc_name(argument.pixel_format)])
        if self.any_size:
            self._item([0], argument.index)
            argument.type = 3
            argument.size[:] = (16, max(width for width, _ in sizes), 2, 16, max(height for _, height in sizes), 2)
        else:
            argument.type = abi.FRMSIZE_TYPE_DISCRETE
            argument.size[0], argument.size[1] = self._item(sizes, argument.index)

    def enum_frameintervals(self, argument: abi.FrameInterval) -> None:
        rates = self.formats[abi.fourcc_name(argument.pixel_format)].get((argument.width, argument.height), [])
        rate = self._item(rates, argument.index)
        argument.type = abi.FRMIVAL_TYPE_DISCRETE
        argument.interval[0].numerator, argument.interval[0].denominator = 100, round(100 * rate)

    def s_fmt(self, argument: abi.Format) -> None:
        assert not self.streaming
        pix = argument.fmt.pix
        if self.adjusted_size:
            pix.width, pix.height = self.adjusted_size
        raw = pix.pixelformat == abi.fourcc("YUYV")
        pix.bytesperline = 2 * pix.width + self.line_padding if raw else 0
        pix.sizeimage = pix.bytesperline * pix.height if raw else pix.width * pix.height

    def s_parm(self, argument: abi.StreamParm) -> None:
        if not self.tells_rate:
            raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))
        period = argument.parm.capture.timeperframe
        self.asked_rate = period.denominator / period.numerator
        if self.rate_hz is not None:
            period.numerator, period.denominator = 1000, round(1000 * self.rate_hz)

    def reqbufs(self, argument: abi.RequestBuffers) -> None:
        assert argument.memory == abi.MEMORY_MMAP
        argument.count = min(argument.count, 3)

    def querybuf(self, argument: abi.Buffer) -> None:
        argument.length, argument.m.offset = 65536, 4096 * argument.index

    def qbuf(self, argument: abi.Buffer) -> None:
        assert argument.index not in self.queued
        self.queued.append(argument.index)

    def dqbuf(self, argument: abi.Buffer) -> None:
        item = self.images.pop(0) if len(self.images) > 1 else self.images[0]
        if isinstance(item, int):
            raise OSError(item, os.strerror(item))
        data, flags = item if isinstance(item, tuple) else (item, abi.BUF_FLAG_TIMESTAMP_MONOTONIC)
        argument.index = self.queued.pop(0)
        self.mapped[argument.index][: len(data)] = data
        argument.bytesused, argument.flags = len(data), flags
        argument.timestamp.tv_sec, argument.timestamp.tv_usec = divmod(self.stamp_us, 1_000_000)
        self.stamp_us += 33_333

    def streamon(self, argument: Any) -> None:
        assert argument.value == abi.BUF_TYPE_VIDEO_CAPTURE
        assert self.queued
        self.streaming = True

    def streamoff(self, argument: Any) -> None:
        self.streaming = False
        self.queued.clear()

    @staticmethod
    def _item(items: list[Any], index: int) -> Any:
        if index >= len(items):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return items[index]
