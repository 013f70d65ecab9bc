"""The part of Linux' video capture interface (V4L2) that is used here, as ctypes structures.

Names and layout are the kernel's, from `linux/videodev2.h`; test/sources/test_v4l2_abi.py compiles
that header and compares.
"""

import ctypes
from ctypes import c_char, c_int32, c_long, c_ubyte, c_uint32, c_ulong, c_void_p

BUF_TYPE_VIDEO_CAPTURE = 1
MEMORY_MMAP = 1
FIELD_ANY = 0
CAP_VIDEO_CAPTURE = 0x00000001
CAP_VIDEO_CAPTURE_MPLANE = 0x00001000
CAP_STREAMING = 0x04000000
CAP_DEVICE_CAPS = 0x80000000
BUF_FLAG_ERROR = 0x00000040
BUF_FLAG_TIMESTAMP_MASK = 0x0000E000
BUF_FLAG_TIMESTAMP_MONOTONIC = 0x00002000
FRMSIZE_TYPE_DISCRETE = 1
FRMIVAL_TYPE_DISCRETE = 1


def fourcc(code: str) -> int:
    """Return a pixel format's number, as of "MJPG"."""
    return int.from_bytes(code.encode("ascii"), "little")


def fourcc_name(number: int) -> str:
    """Return a pixel format's four letters."""
    return number.to_bytes(4, "little").decode("ascii", "replace").rstrip()


class Capability(ctypes.Structure):
    """Struct v4l2_capability."""

    _fields_ = [
        ("driver", c_char * 16),
        ("card", c_char * 32),
        ("bus_info", c_char * 32),
        ("version", c_uint32),
        ("capabilities", c_uint32),
        ("device_caps", c_uint32),
        ("reserved", c_uint32 * 3),
    ]


class FormatDescription(ctypes.Structure):
    """Struct v4l2_fmtdesc."""

    _fields_ = [
        ("index", c_uint32),
        ("type", c_uint32),
        ("flags", c_uint32),
        ("description", c_char * 32),
        ("pixelformat", c_uint32),
        ("mbus_code", c_uint32),
        ("reserved", c_uint32 * 3),
    ]


class PixFormat(ctypes.Structure):
    """Struct v4l2_pix_format."""

    _fields_ = [
        ("width", c_uint32),
        ("height", c_uint32),
        ("pixelformat", c_uint32),
        ("field", c_uint32),
        ("bytesperline", c_uint32),
        ("sizeimage", c_uint32),
        ("colorspace", c_uint32),
        ("priv", c_uint32),
        ("flags", c_uint32),
        ("ycbcr_enc", c_uint32),
        ("quantization", c_uint32),
        ("xfer_func", c_uint32),
    ]


class _FormatUnion(ctypes.Union):
    _fields_ = [("pix", PixFormat), ("raw_data", c_ubyte * 200), ("pointer", c_void_p)]


class Format(ctypes.Structure):
    """Struct v4l2_format."""

    _fields_ = [("type", c_uint32), ("fmt", _FormatUnion)]


class RequestBuffers(ctypes.Structure):
    """Struct v4l2_requestbuffers."""

    _fields_ = [
        ("count", c_uint32),
        ("type", c_uint32),
        ("memory", c_uint32),
        ("capabilities", c_uint32),
        ("reserved", c_uint32),
    ]


class TimeVal(ctypes.Structure):
    """Struct timeval."""

    _fields_ = [("tv_sec", c_long), ("tv_usec", c_long)]


class _BufferUnion(ctypes.Union):
    _fields_ = [("offset", c_uint32), ("userptr", c_ulong), ("planes", c_void_p), ("fd", c_int32)]


class Buffer(ctypes.Structure):
    """Struct v4l2_buffer."""

    _fields_ = [
        ("index", c_uint32),
        ("type", c_uint32),
        ("bytesused", c_uint32),
        ("flags", c_uint32),
        ("field", c_uint32),
        ("timestamp", TimeVal),
        ("timecode", c_ubyte * 16),
        ("sequence", c_uint32),
        ("memory", c_uint32),
        ("m", _BufferUnion),
        ("length", c_uint32),
        ("reserved2", c_uint32),
        ("request_fd", c_int32),
    ]


class Fract(ctypes.Structure):
    """Struct v4l2_fract."""

    _fields_ = [("numerator", c_uint32), ("denominator", c_uint32)]


class CaptureParm(ctypes.Structure):
    """Struct v4l2_captureparm."""

    _fields_ = [
        ("capability", c_uint32),
        ("capturemode", c_uint32),
        ("timeperframe", Fract),
        ("extendedmode", c_uint32),
        ("readbuffers", c_uint32),
        ("reserved", c_uint32 * 4),
    ]


class _ParmUnion(ctypes.Union):
    _fields_ = [("capture", CaptureParm), ("raw_data", c_ubyte * 200)]


class StreamParm(ctypes.Structure):
    """Struct v4l2_streamparm."""

    _fields_ = [("type", c_uint32), ("parm", _ParmUnion)]


class FrameSize(ctypes.Structure):
    """Struct v4l2_frmsizeenum; for ranges `size` begins with min and max width."""

    _fields_ = [
        ("index", c_uint32),
        ("pixel_format", c_uint32),
        ("type", c_uint32),
        ("size", c_uint32 * 6),
        ("reserved", c_uint32 * 2),
    ]


class FrameInterval(ctypes.Structure):
    """Struct v4l2_frmivalenum; for ranges `interval` begins with the shortest."""

    _fields_ = [
        ("index", c_uint32),
        ("pixel_format", c_uint32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("type", c_uint32),
        ("interval", Fract * 3),
        ("reserved", c_uint32 * 2),
    ]


def _request(direction: int, number: int, argument: type) -> int:
    """Encode an ioctl request (asm-generic/ioctl.h): direction 1 is to the kernel, 2 from it."""
    return (direction << 30) | (ctypes.sizeof(argument) << 16) | (ord("V") << 8) | number


VIDIOC_QUERYCAP = _request(2, 0, Capability)
VIDIOC_ENUM_FMT = _request(3, 2, FormatDescription)
VIDIOC_S_FMT = _request(3, 5, Format)
VIDIOC_REQBUFS = _request(3, 8, RequestBuffers)
VIDIOC_QUERYBUF = _request(3, 9, Buffer)
VIDIOC_QBUF = _request(3, 15, Buffer)
VIDIOC_DQBUF = _request(3, 17, Buffer)
VIDIOC_STREAMON = _request(1, 18, c_int32)
VIDIOC_STREAMOFF = _request(1, 19, c_int32)
VIDIOC_S_PARM = _request(3, 22, StreamParm)
VIDIOC_ENUM_FRAMESIZES = _request(3, 74, FrameSize)
VIDIOC_ENUM_FRAMEINTERVALS = _request(3, 75, FrameInterval)
