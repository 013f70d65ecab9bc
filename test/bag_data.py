"""Recordings for tests: good ones of a rig, and MCAP files byte by byte."""

import json
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import rig_data

from egorear_ros.bags.dataset import annotation
from egorear_ros.bags.encode import encode_camera_info, encode_image, encode_static_tf
from egorear_ros.bags.profiles import CAMERA, LATCHED, RESULTS
from egorear_ros.bags.sequence import ground_truth
from egorear_ros.bags.typestore import BODY_POSE, CAMERA_INFO, COMPRESSED_IMAGE, TF_MESSAGE
from egorear_ros.bags.writer import BagWriter
from egorear_ros.geometry.fisheye import scale_lens
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.structures import FloatArray, Rig

BEGIN_NS = 1_700_000_000 * 10**9
PERIOD_NS = 50_000_000
IMAGE_PX = 64

Row = tuple[str, str, int, bytes]
"""Topic, message type, log time in ns, serialized message."""


def rig() -> Rig:
    return load_rig("ego4view_syn")


def joints_device(index: int) -> FloatArray:
    """Return the joints of frame `index`: all 16 differ, and so do all frames."""
    return rig_data.standing_device() + 0.001 * index


def write_sequence(
    folder: Path,
    stems: Sequence[str] = ("0", "5", "10"),
    suffix: str = ".jpg",
    annotations: str = "json_smplx_gendered",
    views: Sequence[str] = rig_data.VIEWS,
) -> Path:
    """Write a small sequence in Ego4View's layout; every image is another one."""
    import cv2
    import numpy as np

    for index, stem in enumerate(stems):
        for number, view in enumerate(views):
            path = folder / "fisheye_rgb" / f"camera_{view}" / f"{stem}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.full((IMAGE_PX, IMAGE_PX, 3), (10 * index + number) % 256, np.uint8)
            path.write_bytes(cv2.imencode(suffix, pixels)[1].tobytes())
        if annotations:
            (folder / annotations).mkdir(exist_ok=True)
            (folder / annotations / f"{stem}.json").write_text(json.dumps(annotation(joints_device(index), rig())))
    return folder


def rig_rows(
    count: int = 30,
    namespace: str = "",
    views: Sequence[str] = rig_data.VIEWS,
    truth: bool = True,
    calibration: bool = True,
    frame_prefix: str = "",
    delay_ns: int = 1_000_000,
) -> list[Row]:
    """Return what a rig publishes in `count` moments, in order."""
    cameras = rig()
    rows = []
    if calibration:
        rows.append(("/tf_static", TF_MESSAGE, BEGIN_NS, encode_static_tf(BEGIN_NS, cameras, frame_prefix)))
    for index in range(count):
        stamp_ns = BEGIN_NS + index * PERIOD_NS
        log_ns = stamp_ns + delay_ns
        for view in views:
            rows.append(image_row(f"{namespace}/{view}/image_raw/compressed", stamp_ns, log_ns, frame_prefix + view))
            if calibration:
                lens = scale_lens(cameras[view].lens, IMAGE_PX, IMAGE_PX)
                info = encode_camera_info(stamp_ns, f"{frame_prefix}{view}_optical", lens)
                rows.append((f"{namespace}/{view}/camera_info", CAMERA_INFO, log_ns, info))
        if truth:
            rows.append(truth_row(f"{namespace}/ground_truth/body_pose", index, stamp_ns, log_ns))
    return rows


def image_row(topic: str, stamp_ns: int, log_ns: int, camera: str = "front_left", data: bytes | None = None) -> Row:
    image = rig_data.jpeg(IMAGE_PX, IMAGE_PX) if data is None else data
    return topic, COMPRESSED_IMAGE, log_ns, encode_image(stamp_ns, f"{camera}_optical", "jpeg", image)


