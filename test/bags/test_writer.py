"""Recordings that are written: whole or not at all, and open elsewhere."""

import resource
import signal
import subprocess
import sys
from pathlib import Path

import bag_data
import pytest
import rig_data

from egorear_ros.bags.base import BagError
from egorear_ros.bags.typestore import COMPRESSED_IMAGE, typestore
from egorear_ros.bags.writer import BagWriter
from egorear_ros.sources.base import SourceError
from egorear_ros.structures import Frame


def frame(index: int = 0, data: bytes | None = None) -> Frame:
    return Frame("front_left", bag_data.BEGIN_NS + index, "jpeg", rig_data.jpeg() if data is None else data)


def test_another_reader_opens_it(tmp_path: Path) -> None:
    from rosbags.rosbag2 import Reader

    for compression in ("none", "zstd"):
        path = tmp_path / compression
        with BagWriter(path, bag_data.rig(), namespace="/me/", frame_prefix="me/", compression=compression) as writer:
            writer.write_static_tf(bag_data.BEGIN_NS)
            for index in range(3):
                writer.write_frame(frame(index))
        with Reader(path) as reader:
            found = {connection.topic: connection.msgcount for connection in reader.connections}
            assert found == {"/tf_static": 1, "/me/front_left/image_raw/compressed": 3, "/me/front_left/camera_info": 3}
            images = [one for one in reader.connections if one.msgtype == COMPRESSED_IMAGE]
            for index, (_, log_ns, data) in enumerate(reader.messages(images)):
                message = typestore().deserialize_cdr(data, COMPRESSED_IMAGE)
                assert log_ns == bag_data.BEGIN_NS + index
                assert message.header.frame_id == "me/front_left_optical"
                assert message.data.tobytes() == rig_data.jpeg()


def test_nothing_stays_when_something_fails(tmp_path: Path) -> None:
    def write() -> None:
        with BagWriter(tmp_path / "bag", bag_data.rig()) as writer:
            writer.write_frame(frame())
            assert not (tmp_path / "bag").exists()
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_existing_recordings_are_replaced_only_on_request(tmp_path: Path) -> None:
    path = bag_data.write_rows(tmp_path / "bag", bag_data.rig_rows(2))
    with pytest.raises(BagError, match=f"{path} exists. Choose another name, or replace it with --force"):
        BagWriter(path, bag_data.rig())
    with BagWriter(path, bag_data.rig(), overwrite=True) as writer:
        writer.write_frame(frame())
    assert [child.name for child in tmp_path.iterdir()] == ["bag"]
    with pytest.raises(BagError, match=f"no folder {tmp_path / 'none'}"):
        BagWriter(tmp_path / "none" / "bag", bag_data.rig())
    with pytest.raises(BagError, match="compression is 'zip'; expected none or zstd"):
        BagWriter(tmp_path / "other", bag_data.rig(), compression="zip")


@pytest.mark.parametrize(
    ("data", "words"), [(b"no image", "not a readable JPEG"), (rig_data.jpeg(64, 32), "another aspect ratio")]
)
def test_images_that_do_not_fit_are_refused(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(SourceError, match=words), BagWriter(tmp_path / "bag", bag_data.rig()) as writer:
        writer.write_frame(frame(data=data))


def test_a_full_disk_is_named_and_left_clean(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk: writing fails in the same place."""
    sequence = bag_data.write_sequence(tmp_path / "sequence", [str(index) for index in range(40)])

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-m", "egorear_ros.cli", "bag", "from-dataset", str(sequence)]
    command += ["--calib", "ego4view_syn", "--out", str(out / "bag")]
    result = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, check=False)
    assert result.returncode == 1
    assert f"{out / 'bag'} cannot be written: File too large" in result.stderr
    assert "Nothing was left behind" in result.stderr and "Traceback" not in result.stderr
    assert list(out.iterdir()) == []
