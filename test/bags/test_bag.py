"""Opening recordings of every form, and what is none."""

from pathlib import Path

import bag_data
import pytest
import yaml

from egorear_ros.bags.bag import Bag, open_bag
from egorear_ros.bags.base import BagError
from egorear_ros.bags.compression import zstd
from egorear_ros.bags.layout import find_layout, is_finished

TOPIC = "/front_left/image_raw/compressed"


def rows(count: int = 5) -> list[bag_data.Row]:
    times = (bag_data.BEGIN_NS + index * bag_data.PERIOD_NS for index in range(count))
    return [bag_data.image_row(TOPIC, time_ns, time_ns + 1) for time_ns in times]


def log_times(bag: Bag) -> list[int]:
    return [message.log_ns for message in bag.messages()]


def test_a_folder_its_file_and_its_metadata_are_the_same(tmp_path: Path) -> None:
    folder = bag_data.write_rows(tmp_path / "bag", rows(), custom={"key": "value"})
    for path in (folder, str(folder), bag_data.storage_file(folder), folder / "metadata.yaml"):
        with open_bag(path) as bag:
            assert log_times(bag) == [row[2] for row in rows()]
            assert [topic.name for topic in bag.topics] == [TOPIC]
            assert bag.start_ns() == bag_data.BEGIN_NS + 1
            assert bag.problems == []


def test_what_the_writer_added_is_found_in_the_file_as_well(tmp_path: Path) -> None:
    folder = bag_data.write_rows(tmp_path / "bag", rows(), custom={"key": "value"})
    with open_bag(bag_data.storage_file(folder)) as bag:
        list(bag.messages())
        assert bag.custom == {"key": "value"}


def test_renamed_topics(tmp_path: Path) -> None:
    folder = bag_data.write_rows(tmp_path / "bag", rows())
    with open_bag(folder, {TOPIC: "left/image"}) as bag:
        assert [topic.name for topic in bag.topics] == ["/left/image"]
        assert {message.topic.name for message in bag.messages(["/left/image"])} == {"/left/image"}
        assert {message.topic.name for message in bag.scan(10)} == {"/left/image"}
        assert not list(bag.messages([TOPIC]))
    with pytest.raises(BagError, match=f"no topic /none to rename; it has: {TOPIC}"):
        open_bag(folder, {"/none": "/left/image"})


def test_a_compressed_file_in_a_folder_and_alone(tmp_path: Path) -> None:
    folder = bag_data.write_rows(tmp_path / "bag", rows())
    file = bag_data.storage_file(folder)
    packed = file.with_name(f"{file.name}.zstd")
    packed.write_bytes(zstd.compress(file.read_bytes()))
    file.unlink()
    metadata = yaml.safe_load((folder / "metadata.yaml").read_text())
    information = metadata["rosbag2_bagfile_information"]
    information |= {"relative_file_paths": [packed.name], "compression_mode": "FILE", "compression_format": "zstd"}
    (folder / "metadata.yaml").write_text(yaml.safe_dump(metadata))
    for path in (folder, packed):
        with open_bag(path) as bag:
            assert log_times(bag) == [row[2] for row in rows()] and bag.problems == []
    bag_data.cut(packed, packed.stat().st_size * 2 // 3)
    with open_bag(folder) as bag:
        list(bag.messages())
        assert any("compressed data are cut off" in problem for problem in bag.problems)


def test_messages_compressed_one_by_one_are_known_without_metadata(tmp_path: Path) -> None:
    """A recorder that was killed, or a file that was copied alone: nothing but the messages says so."""
    folder = bag_data.write_sqlite(tmp_path / "bag", rows(), by_message=True)
    (folder / "metadata.yaml").unlink()
    for path in (folder, bag_data.storage_file(folder)):
        with open_bag(path) as bag:
            assert [message.data for message in bag.messages()] == [row[3] for row in rows()]
            assert [message.data for message in bag.scan(9)] == [row[3][:9] for row in rows()]


def test_a_recording_in_several_files(tmp_path: Path) -> None:
    folder = tmp_path / "bag"
    folder.mkdir()
    for number in (10, 9, 1):
        part = bag_data.write_rows(tmp_path / f"part_{number}", rows())
        bag_data.storage_file(part).rename(folder / f"bag_{number}.mcap")
    names = ["bag_1.mcap", "bag_9.mcap", "bag_10.mcap"]
    with open_bag(folder) as bag:
        assert len(log_times(bag)) == 15
        assert len(bag.problems) == 1 and "metadata.yaml is missing" in bag.problems[0]
        assert [storage.path.name for storage in bag._storages] == names
    information = {"relative_file_paths": [*names, "bag_11.mcap"], "message_count": 20}
    (folder / "metadata.yaml").write_text(yaml.safe_dump({"rosbag2_bagfile_information": information}))
    with open_bag(folder) as bag:
        assert bag.declared == 20 and "bag_11.mcap is missing" in bag.problems[0]


def test_a_file_that_is_there_packed_and_unpacked_is_read_once(tmp_path: Path) -> None:
    """rosbag2's recorder was killed while it packed the file."""
    folder = bag_data.write_rows(tmp_path / "bag", rows())
    file = bag_data.storage_file(folder)
    packed = zstd.compress(file.read_bytes())
    file.with_name(f"{file.name}.zstd").write_bytes(packed[: len(packed) // 2])
    (folder / "metadata.yaml").unlink()
    with open_bag(folder) as bag:
        assert log_times(bag) == [row[2] for row in rows()]
        assert len(bag.problems) == 1 and "metadata.yaml is missing" in bag.problems[0]


def test_a_finished_recording_has_its_metadata_its_files_and_their_ends(tmp_path: Path) -> None:
    folder = bag_data.write_rows(tmp_path / "bag", rows())
    file = bag_data.storage_file(folder)
    sqlite = bag_data.write_sqlite(tmp_path / "sqlite", rows())
    for path in (folder, file, sqlite, bag_data.storage_file(sqlite)):
        assert is_finished(find_layout(path))
    (sqlite / "metadata.yaml").unlink()
    assert not is_finished(find_layout(sqlite))
    for size in (file.stat().st_size - 1, 4, 0):
        bag_data.cut(file, size)
        assert not is_finished(find_layout(folder)) and not is_finished(find_layout(file))


def test_damaged_metadata_does_not_hide_the_messages(tmp_path: Path) -> None:
    folder = bag_data.write_rows(tmp_path / "bag", rows())
    (folder / "metadata.yaml").write_text("rosbag2: [")
    with open_bag(folder) as bag:
        assert len(log_times(bag)) == 5 and "metadata.yaml is damaged" in bag.problems[0]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none", None, "there is no recording"),
        ("folder/", None, "has no metadata.yaml and no .mcap or .db3 file, only: nothing"),
        ("notes.txt", b"hello", "is no recording: it is neither MCAP nor sqlite3"),
        ("old.bag", b"#ROSBAG V2.0\n", "recording of ROS 1. Convert it with `rosbags-convert --src old.bag"),
    ],
)
def test_what_is_no_recording_is_named(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    path = tmp_path / name
    if name.endswith("/"):
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(BagError, match=words) as caught:
        open_bag(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["empty.mcap", "empty.db3"])
def test_an_empty_file_has_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with open_bag(tmp_path / name) as bag:
        assert log_times(bag) == [] and bag.start_ns() is None and bag.problems