def truth_row(topic: str, index: int, stamp_ns: int, log_ns: int) -> Row:
    from egorear_ros.bags.encode import encode_body_pose

    pose = ground_truth(joints_device(index), rig_data.VIEWS, stamp_ns)
    return topic, BODY_POSE, log_ns, encode_body_pose(pose, "", "wearer", 0.0)


def write_rows(
    path: Path, rows: Iterable[Row], compression: str = "none", custom: dict[str, str] | None = None
) -> Path:
    """Write any messages as a rosbag2 folder with MCAP storage."""
    profiles = {TF_MESSAGE: LATCHED, BODY_POSE: RESULTS}
    with BagWriter(path, rig(), compression=compression, custom=custom) as writer:
        for topic, kind, log_ns, data in rows:
            writer.write(topic, kind, profiles.get(kind, CAMERA), log_ns, data)
    return path


def write_sqlite(path: Path, rows: Iterable[Row], by_message: bool = False) -> Path:
    """Write any messages as a rosbag2 folder with sqlite3 storage."""
    from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

    from egorear_ros.bags.typestore import typestore

    writer = Writer(path, version=8, storage_plugin=StoragePlugin.SQLITE3)
    if by_message:
        writer.set_compression(CompressionMode.MESSAGE, CompressionFormat.ZSTD)
    connections: dict[str, Any] = {}
    with writer:
        for topic, kind, log_ns, data in rows:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=typestore())
            writer.write(connections[topic], log_ns, data)
    return path


def storage_file(bag: Path) -> Path:
    """Return the only storage file of a rosbag2 folder."""
    (path,) = [child for child in bag.iterdir() if child.name != "metadata.yaml"]
    return path


def cut(path: Path, size: int) -> None:
    """Cut a file off."""
    with path.open("r+b") as file:
        file.truncate(size)


def mcap(rows: Iterable[tuple[str, int, bytes]], chunks: int = 0, compression: str = "", finish: bool = True) -> bytes:
    """Return an MCAP file without an index.

    Args:
        rows: topic, log time in ns, data.
        chunks: messages per chunk; 0: no chunks.
        compression: of the chunks: "", "lz4" or "zstd".
        finish: end as files do.
    """
    numbers: dict[str, int] = {}
    out = b"\x89MCAP0\r\n" + _record(0x01, _text("ros2") + _text("test"))
    bodies, times = [], []
    for topic, log_ns, data in rows:
        body = b""
        if topic not in numbers:
            numbers[topic] = len(numbers) + 1
            number = numbers[topic]
            body += _record(
                0x03, struct.pack("<H", number) + _text("std_msgs/msg/String") + _text("ros2msg") + _text("")
            )
            body += _record(0x04, struct.pack("<HH", number, number) + _text(topic) + _text("cdr") + _text(""))
        body += _record(0x05, struct.pack("<HIQQ", numbers[topic], 0, log_ns, log_ns) + data)
        bodies.append(body)
        times.append(log_ns)
    if not chunks:
        out += b"".join(bodies)
    for begin in range(0, len(bodies) if chunks else 0, chunks or 1):
        out += _chunk(b"".join(bodies[begin : begin + chunks]), times[begin : begin + chunks], compression)
    if finish:
        out += _record(0x0F, struct.pack("<I", 0)) + _record(0x02, struct.pack("<QQI", 0, 0, 0)) + b"\x89MCAP0\r\n"
    return out


def _chunk(data: bytes, times: list[int], compression: str) -> bytes:
    packed = data
    if compression == "lz4":
        import lz4.frame

        packed = lz4.frame.compress(data)
    elif compression == "zstd":
        from egorear_ros.bags.compression import zstd

        packed = zstd.compress(data)
    head = struct.pack("<QQQI", min(times), max(times), len(data), crc32(data)) + _text(compression)
    return _record(0x06, head + struct.pack("<Q", len(packed)) + packed)


def _record(op: int, body: bytes) -> bytes:
    return struct.pack("<BQ", op, len(body)) + body


def _text(text: str) -> bytes:
    return struct.pack("<I", len(text.encode())) + text.encode()
