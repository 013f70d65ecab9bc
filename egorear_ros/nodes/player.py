"""The `player` node: plays a rosbag2 recording where `ros2 bag play` is not installed."""

import importlib
import sys
import time
from collections.abc import Iterable
from threading import Event, Thread
from typing import Any

from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from rclpy.client import Client
from rclpy.publisher import Publisher
from rosgraph_msgs.msg import Clock as ClockMsg

from egorear_ros.bags.bag import Bag, open_bag
from egorear_ros.bags.base import BagError, Topic
from egorear_ros.bridge.diagnostics import Health, Level
from egorear_ros.bridge.handover import Handover
from egorear_ros.bridge.node import EgorearNode
from egorear_ros.bridge.process import run_node
from egorear_ros.bridge.qos import results_qos
from egorear_ros.bridge.stamps import time_from_ns
from egorear_ros.config import ConfigError, PlayerConfig
from egorear_ros.names import TRUTH_TOPIC, camera_info_topic, image_topic, raw_image_topic

CLOCK_PERIOD_NS = 10_000_000
"""Time goes on at least this often, also where the recording has gaps."""

LISTENERS_S = 5.0
"""How long to wait for somebody to listen before the first message, which would be lost otherwise."""

READY_S = 60.0
"""How long to wait for the nodes that must be active."""

LAST_WORDS_S = 1.0
"""Between the last message and the end of the process."""


class PlayerNode(EgorearNode[PlayerConfig]):
    """Publish the messages of a recording on their topics, and `/clock`.

    Messages are not decoded, so their types need only exist here. Publishers are reliable, so that
    every subscriber can listen. Transforms in the recording are not played: the rig's come from `calib`.
    A broken recording is played up to the break.

    Args:
        handover: not used; recorded images are messages already.
        **kwargs: for `rclpy.node.Node`.
    """

    def __init__(self, handover: Handover | None = None, **kwargs: Any) -> None:
        super().__init__("player", PlayerConfig(), handover=None, **kwargs)
        self._thread: Thread | None = None
        self._bag: Bag | None = None
        self._state_text = "ready"
        self._published = 0

    def configure(self) -> None:
        """Open the recording and create its publishers."""
        if self.get_parameter("use_sim_time").value:
            raise ConfigError("use_sim_time is true, but this node makes the simulated time. Set it to false here.")
        if not self.config.bag:
            raise ConfigError("bag is empty; expected the folder of a rosbag2, or an .mcap or .db3 file.")
        self._bag = bag = open_bag(self.config.bag)
        self._publishers_by_topic = self._make_publishers(self._choose(bag))
        begin_ns = bag.start_ns(self._publishers_by_topic)
        self._told: set[str] = set()
        self._tell_problems(bag)
        if begin_ns is None:
            topics = ", ".join(self._publishers_by_topic) or "topics that can be played here"
            raise BagError(" ".join([f"{self.config.bag} has no message on {topics}.", *bag.problems]))
        self._begin_ns = begin_ns
        self._clock_publisher = self.make_publisher(ClockMsg, "/clock", results_qos())
        self._published = 0

    def activate(self) -> None:
        """Begin to play."""
        self._stop = Event()
        self._thread = Thread(target=self._run, args=(self._bag,), name="player", daemon=True)
        self._thread.start()

    def deactivate(self) -> None:
        """Stop; playing begins at the start next time."""
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None

    def cleanup(self) -> None:
        """Close the recording."""
        if self._bag is not None:
            self._bag.close()
        self._bag = None

    def health(self) -> Iterable[Health]:
        """Report the progress."""
        level = Level.ERROR if self._state_text.startswith("cannot") else Level.OK
        yield Health("recording", level, self._state_text, {"bag": self.config.bag, "published": self._published})

    def _choose(self, bag: Bag) -> list[Topic]:
        """Return what to play: the cameras' topics and the ground truth, or all."""
        topics = list(bag.topics)
        if not self.config.all_topics:
            kinds = (image_topic, raw_image_topic, camera_info_topic)
            wanted = [TRUTH_TOPIC, *(kind(view) for view in self.rig.views for kind in kinds)]
            names = {self.resolve_topic_name(name) for name in wanted}
            topics = [topic for topic in topics if topic.name in names]
        if not topics:
            if not bag.topics and bag.problems:
                raise BagError(f"{self.config.bag} cannot be read: {' '.join(bag.problems)}")
            found = ", ".join(topic.name for topic in bag.topics) or "no topics"
            raise BagError(
                f"{self.config.bag} has no topic of the views {', '.join(self.rig.views)} in the namespace "
                f"{self.get_namespace()!r}; it has: {found}. "
                "Give the recording's namespace and calib, or set all_topics."
            )
        return topics

    def _tell_problems(self, bag: Bag) -> None:
        """Log what is wrong with the recording, as far as it has been met, once."""
        for problem in bag.problems:
            if problem not in self._told:
                self.get_logger().warning(problem)
        self._told.update(bag.problems)

    def _make_publishers(self, topics: list[Topic]) -> dict[str, Publisher]:
        publishers = {}
        for topic in topics:
            try:
                kind = _message_class(topic.type)
            except (ImportError, AttributeError, ValueError):
                self.get_logger().warning(f"{topic.name} is not played: {topic.type} is not installed here")
                continue
            publishers[topic.name] = self.make_publisher(kind, topic.name, results_qos())
        return publishers

    def _run(self, bag: Bag) -> None:
        try:
            self._await_nodes(self._begin_ns)
            self._await_listeners(self._begin_ns)
            while not self._stop.is_set():
                self._play_once(bag)
                if not self.config.loop:
                    break
        except (OSError, ValueError, RuntimeError) as error:
            self._state_text = f"cannot read on: {error}"
            self.get_logger().error(f"{self.config.bag}: {self._state_text} {self._published} messages were played.")
        if self._stop.is_set():
            return
        self._tell_problems(bag)
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

    def _play_once(self, bag: Bag) -> None:
        self._state_text = "playing"
        begin_ns, begin_s = self._begin_ns, time.monotonic()
        clock_ns = begin_ns
        for message in bag.messages(self._publishers_by_topic):
            stamp_ns = message.log_ns
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
                self._publishers_by_topic[message.topic.name].publish(message.data)
                self._published += 1

    def _sleep_until(self, elapsed_ns: int, begin_s: float) -> bool:
        """Wait until this much of the recording has passed; False: stop."""
        wait_s = begin_s + elapsed_ns * 1e-9 / self.config.rate - time.monotonic()
        return not (self._stop.wait(wait_s) if wait_s > 0 else self._stop.is_set())

    def _tick(self, clock_ns: int) -> None:
        self._clock_publisher.publish(ClockMsg(clock=time_from_ns(clock_ns)))


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
