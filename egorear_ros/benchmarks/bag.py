"""How long a recording takes to be checked, and whether that takes more memory for a longer one."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from egorear_ros.bags.base import BagError
from egorear_ros.bags.sequence import BEGIN_S, ground_truth
from egorear_ros.bags.writer import BagWriter
from egorear_ros.benchmarks.report import Row
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.sources.pacing import period_ns
from egorear_ros.structures import Frame, Rig

MINUTES = (1, 10)
RATE_HZ = 30.0
IMAGE_BYTES = 60_000
MAX_S = 20.0
MEMORY_SHARE = 1.1

_CHECK = """
import json, resource, sys, time
from egorear_ros.bags.bag import open_bag
from egorear_ros.bags.check import check_bag
begin_s = time.perf_counter()
with open_bag(sys.argv[1]) as bag:
    report = check_bag(bag)
seconds = time.perf_counter() - begin_s
used = resource.getrusage(resource.RUSAGE_SELF)
# Not ru_maxrss, which counts the process that this one was forked from.
peak_kb = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({
    "seconds": seconds,
    "processor_s": used.ru_utime + used.ru_stime,
    "peak_mb": peak_kb / 1024,
    "messages": report.messages,
    "good": report.good,
}))
"""


@dataclass(frozen=True)
class Checked:
    """One check, by a process of its own.

    Attributes:
        seconds: from opening to the verdict.
        processor_s: processor time of the whole process.
        peak_mb: most memory that the process held, MB.
        messages: in the recording.
        good: the verdict.
    """

    seconds: float
    processor_s: float
    peak_mb: float
    messages: int
    good: bool


def measure_bag(folder: Path, calib: str) -> list[Row]:
    """Write recordings of four 30 Hz cameras, check them, remove them.

    Args:
        folder: where there is room.
        calib: rig calibration, name or path.

    Raises:
        BagError: there is no room, or a check failed.
    """
    rig = load_rig(calib)
    rows, peaks_mb = [], []
    for minutes in MINUTES:
        path = folder / f"bag_{minutes}_min"
        shutil.rmtree(path, ignore_errors=True)
        try:
            write_s, size_mb = _write(path, rig, minutes)
            cold, warm = _check(path, forget=True), _check(path, forget=False)
        finally:
            shutil.rmtree(path, ignore_errors=True)
        peaks_mb.append(max(cold.peak_mb, warm.peak_mb))
        what = f"{minutes} min, {len(rig.views)} cameras, {cold.messages} messages, {size_mb:,.0f} MB"
        rows.append(Row(f"{what}: written", f"{write_s:.1f} s"))
        rows.append(Row("checked, read from the disk", f"{cold.seconds:.1f} s"))
        times = f"{warm.seconds:.1f} s, {warm.processor_s:.1f} s of processor time"
        rows.append(Row("checked, in memory after that", times, f"under {MAX_S:g} s", warm.seconds < MAX_S))
    peaks = " and ".join(f"{peak_mb:.0f}" for peak_mb in peaks_mb)
    flat = max(peaks_mb) < MEMORY_SHARE * min(peaks_mb)
    rows.append(Row(f"most memory of the check, {MINUTES[0]} and {MINUTES[-1]} min", f"{peaks} MB", "the same", flat))
    return rows


def _write(path: Path, rig: Rig, minutes: int) -> tuple[float, float]:
    """Write a recording; return the time it took, s, and its size, MB."""
    frames = round(minutes * 60 * RATE_HZ)
    needed = frames * len(rig.views) * IMAGE_BYTES * 1.1
    if needed > (free := shutil.disk_usage(path.parent).free):
        raise BagError(
            f"{path} needs {needed / 1e9:.1f} GB, but {free / 1e9:.1f} GB are free there. Choose another --out."
        )
    images = {camera.view: _image(camera.lens.width, camera.lens.height) for camera in rig.cameras}
    joints_device = np.zeros((EGO4VIEW.joint_count, 3))
    period, begin_s = period_ns(RATE_HZ), time.perf_counter()
    with BagWriter(path, rig) as writer:
        writer.write_static_tf(BEGIN_S * 10**9)
        for index in range(frames):
            stamp_ns = BEGIN_S * 10**9 + index * period
            for view, data in images.items():
                writer.write_frame(Frame(view, stamp_ns, "jpeg", data))
            writer.write_truth(ground_truth(joints_device, rig.views, stamp_ns))
    size = sum(file.stat().st_size for file in path.iterdir())
    return time.perf_counter() - begin_s, size / 1e6


def _image(width: int, height: int) -> bytes:
    """Return a JPEG filled up to the size of a real one."""
    grey = cv2.imencode(".jpg", np.full((height, width), 120, np.uint8))[1].tobytes()
    # Between the start marker and the rest, comments fill it up: they are part of the file and skipped by decoders.
    filling = np.random.default_rng(0).integers(0, 255, IMAGE_BYTES - len(grey) - 4, dtype=np.uint8).tobytes()
    return bytes(grey[:2] + b"\xff\xfe" + (len(filling) + 2).to_bytes(2, "big") + filling + grey[2:])


def _check(path: Path, forget: bool) -> Checked:
    """Check a recording in a process of its own, after the system has forgotten its files or not."""
    if forget:
        for file in path.iterdir():
            fd = os.open(file, os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)
    result = subprocess.run([sys.executable, "-c", _CHECK, str(path)], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise BagError(f"{path}: the check failed: {result.stderr.strip()[-500:]}")
    checked = Checked(**json.loads(result.stdout))
    if not checked.good:
        raise BagError(f"{path}: the check found something wrong with it. See `egorear bag check {path}`.")
    return checked
