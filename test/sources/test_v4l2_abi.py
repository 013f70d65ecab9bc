"""The structures against the kernel's own header, compiled."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from egorear_ros.sources import v4l2_abi as abi

STRUCTURES = {
    "v4l2_capability": (abi.Capability, ("driver", "card", "bus_info", "version", "capabilities", "device_caps")),
    "v4l2_fmtdesc": (abi.FormatDescription, ("index", "type", "flags", "description", "pixelformat")),
    "v4l2_pix_format": (
        abi.PixFormat,
        ("width", "height", "pixelformat", "field", "bytesperline", "sizeimage", "colorspace", "xfer_func"),
    ),
    "v4l2_format": (abi.Format, ("type", "fmt")),
    "v4l2_requestbuffers": (abi.RequestBuffers, ("count", "type", "memory", "capabilities")),
    "v4l2_buffer": (
        abi.Buffer,
        ("index", "type", "bytesused", "flags", "field", "timestamp", "timecode", "sequence", "memory", "m", "length"),
    ),
    "v4l2_captureparm": (abi.CaptureParm, ("capability", "capturemode", "timeperframe", "extendedmode", "readbuffers")),
    "v4l2_streamparm": (abi.StreamParm, ("type", "parm")),
    "v4l2_frmsizeenum": (abi.FrameSize, ("index", "pixel_format", "type")),
    "v4l2_frmivalenum": (abi.FrameInterval, ("index", "pixel_format", "width", "height", "type")),
}
REQUESTS = [name for name in dir(abi) if name.startswith("VIDIOC_")]
CONSTANTS = {
    "V4L2_BUF_TYPE_VIDEO_CAPTURE": abi.BUF_TYPE_VIDEO_CAPTURE,
    "V4L2_MEMORY_MMAP": abi.MEMORY_MMAP,
    "V4L2_CAP_VIDEO_CAPTURE": abi.CAP_VIDEO_CAPTURE,
    "V4L2_CAP_VIDEO_CAPTURE_MPLANE": abi.CAP_VIDEO_CAPTURE_MPLANE,
    "V4L2_CAP_STREAMING": abi.CAP_STREAMING,
    "V4L2_CAP_DEVICE_CAPS": abi.CAP_DEVICE_CAPS,
    "V4L2_BUF_FLAG_ERROR": abi.BUF_FLAG_ERROR,
    "V4L2_BUF_FLAG_TIMESTAMP_MASK": abi.BUF_FLAG_TIMESTAMP_MASK,
    "V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC": abi.BUF_FLAG_TIMESTAMP_MONOTONIC,
    "V4L2_FRMSIZE_TYPE_DISCRETE": abi.FRMSIZE_TYPE_DISCRETE,
    "V4L2_FRMIVAL_TYPE_DISCRETE": abi.FRMIVAL_TYPE_DISCRETE,
    "V4L2_PIX_FMT_MJPEG": abi.fourcc("MJPG"),
    "V4L2_PIX_FMT_YUYV": abi.fourcc("YUYV"),
    "V4L2_PIX_FMT_JPEG": abi.fourcc("JPEG"),
}
# Members of anonymous unions.
OFFSETS = {
    "v4l2_frmsizeenum.discrete": abi.FrameSize.size.offset,
    "v4l2_frmivalenum.discrete": abi.FrameInterval.interval.offset,
}


@pytest.fixture(scope="module")
def kernel_says(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Values by C expression, from a program compiled here."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or not Path("/usr/include/linux/videodev2.h").is_file():
        pytest.skip("needs a C compiler and linux/videodev2.h")
    expressions = [f"sizeof(struct {name})" for name in STRUCTURES]
    expressions += [f"offsetof(struct {name}, {each})" for name, (_, fields) in STRUCTURES.items() for each in fields]
    expressions += ["offsetof(struct {}, {})".format(*name.split(".")) for name in OFFSETS]
    expressions += [*REQUESTS, *CONSTANTS]
    folder = tmp_path_factory.mktemp("abi")
    lines = "\n".join(f'printf("%llu\\n", (unsigned long long)({each}));' for each in expressions)
    includes = "#include <stdio.h>\n#include <stddef.h>\n#include <linux/videodev2.h>\n"
    (folder / "abi.c").write_text(f"{includes}int main(void) {{\n{lines}\nreturn 0; }}\n")
    subprocess.run([compiler, "-o", folder / "abi", folder / "abi.c"], check=True)
    printed = subprocess.run([folder / "abi"], check=True, capture_output=True, text=True).stdout.split()
    return dict(zip(expressions, map(int, printed), strict=True))


@pytest.mark.parametrize("name", STRUCTURES)
def test_structure_has_the_kernels_layout(name: str, kernel_says: dict[str, int]) -> None:
    structure, fields = STRUCTURES[name]
    assert ctypes.sizeof(structure) == kernel_says[f"sizeof(struct {name})"]
    offsets = {each: getattr(structure, each).offset for each in fields}
    assert offsets == {each: kernel_says[f"offsetof(struct {name}, {each})"] for each in fields}


def test_union_members_have_the_kernels_offsets(kernel_says: dict[str, int]) -> None:
    assert {name: kernel_says["offsetof(struct {}, {})".format(*name.split("."))] for name in OFFSETS} == OFFSETS


@pytest.mark.parametrize("name", REQUESTS)
def test_request_has_the_kernels_number(name: str, kernel_says: dict[str, int]) -> None:
    assert getattr(abi, name) == kernel_says[name]


def test_constants_have_the_kernels_values(kernel_says: dict[str, int]) -> None:
    assert {name: kernel_says[name] for name in CONSTANTS} == CONSTANTS


def test_pixel_format_names_round_trip() -> None:
    assert [abi.fourcc_name(abi.fourcc(name)) for name in ("MJPG", "YUYV", "Y16 ")] == ["MJPG", "YUYV", "Y16"]
