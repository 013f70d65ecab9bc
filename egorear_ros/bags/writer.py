"""Write a recording that `ros2 bag` opens: a rosbag2 folder with MCAP storage."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from egorear_ros.bags.bag import absolute
from egorear_ros.bags.base import BagError
from egorear_ros.bags.encode import encode_body_pose, encode_camera_info, encode_image, encode_static_tf
from egorear_ros.bags.profiles import CAMERA, LATCHED, RESULTS, Profile, qos
from egorear_ros.bags.typestore import BODY_POSE, CAMERA_INFO, COMPRESSED_IMAGE, TF_MESSAGE, typestore
from egorear_ros.config import SourceConfig
from egorear_ros.geometry.fisheye import scale_lens
from egorear_ros.names import TF_STATIC_TOPIC, TRUTH_TOPIC, camera_info_topic, image_topic, optical_frame
from egorear_ros.sources.image_bytes import read_header
from egorear_ros.sources.image_size import SizeCheck
from egorear_ros.structures import BodyPose, Frame, Lens, Rig

if TYPE_CHECKING:
    from rosbags.interfaces import Connection
    from rosbags.rosbag2 import Writer

FORMAT_VERSION: Final = 8
"""Of metadata.yaml: newer versions of rosbag2 read it, and Humble cannot read 9."""

COMPRESSIONS = ("none", "zstd")


class BagWriter:
    """Writes what the nodes of a rig publish. A context manager: the folder appears when it ends well.

    Until then everything is in a hidden folder beside it, which goes away if something fails.

    Args:
        out: the folder to make.
        rig: the cameras.
        namespace: of the rig's nodes.
        frame_prefix: put before every TF frame.
        compression: "zstd" compresses MCAP chunks; JPEGs hardly become smaller.
        custom: what else to say about the recording.
        overwrite: replace what is at `out`.

    Raises:
        BagError: `out` exists, its parent does not, or the compression is unknown.
    """

    def __init__(
        self,
        out: Path,
        rig: Rig,
        *,
        namespace: str = "",
        frame_prefix: str = "",
        compression: str = "none",
        custom: Mapping[str, str] | None = None,
        overwrite: bool = False,
    ) -> None:
        if compression not in COMPRESSIONS:
            raise BagError(f"compression is {compression!r}; expected {' or '.join(COMPRESSIONS)}.")
        if out.exists() and not overwrite:
            raise BagError(f"{out} exists. Choose another name, or replace it with --force.")
        if not out.parent.is_dir():
            raise BagError(f"{out}: there is no folder {out.parent}. Make it first.")
        self.out = out
        self._rig = rig
        self._namespace = namespace.strip("/")
        self._prefix = frame_prefix
        self._compression = compression
        self._custom = dict(custom or {})
        self._part: Path | None = None
        self._connections: dict[str, Connection] = {}
        self._sizes: dict[tuple[str, int, int], Lens] = {}

    def __enter__(self) -> "BagWriter":
        try:
            self._part = Path(tempfile.mkdtemp(prefix=f".{self.out.name}.", suffix=".part", dir=self.out.parent))
            self._writer = self._open(self._part / self.out.name)
        except OSError as error:
            self._discard()
            raise self._failure(error) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
            else:
                self._writer.abort()
        except OSError as problem:
            if kind is None:
                raise self._failure(problem) from None
        finally:
            self._discard()
        if isinstance(error, OSError):
            raise self._failure(error) from None

    def write_static_tf(self, stamp_ns: int) -> None:
        """Write the rig's fixed frames, once, before the first image."""
        data = encode_static_tf(stamp_ns, self._rig, self._prefix)
        self.write(TF_STATIC_TOPIC, TF_MESSAGE, LATCHED, stamp_ns, data)

    def write_frame(self, frame: Frame) -> None:
        """Write a JPEG or PNG image as it is, and its CameraInfo.

        Raises:
            SourceError: it is damaged, or of a size that the calibration does not fit.
            ValueError: it is not compressed.
        """
        if not isinstance(frame.data, bytes):
            raise ValueError(f"{frame.view}: image of encoding {frame.encoding}; expected JPEG or PNG.")
        lens = self._lens(frame.view, frame.data)
        frame_id, stamp_ns = self._prefix + optical_frame(frame.view), frame.stamp_ns
        image = encode_image(stamp_ns, frame_id, frame.encoding, frame.data)
        self.write(self._topic(image_topic(frame.view)), COMPRESSED_IMAGE, CAMERA, stamp_ns, image)
        info = encode_camera_info(stamp_ns, frame_id, lens)
        self.write(self._topic(camera_info_topic(frame.view)), CAMERA_INFO, CAMERA, stamp_ns, info)

    def write_truth(self, pose: BodyPose) -> None:
        """Write where the joints really are."""
        data = encode_body_pose(pose, self._prefix, "wearer", 0.0)
        self.write(self._topic(TRUTH_TOPIC), BODY_POSE, RESULTS, pose.stamp_ns, data)

    def write(self, topic: str, kind: str, profile: Profile, log_ns: int, data: bytes) -> None:
        """Write any message.

        Args:
            topic: absolute name.
            kind: message type, such as std_msgs/msg/String.
            profile: quality of service that its publisher offers.
            log_ns: when it was received, ns.
            data: serialized (CDR).
        """
        connection = self._connections.get(topic)
        if connection is None:
            connection = self._writer.add_connection(
                topic, kind, typestore=typestore(), offered_qos_profiles=[qos(profile)]
            )
            self._connections[topic] = connection
        self._writer.write(connection, log_ns, data)

    def _open(self, path: Path) -> "Writer":
        from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

        writer = Writer(path, version=FORMAT_VERSION, storage_plugin=StoragePlugin.MCAP)
        if self._compression == "zstd":
            writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        for key, value in self._custom.items():
            writer.set_custom_data(key, value)
        writer.open()
        return writer

    def _topic(self, name: str) -> str:
        return absolute(f"{self._namespace}/{name}")

    def _lens(self, view: str, data: bytes) -> Lens:
        """Return the view's lens for images of this one's size."""
        header = read_header(data, f"{view}: image")
        key = (view, header.width, header.height)
        if key not in self._sizes:
            SizeCheck(SourceConfig(), self._rig, view).check(header.width, header.height, "image")
            self._sizes[key] = scale_lens(self._rig[view].lens, header.width, header.height)
        return self._sizes[key]

    def _finish(self) -> None:
        """Complete the recording and move it to its place."""
        assert self._part is not None
        made = self._part / self.out.name
        self._writer.close()
        for path in [*made.iterdir(), made]:
            sync_to_disk(path)
        if self.out.exists():
            self.out.rename(self._part / "replaced")
        made.rename(self.out)
        sync_to_disk(self.out.parent)

    def _discard(self) -> None:
        if self._part is not None:
            shutil.rmtree(self._part, ignore_errors=True)
            self._part = None

    def _failure(self, error: OSError) -> BagError:
        free_mb = shutil.disk_usage(self.out.parent).free / 1e6
        return BagError(
            f"{self.out} cannot be written: {error.strerror or error}; {free_mb:,.0f} MB are free there. "
            "Nothing was left behind. Make room or choose another disk."
        )


def sync_to_disk(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
