"""Recordings that the real `ros2 bag record` made: data/rosbag2_jazzy/README.md."""

import shutil
from pathlib import Path

import bag_data
import numpy as np
import pytest
import rig_data
import yaml

from egorear_ros.bags.bag import open_bag
from egorear_ros.bags.check import check_bag
from egorear_ros.bags.compression import decompress_file
from egorear_ros.bags.dataset import write_dataset
from egorear_ros.bags.recorded_rig import rig_of_recording
from egorear_ros.bags.typestore import typestore

DATA = Path(__file__).parent.parent / "data" / "rosbag2_jazzy"
PLAYED = bag_data.rig_rows(2)


@pytest.fixture(params=["sqlite3_file", "mcap_messages"])
def recording(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a recording's folder, or its only file."""
    if request.param == "sqlite3_file":
        return Path(shutil.copytree(DATA / request.param, tmp_path / request.param))
    assert decompress_file(DATA / f"{request.param}.mcap.zstd", tmp_path / "alone.mcap") == ""
    return tmp_path / "alone.mcap"


def test_every_message_is_as_it_was_published(recording: Path) -> None:
    with open_bag(recording) as bag:
        recorded = [(message.topic.name, message.topic.type, message.data) for message in bag.messages()]
        assert bag.problems == []
    played = {(topic, kind, data) for topic, kind, _, data in PLAYED}
    # DDS fills messages up to whole words of four bytes.
    unpadded = set()
    for topic, kind, data in recorded:
        (match,) = [one for one in played if one[:2] == (topic, kind) and data[: len(one[2])] == one[2]]
        assert not any(data[len(match[2]) :]) and len(data) - len(match[2]) < 4
        unpadded.add(match)
    assert len(recorded) == len(PLAYED) and unpadded == played


def test_it_is_good(recording: Path) -> None:
    with open_bag(recording) as bag:
        report = check_bag(bag, None)
    assert report.findings == ()
    assert (report.complete, report.partial, report.truths, report.messages) == (2, 0, 2, len(PLAYED))


def test_types_and_their_hashes_are_ours() -> None:
    metadata = yaml.safe_load((DATA / "sqlite3_file" / "metadata.yaml").read_text())
    topics = [one["topic_metadata"] for one in metadata["rosbag2_bagfile_information"]["topics_with_message_count"]]
    assert {topic["name"]: topic["type"] for topic in topics} == {row[0]: row[1] for row in PLAYED}
    for topic in topics:
        assert typestore().hash_rihs01(topic["type"]) == topic["type_description_hash"]


def test_it_carries_the_rig_and_becomes_a_data_set(recording: Path, tmp_path: Path) -> None:
    with open_bag(recording) as bag:
        rig = rig_of_recording(bag, None, None)
        assert rig is not None and rig.views == rig_data.VIEWS
        for camera, true in zip(rig.cameras, bag_data.rig().cameras, strict=True):
            np.testing.assert_allclose(camera.T_device_camera, true.T_device_camera, atol=1e-9)
        written = write_dataset(bag, tmp_path / "sequence")
    assert (written.frames, written.truths, written.remarks) == (2, 2, [])
    images = sorted((tmp_path / "sequence").rglob("*.jpg"))
    assert len(images) == 2 * len(rig_data.VIEWS)
    assert {image.read_bytes() for image in images} == {rig_data.jpeg(bag_data.IMAGE_PX, bag_data.IMAGE_PX)}
