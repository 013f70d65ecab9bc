"""The `player` node: plays a rosbag2 recording where `ros2 bag play` is not installed."""

import importlib
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from rclpy.client import Client
from rclpy.publisher import Publisher
from rosgraph_msgs.msg import Clock as ClockMsg

from egorear_ros.bridge.diagnostics import Health, Level
from egorear_ros.bridge.handover import Handover
from egorear_ros.bridge.node import EgorearNode
from egorear_ros.bridge.process import run_node
from egorear_ros.bridge.qos import results_qos
from egorear_ros.bridge.stamps import time_from_ns
from egorear_ros.config import ConfigError, PlayerConfig

if TYPE_CHECKING:
    from rosbags.interfaces import Connection
    from rosbags.rosbag2 import Reader

CLOCK_PERIOD_NS = 10_000_000
"""Time goes on at least this often, also where the recording has gaps."""

CAMERA_TOPICS = ("image_raw/compressed", "image_raw", "camera_info")

LISTENERS_S = 5.0
"""How long to wait for somebody to listen before the first message, which would be lost otherwise."""

READY_S = 60.0
"""How long to wait for the nodes that must be active."""

LAST_WORDS_S = 1.0
"""Between the last message and the end of the process."""


class BagError(RuntimeError):
    """A recording cannot be played: names the file, what is wrong with it and what to do."""


