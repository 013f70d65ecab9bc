"""sqlite3 files of rosbag2: compared with the reader of `rosbags`, and cut off."""

import random
import sqlite3
from pathlib import Path

import bag_data
import pytest

from egorear_ros.bags.bag import open_bag
from egorear_ros.bags.sqlite_file import SqliteFile


def random_rows(count: int = 120) -> list[bag_data.Row]:
    chance = random.Random(7)
    return [
        (
            chance.choice(("/a", "/b")),
            "std_msgs/msg/String",
            bag_data.BEGIN_NS + index * 1000 + chance.randrange(-9, 9) * 1000,
            chance.randbytes(chance.randrange(20_000)),
        )
        for index in range(count)
    ]


def test_messages_are_those_of_the_other_reader(tmp_path: Path) -> None:
    from rosbags.rosbag2 import Reader

    bag = bag_data.write_sqlite(tmp_path / "bag", random_rows())
    with Reader(bag) as twin:
        expected = [(connection.topic, log_ns, bytes(data)) for connection, log_ns, data in twin.messages()]
    file = SqliteFile(bag_data.storage_file(bag))
    seen = [(message.topic.name, message.log_ns, message.data) for message in file.messages(None)]
    assert [log_ns for _, log_ns, _ in seen] == [log_ns for _, log_ns, _ in expected]
    assert sorted(seen) == sorted(expected) and len(seen) == 120
    assert [message.data for message in file.messages({"/a"})] == [data for topic, _, data in seen if topic == "/a"]
    file.close()


def test_a_scan_gives_the_beginnings_in_the_order_of_recording(tmp_path: Path) -> None:
    rows = random_rows()
    file = SqliteFile(bag_data.storage_file(bag_data.write_sqlite(tmp_path / "bag", rows)))
    seen = [(message.topic.name, message.log_ns, message.data, message.size) for message in file.scan(10, ["/b"])]
    assert seen == [(topic, log_ns, data if topic == "/b" else data[:10], len(data)) for topic, _, log_ns, data in rows]
    assert file.problems == []


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_file_that_is_cut_off_is_read_up_to_the_cut(tmp_path: Path, share: float) -> None:
    rows = random_rows()
    path = bag_data.storage_file(bag_data.write_sqlite(tmp_path / "bag", rows))
    bag_data.cut(path, int(share * path.stat().st_size))
    file = SqliteFile(path)
    seen = [(message.topic.name, message.log_ns, message.data) for message in file.messages(None)]
    scanned = [message.log_ns for message in file.scan(10)]
    expected = [(topic, log_ns, data) for topic, _, log_ns, data in rows]
    assert share - 0.25 < len(scanned) / len(rows) <= share + 0.1
    assert set(seen) <= set(expected) and abs(len(seen) - len(scanned)) <= 1
    assert scanned == [log_ns for _, log_ns, _ in expected][: len(scanned)]
    assert any("cut off" in problem and path.name in problem for problem in file.problems)


def test_messages_that_are_compressed_one_by_one(tmp_path: Path) -> None:
    rows = random_rows(20)
    with open_bag(bag_data.write_sqlite(tmp_path / "bag", rows, by_message=True)) as bag:
        assert sorted((one.log_ns, one.data) for one in bag.messages()) == sorted((row[2], row[3]) for row in rows)
        assert [one.data for one in bag.scan(5)] == [row[3][:5] for row in rows]
        assert bag.problems == []


def test_a_journal_that_a_recorder_left_is_read(tmp_path: Path) -> None:
    bag = bag_data.write_sqlite(tmp_path / "bag", random_rows(10))
    path = bag_data.storage_file(bag)
    recorder = sqlite3.connect(path)
    recorder.execute("PRAGMA journal_mode=WAL")
    recorder.execute("INSERT INTO messages (topic_id, timestamp, data) VALUES (1, 5, x'00')")
    recorder.commit()  # into bag.db3-wal, where it stays while the connection is open
    file = SqliteFile(path)
    assert len(list(file.scan(10))) == 11
    file.close()
    recorder.close()


def test_a_database_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "contacts.db3"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE people (name TEXT)")
    with open_bag(path) as bag:
        assert list(bag.scan(10)) == [] and "no such table" in bag.problems[0]
