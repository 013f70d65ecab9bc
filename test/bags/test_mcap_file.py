"""MCAP files: compared with the reader of `rosbags`, and broken in many ways."""

import random
from pathlib import Path

import bag_data
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egorear_ros.bags.mcap_file import McapFile

TOPICS = ("/a", "/b", "/c")


def random_rows(seed: int, count: int = 200, size: int = 30_000) -> list[bag_data.Row]:
    """Return messages whose log times are out of order and sometimes equal."""
    chance = random.Random(seed)
    rows = []
    for index in range(count):
        log_ns = bag_data.BEGIN_NS + index * 1000 + chance.randrange(-20_000, 20_000) // 1000 * 1000
        rows.append((chance.choice(TOPICS), "std_msgs/msg/String", log_ns, chance.randbytes(chance.randrange(size))))
    return rows


def read(path: Path, topics: set[str] | None = None, sparse: bool = False) -> list[tuple[str, int, bytes]]:
    file = McapFile(path)
    try:
        return [(message.topic.name, message.log_ns, message.data) for message in file.messages(topics, sparse)]
    finally:
        file.close()


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_messages_are_those_of_the_other_reader(tmp_path: Path, compression: str) -> None:
    """The naive twin decompresses everything and sorts all at once."""
    from rosbags.rosbag2 import Reader

    bag = bag_data.write_rows(tmp_path / "bag", random_rows(1), compression)
    path = bag_data.storage_file(bag)
    with Reader(path) as twin:
        expected = [(connection.topic, log_ns, bytes(data)) for connection, log_ns, data in twin.messages()]
    assert len(expected) == 200
    assert [log_ns for _, log_ns, _ in read(path)] == [log_ns for _, log_ns, _ in expected]
    assert sorted(read(path)) == sorted(expected)
    assert read(path, {"/b"}) == read(path, {"/b"}, sparse=True) == [row for row in read(path) if row[0] == "/b"]


@pytest.mark.parametrize("chunks", [0, 1, 7, 1000])
@pytest.mark.parametrize("compression", ["", "lz4", "zstd"])
def test_files_without_an_index(tmp_path: Path, chunks: int, compression: str) -> None:
    rows = [(topic, log_ns, data) for topic, _, log_ns, data in random_rows(2, 60, 300)]
    path = tmp_path / "a.mcap"
    path.write_bytes(bag_data.mcap(rows, chunks, compression))
    file = McapFile(path)
    assert {topic.name for topic in file.topics()} == set(TOPICS)
    assert [(message.topic.name, message.log_ns, message.data) for message in file.messages(None)] == sorted(
        rows, key=lambda row: row[1]
    )
    assert file.problems == []


@pytest.mark.parametrize("compression", ["", "zstd"])
def test_a_scan_gives_the_beginnings_in_the_order_of_the_file(tmp_path: Path, compression: str) -> None:
    rows = [(topic, log_ns, data) for topic, _, log_ns, data in random_rows(3, 60, 300)]
    path = tmp_path / "a.mcap"
    path.write_bytes(bag_data.mcap(rows, 8, compression))
    seen = [(message.topic.name, message.log_ns, message.data, message.size) for message in McapFile(path).scan(10)]
    assert seen == [(topic, log_ns, data[:10], len(data)) for topic, log_ns, data in rows]
    whole = [message.data for message in McapFile(path).scan(10, whole=["/a"])]
    assert whole == [data if topic == "/a" else data[:10] for topic, _, data in rows]


@given(
    share=st.floats(0, 1, exclude_max=True), chunks=st.sampled_from([0, 5]), compression=st.sampled_from(["", "zstd"])
)
def test_a_file_that_is_cut_off_is_read_up_to_the_cut(
    tmp_path_factory: pytest.TempPathFactory, share: float, chunks: int, compression: str
) -> None:
    rows = [(topic, log_ns, data) for topic, _, log_ns, data in random_rows(4, 40, 200)]
    whole = bag_data.mcap(rows, chunks, compression)
    path = tmp_path_factory.mktemp("cut") / "a.mcap"
    path.write_bytes(whole[: int(share * len(whole))])
    file = McapFile(path)
    seen = [(message.topic.name, message.log_ns, message.data) for message in file.scan(1000)]
    assert seen == rows[: len(seen)]
    assert len(file.problems) == 1
    if not compression:  # every message that is whole is read
        sizes = [len(bag_data.mcap(rows[: count + 1], chunks, finish=False)) for count in range(len(rows))]
        assert len(seen) >= sum(size <= int(share * len(whole)) for size in sizes)
    in_order = [message.log_ns for message in McapFile(path).messages(None)]
    assert in_order == sorted(log_ns for _, log_ns, _ in seen)


def test_a_killed_recorder_leaves_no_index(tmp_path: Path) -> None:
    rows = [("/a", bag_data.BEGIN_NS + index, b"x" * 100) for index in range(50)]
    path = tmp_path / "a.mcap"
    path.write_bytes(bag_data.mcap(rows, 10, finish=False))
    file = McapFile(path)
    assert len(list(file.scan(10))) == 50
    assert len(file.problems) == 1 and "cut off" in file.problems[0] and "a.mcap" in file.problems[0]


def test_a_damaged_chunk_is_left_out_and_named(tmp_path: Path) -> None:
    rows = [("/a", bag_data.BEGIN_NS + index, bytes([index]) * 100) for index in range(50)]
    data = bytearray(bag_data.mcap(rows, 10))
    data[data.index(bytes([25]) * 100) + 50] ^= 0xFF
    path = tmp_path / "a.mcap"
    path.write_bytes(data)
    file = McapFile(path)
    seen = [message.data[0] for message in file.messages(None)]
    assert seen == [*range(20), *range(30, 50)]
    assert len(file.problems) == 1 and "checksum" in file.problems[0]


def test_zeros_at_the_end_after_a_crash(tmp_path: Path) -> None:
    rows = [("/a", bag_data.BEGIN_NS + index, b"x" * 100) for index in range(20)]
    path = tmp_path / "a.mcap"
    path.write_bytes(bag_data.mcap(rows, 10, finish=False) + bytes(5000))
    file = McapFile(path)
    assert len(list(file.messages(None))) == 20
    assert "damaged at byte" in file.problems[0]


@given(seed=st.integers(0, 10_000))
def test_any_damage_is_survived(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """Whatever the bytes are: no exception but the end, and no message that is longer than the file."""
    chance = random.Random(seed)
    rows = [(topic, log_ns, data) for topic, _, log_ns, data in random_rows(5, 30, 100)]
    data = bytearray(bag_data.mcap(rows, chance.choice([0, 4]), chance.choice(["", "zstd", "lz4"])))
    for _ in range(chance.randrange(1, 20)):
        data[chance.randrange(8, len(data))] = chance.randrange(256)
    path = tmp_path_factory.mktemp("damage") / "a.mcap"
    path.write_bytes(data)
    file = McapFile(path)
    file.topics()
    assert all(len(message.data) <= 50 for message in file.scan(50))
    assert all(len(message.data) == message.size for message in file.messages(None))


@pytest.mark.parametrize("content", [b"", b"\x89MCAP", b"hello, this is a text file\n"])
def test_what_is_no_mcap(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mcap"
    path.write_bytes(content)
    file = McapFile(path)
    assert list(file.scan(10)) == [] and file.topics() == [] and len(file.problems) == 1
