"""The player node: recordings onto their topics, with the time that goes with them."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import rig_data
from harness import Graph

pytest.importorskip("rclpy")
rosbags = pytest.importorskip("rosbags")
pytestmark = pytest.mark.ros

BEGIN_NS = 1_600_000_000 * 10**9
PERIOD_NS = 50_000_000
IMAGE = "sensor_msgs/msg/CompressedImage"


def write_bag(path: Path, topics: Sequence[str], count: int = 6, storage: str = "mcap", kind: str = IMAGE) -> Path:
    """Write `count` moments of images on every topic."""
    import numpy as np
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    types = get_typestore(Stores.ROS2_JAZZY)
    header, time, image = (types.types[name] for name in ("std_msgs/msg/Header", "builtin_interfaces/msg/Time", IMAGE))
    plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
    with Writer(path, version=9, storage_plugin=plugin) as writer:
        connections = [writer.add_connection(topic, kind, typestore=types) for topic in topics]
        data = np.frombuffer(rig_data.jpeg(), np.uint8)
        for index in range(count):
            stamp_ns = BEGIN_NS + index * PERIOD_NS
            stamp = time(*divmod(stamp_ns, 10**9))
            for connection in connections:
                message = image(header(stamp, "front_left_optical"), "jpeg", data)
                writer.write(connection, stamp_ns + 1_000_000, types.serialize_cdr(message, IMAGE))
    return path


def make(graph: Graph, bag: Path, **values: Any) -> Any:
    from rclpy.parameter import Parameter

    from egorear_ros.nodes.player import PlayerNode

    overrides = [Parameter(name, value=value) for name, value in {"bag": str(bag), **values}.items()]
    return graph.add(PlayerNode(parameter_overrides=overrides, **graph.kwargs))


def listen(graph: Graph, topic: str = "front_left/image_raw/compressed") -> list[Any]:
    from sensor_msgs.msg import CompressedImage

    from egorear_ros.bridge.qos import results_qos

    return graph.listen(CompressedImage, topic, results_qos(depth=1000))  # reliable: the tests miss no image


def clock(graph: Graph) -> list[Any]:
    from rosgraph_msgs.msg import Clock

    from egorear_ros.bridge.qos import results_qos

    return graph.listen(Clock, "/clock", results_qos(depth=1000))


def stamps_ns(messages: list[Any]) -> list[int]:
    from egorear_ros.bridge.stamps import ns_from_time

    return [ns_from_time(message.header.stamp) for message in messages]


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_messages_come_unchanged_and_time_goes_with_them(graph: Graph, tmp_path: Path, storage: str) -> None:
    from egorear_ros.bridge.stamps import ns_from_time

    images, times = listen(graph), clock(graph)
    bag = write_bag(tmp_path / "bag", [f"{graph.namespace}/front_left/image_raw/compressed"], storage=storage)
    node = make(graph, bag)
    graph.until(lambda: node.finished, "the end")
    end_ns = BEGIN_NS + 5 * PERIOD_NS + 1_000_000
    graph.until(lambda: len(images) >= 6 and times and ns_from_time(times[-1].clock) == end_ns, "the last of both")
    assert stamps_ns(images) == [BEGIN_NS + index * PERIOD_NS for index in range(6)]
    assert bytes(images[0].data) == rig_data.jpeg()
    seen_ns = [ns_from_time(one.clock) for one in times]
    assert seen_ns == sorted(seen_ns) and seen_ns[0] == BEGIN_NS + 1_000_000
    assert max(b - a for a, b in itertools.pairwise(seen_ns)) <= 10_000_000


def test_rate(graph: Graph, tmp_path: Path) -> None:
    import time

    images = listen(graph)
    bag = write_bag(tmp_path / "bag", [f"{graph.namespace}/front_left/image_raw/compressed"], count=11)
    begin_s = time.monotonic()
    make(graph, bag, rate=0.2)
    graph.until(lambda: len(images) == 11, "the last")
    # Half a second of recording takes two and a half.
    assert time.monotonic() - begin_s >= 2.4


def test_only_the_rigs_topics_are_played_unless_all_are_asked_for(graph: Graph, tmp_path: Path) -> None:
    topics = [
        f"{graph.namespace}/{name}" for name in ("front_left/image_raw/compressed", "front_left/overlay/compressed")
    ]
    images, overlays = listen(graph), listen(graph, "front_left/overlay/compressed")
    node = make(graph, write_bag(tmp_path / "bag", topics))
    graph.until(lambda: node.finished and len(images) >= 6, "the end")
    assert len(images) == 6 and not overlays

    node = make(graph, tmp_path / "bag", all_topics=True)
    graph.until(lambda: node.finished and len(images) >= 12 and len(overlays) >= 6, "the end")
    assert len(images) == 12 and len(overlays) == 6


def test_a_loop_makes_time_jump_back(graph: Graph, tmp_path: Path) -> None:
    from egorear_ros.bridge.stamps import ns_from_time

    images, times = listen(graph), clock(graph)
    node = make(graph, write_bag(tmp_path / "bag", [f"{graph.namespace}/front_left/image_raw/compressed"]), loop=True)
    graph.until(lambda: len(images) >= 14, "the second round")
    assert stamps_ns(images)[:12] == 2 * [BEGIN_NS + index * PERIOD_NS for index in range(6)]

    def jumped_back() -> bool:
        seen_ns = [ns_from_time(one.clock) for one in list(times)]
        return any(after < before for before, after in itertools.pairwise(seen_ns))

    graph.until(jumped_back, "the time of the second round")
    assert not node.finished


def test_it_may_stay_when_the_recording_is_over(graph: Graph, tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", [f"{graph.namespace}/front_left/image_raw/compressed"], count=2)
    images = listen(graph)
    node = make(graph, bag, exit_at_end=False)
    graph.until(lambda: next(iter(node.health())).message == "over" and len(images) >= 2, "the end")
    assert len(images) == 2 and not node.finished


def failure(graph: Graph, node: Any) -> str:
    """Return what the node says about why it does not start."""
    from diagnostic_msgs.msg import DiagnosticArray

    from egorear_ros.bridge.qos import results_qos

    heard = graph.listen(DiagnosticArray, "/diagnostics", results_qos())
    name = f"{node.get_fully_qualified_name().lstrip('/')}: state"

    def found() -> str:
        statuses = [
            one for message in list(heard) for one in message.status if one.name == name and one.level == b"\x02"
        ]
        return statuses[-1].message if statuses else ""

    return str(graph.until(found, "an error"))


def test_bad_recordings_are_named(graph: Graph, tmp_path: Path) -> None:
    assert f"no recording {tmp_path / 'none'}" in failure(graph, make(graph, tmp_path / "none"))


def test_a_recording_that_was_cut_off_is_named(graph: Graph, tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", [f"{graph.namespace}/front_left/image_raw/compressed"])
    file = next(bag.glob("*.mcap"))
    file.write_bytes(file.read_bytes()[:1000])
    text = failure(graph, make(graph, bag))
    assert f"{bag} has no message" in text and "bag.mcap is cut off after 1000 bytes" in text


def test_a_recording_that_was_cut_off_is_played_up_to_the_break(graph: Graph, tmp_path: Path) -> None:
    topic = f"{graph.namespace}/front_left/image_raw/compressed"
    bag = write_bag(tmp_path / "bag", [topic], count=20)
    file = next(bag.glob("*.mcap"))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    images = listen(graph)
    node = make(graph, bag, rate=10.0)
    graph.until(lambda: node.finished, "the end")
    assert 3 < len(images) < 20 and bytes(images[0].data) == rig_data.jpeg()


def test_an_empty_folder_is_no_recording(graph: Graph, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert f"{tmp_path / 'empty'} is no recording" in failure(graph, make(graph, tmp_path / "empty"))


def test_a_recording_of_other_topics_says_what_it_has(graph: Graph, tmp_path: Path) -> None:
    text = failure(graph, make(graph, write_bag(tmp_path / "bag", ["/helmet/left/compressed"])))
    for words in ("front_left", graph.namespace, "/helmet/left/compressed", "all_topics"):
        assert words in text


def test_it_cannot_follow_the_time_that_it_makes(graph: Graph, tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", [f"{graph.namespace}/front_left/image_raw/compressed"])
    assert "use_sim_time" in failure(graph, make(graph, bag, use_sim_time=True))


def test_it_waits_for_the_nodes_that_must_be_ready(graph: Graph, tmp_path: Path) -> None:
    import time

    from rclpy.parameter import Parameter

    from egorear_ros.nodes.sync import SyncNode

    images = listen(graph)
    bag = write_bag(tmp_path / "bag", [f"{graph.namespace}/front_left/image_raw/compressed"])
    node = make(graph, bag, wait_for="sync")
    graph.until(lambda: next(iter(node.health())).message == "waiting for sync", "waiting")
    sync = graph.add(SyncNode(parameter_overrides=[Parameter("autostart", value=False)], **graph.kwargs))
    time.sleep(0.5)
    assert not images
    sync.trigger_configure()
    sync.trigger_activate()
    graph.until(lambda: node.finished and len(images) >= 6, "the end")
    assert len(images) == 6


def test_it_does_not_wait_for_ever(graph: Graph, tmp_path: Path, monkeypatch: Any) -> None:
    from egorear_ros.nodes import player

    monkeypatch.setattr(player, "READY_S", 0.5)
    images = listen(graph)
    bag = write_bag(tmp_path / "bag", [f"{graph.namespace}/front_left/image_raw/compressed"])
    node = make(graph, bag, wait_for="pose")
    graph.until(lambda: node.finished and len(images) >= 6, "the end")
    assert len(images) == 6