class PlayerNode(EgorearNode[PlayerConfig]):
    """Publish the messages of a recording on their topics, and `/clock`.

    Messages are not decoded, so their types need only exist here. Publishers are reliable, so that
    every subscriber can listen. Transforms in the recording are not played: the rig's come from `calib`.

    Args:
        handover: not used; recorded images are messages already.
        **kwargs: for `rclpy.node.Node`.
    """

    def __init__(self, handover: Handover | None = None, **kwargs: Any) -> None:
        super().__init__("player", PlayerConfig(), handover=None, **kwargs)
        self._thread: Thread | None = None
        self._reader: Reader | None = None
        self._state_text = "ready"
        self._published = 0

    def configure(self) -> None:
        """Open the recording and create its publishers."""
        if self.get_parameter("use_sim_time").value:
            raise ConfigError("use_sim_time is true, but this node makes the simulated time. Set it to false here.")
        self._reader = reader = _open(self.config.bag)
        self._connections = self._choose(reader)
        self._publishers_by_topic = self._make_publishers()
        self._clock_publisher = self.make_publisher(ClockMsg, "/clock", results_qos())
        self._published = 0

    def activate(self) -> None:
        """Begin to play."""
        self._stop = Event()
        self._thread = Thread(target=self._run, args=(self._reader,), name="player", daemon=True)
        self._thread.start()

    def deactivate(self) -> None:
        """Stop; playing begins at the start next time."""
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None

    def cleanup(self) -> None:
        """Close the recording."""
        if self._reader is not None and self._reader.is_open:
            self._reader.close()
        self._reader = None

    def health(self) -> Iterable[Health]:
        """Report the progress."""
        level = Level.ERROR if self._state_text.startswith("cannot") else Level.OK
        yield Health("recording", level, self._state_text, {"bag": self.config.bag, "published": self._published})

    def _choose(self, reader: "Reader") -> "list[Connection]":
        """Return what to play: the cameras' topics and the ground truth, or all."""
        connections = reader.connections
        if not self.config.all_topics:
            topics = [f"{view}/{kind}" for view in self.rig.views for kind in CAMERA_TOPICS]
            names = {self.resolve_topic_name(topic) for topic in [*topics, "ground_truth/body_pose"]}
            connections = [one for one in connections if one.topic in names]
        if not connections:
            found = ", ".join(sorted({one.topic for one in reader.connections})) or "no topics"
            raise BagError(
                f"{self.config.bag} has no topic of the views {', '.join(self.rig.views)} in the namespace "
                f"{self.get_namespace()!r}; it has: {found}. "
                "Give the recording's namespace and calib, or set all_topics."
            )
        return connections

    def _make_publishers(self) -> dict[str, Publisher]:
        publishers = {}
        for connection in list(self._connections):
            try:
                kind = _message_class(connection.msgtype)
            except (ImportError, AttributeError):
                text = f"{connection.topic} is not played: {connection.msgtype} is not installed here"
                self.get_logger().warning(text)
                self._connections.remove(connection)
                continue
            publishers[connection.topic] = self.make_publisher(kind, connection.topic, results_qos())
        return publishers

    def _run(self, reader: "Reader") -> None:
        from rosbags.rosbag2 import ReaderError

        try:
            self._await_nodes(reader.start_time)
            self._await_listeners(reader.start_time)
            while not self._stop.is_set():
                self._play_once(reader)
                if not self.config.loop:
                    break
        except (ReaderError, OSError, ValueError, RuntimeError) as error:
            self._state_text = f"cannot read on: {error}"
            self.get_logger().error(f"{self.config.bag}: {self._state_text} {self._published} messages were played.")
        if self._stop.is_set():
            return
        self.get_logger().info(f"the recording is over, {self._published} messages")
        self._state_text = "over"
        self._stop.wait(LAST_WORDS_S)
        self.finished = self.config.exit_at_end

    def _await_nodes(self, begin_ns: int) -> None:
        """Wait until the nodes in `wait_for` are active; time has begun for them, and stands still."""
        names = [name.strip() for name in self.config.wait_for.split(",") if name.strip()]
        clients = {name: self.create_client(GetState, f"{name}/get_state") for name in names}
        waiting, deadline_s = set(names), time.monotonic() + READY_S
        while waiting and not self._stop.is_set() and time.monotonic() < deadline_s:
            self._tick(begin_ns)
            waiting = {name for name in waiting if not self._is_active(clients[name])}
            self._state_text = f"waiting for {', '.join(sorted(waiting))}" if waiting else "ready"
            self._stop.wait(0.1)
        for client in clients.values():
            self.destroy_client(client)
        if waiting and not self._stop.is_set():
            names_left = ", ".join(sorted(waiting))
            self.get_logger().warning(f"{names_left} not active after {READY_S:g} s; playing all the same")

    def _is_active(self, client: Client) -> bool:
        if not client.service_is_ready():
            return False
        answer, end_s = client.call_async(GetState.Request()), time.monotonic() + 1.0
        while not answer.done() and time.monotonic() < end_s and not self._stop.wait(0.02):
            pass
        return bool(answer.done() and answer.result().current_state.id == State.PRIMARY_STATE_ACTIVE)

    def _await_listeners(self, begin_ns: int) -> None:
        self._tick(begin_ns)
        deadline_s = time.monotonic() + LISTENERS_S
        while not any(one.get_subscription_count() for one in self._publishers_by_topic.values()):
            if time.monotonic() > deadline_s:
                self.get_logger().warning(f"nobody has listened for {LISTENERS_S:g} s; playing all the same")
                return
            if self._stop.wait(0.05):
                return

    def _play_once(self, reader: "Reader") -> None:
        self._state_text = "playing"
        begin_ns, begin_s = reader.start_time, time.monotonic()
        clock_ns = begin_ns
        for connection, stamp_ns, data in reader.messages(self._connections):
            while clock_ns + CLOCK_PERIOD_NS < stamp_ns:
                clock_ns += CLOCK_PERIOD_NS
                if not self._sleep_until(clock_ns - begin_ns, begin_s):
                    return
                self._tick(clock_ns)
            if not self._sleep_until(stamp_ns - begin_ns, begin_s):
                return
            if stamp_ns > clock_ns:
                clock_ns = stamp_ns
                self._tick(clock_ns)
            if self.enabled:
                self._publishers_by_topic[connection.topic].publish(bytes(data))
                self._published += 1

    def _sleep_until(self, elapsed_ns: int, begin_s: float) -> bool:
        """Wait until this much of the recording has passed; False: stop."""
        wait_s = begin_s + elapsed_ns * 1e-9 / self.config.rate - time.monotonic()
        return not (self._stop.wait(wait_s) if wait_s > 0 else self._stop.is_set())

    def _tick(self, clock_ns: int) -> None:
        self._clock_publisher.publish(ClockMsg(clock=time_from_ns(clock_ns)))


def _open(bag: str) -> "Reader":
    if not bag:
        raise ConfigError("bag is empty; expected the folder of a rosbag2, or an .mcap or .db3 file.")
    try:
        from rosbags.rosbag2 import Reader, ReaderError
    except ImportError:
        raise BagError("the package rosbags is missing. Run `pip install rosbags`, or use ros2 bag play.") from None
    path = Path(bag).expanduser()
    if not path.exists():
        raise BagError(f"there is no recording {path.absolute()}.")
    try:
        reader = Reader(path)
        reader.open()
    except (ReaderError, OSError, ValueError) as error:
        raise BagError(f"{path} cannot be read as a rosbag2 recording: {error}") from None
    return reader


def _message_class(name: str) -> type:
    """Return the class of a message type such as sensor_msgs/msg/CompressedImage."""
    package, _, kind = name.split("/")
    found: type = getattr(importlib.import_module(f"{package}.msg"), kind)
    return found


def main() -> None:
    """Run the node until the recording is over or Ctrl-C."""
    sys.exit(run_node(PlayerNode))


if __name__ == "__main__":
    main()
