"""Records a running graph: whatever the rig's nodes publish, as it comes, without decoding it."""

import contextlib
import importlib
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from types import TracebackType
from typing import Any

import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from rclpy.signals import SignalHandlerOptions

from egorear_ros.bags.base import BagError, Topic
from egorear_ros.bags.origin import pack
from egorear_ros.bags.profiles import Profile
from egorear_ros.bags.recording import Recording
from egorear_ros.bags.typestore import BODY_POSE, CAMERA_INFO, COMPRESSED_IMAGE, TF_MESSAGE, typestore
from egorear_ros.structures import Rig

KINDS = {
    COMPRESSED_IMAGE: "/image_raw/compressed",
    CAMERA_INFO: "/camera_info",
    BODY_POSE: "",
    TF_MESSAGE: "",
    "egorear_ros/msg/SyncStatus": "",
    "diagnostic_msgs/msg/DiagnosticArray": "",
}
"""Types that are recorded, and how the names of their topics end; overlays and markers can be made again."""

LOOK_PERIOD_S = 0.5
"""How often new topics are looked for."""

DEPTH = 200
"""Messages that may wait: a disk that pauses for a second must not cost images."""

Received = tuple[Topic, Profile, int, bytes]


class Recorder:
    """A node of its own, in its own context and threads; use it in a `with` statement.

    Messages are stamped with the time of their arrival and written by a thread of their own.

    Args:
        out: the folder to make.
        namespace: of the graph to record; topics outside of it are recorded only if they are absolute
            in every graph (`/tf`, `/tf_static`, `/diagnostics`).
        extra: absolute names of further topics.
        rig: the graph's cameras, which the recording then carries exactly; None: as CameraInfo says.

    Attributes:
        problem: why writing ended early; "" while all is well.

    Raises:
        BagError: the folder cannot be made.
    """

    def __init__(self, out: Path, namespace: str = "", extra: Collection[str] = (), rig: Rig | None = None) -> None:
        self.problem = ""
        self._recording = Recording(out, pack(rig, None) if rig is not None else None)
        self._prefix = f"/{namespace.strip('/')}/".replace("//", "/")
        self._extra = frozenset(extra)
        self._subscribed: set[str] = set()
        self._queue: SimpleQueue[Received | None] = SimpleQueue()
        self._ended = Event()

    def __enter__(self) -> "Recorder":
        """Begin to record."""
        self._recording.__enter__()
        self._context = Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self._node = Node("egorear_recorder", context=self._context, start_parameter_services=False)
        self._node.create_timer(LOOK_PERIOD_S, self._look)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._threads = [Thread(target=self._spin, daemon=True), Thread(target=self._write, daemon=True)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop listening, write what still waits, and complete the recording."""
        self._executor.shutdown()
        self._threads[0].join()
        self._queue.put(None)
        self._threads[1].join()
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)
        self._recording.__exit__(kind, error, traceback)

    @property
    def ended(self) -> bool:
        """Whether writing has ended because of `problem`."""
        return self._ended.is_set()

    def counts(self) -> Mapping[Topic, int]:
        """Return how many messages of each topic were written."""
        return dict(self._recording.counts)

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()

    def _look(self) -> None:
        """Subscribe to topics that have appeared."""
        for name, kinds in self._node.get_topic_names_and_types():
            topic = Topic(name, kinds[0])
            if name in self._subscribed or not self._wanted(topic):
                continue
            publishers = self._node.get_publishers_info_by_topic(name)
            if publishers:
                self._subscribed.add(name)
                self._subscribe(topic, [publisher.qos_profile for publisher in publishers])

    def _wanted(self, topic: Topic) -> bool:
        if topic.name in self._extra:
            return True
        ending = KINDS.get(topic.type)
        inside = topic.name.startswith(self._prefix) or topic.name in ("/tf", "/tf_static", "/diagnostics")
        return ending is not None and inside and topic.name.endswith(ending)

    def _subscribe(self, topic: Topic, offered: list[QoSProfile]) -> None:
        if topic.type not in typestore().fielddefs:
            self._node.get_logger().warning(f"{topic.name} is not recorded: type {topic.type} is not known here.")
            return
        profile = _profile(offered)

        def receive(data: bytes) -> None:
            self._queue.put((topic, profile, time.time_ns(), data))

        self._node.create_subscription(_message_class(topic.type), topic.name, receive, _requested(profile), raw=True)

    def _write(self) -> None:
        """Write what was received until there is nothing more to come."""
        while (received := self._queue.get()) is not None:
            if self.ended:
                continue
            try:
                self._recording.write(*received)
            except BagError as error:
                self.problem = str(error)
                self._ended.set()


def _profile(offered: list[QoSProfile]) -> Profile:
    """Return what all publishers of a topic can give."""
    reliable = all(profile.reliability == QoSReliabilityPolicy.RELIABLE for profile in offered)
    latched = all(profile.durability == QoSDurabilityPolicy.TRANSIENT_LOCAL for profile in offered)
    return Profile(max(1, *(profile.depth for profile in offered)), reliable, latched)


def _requested(profile: Profile) -> QoSProfile:
    return QoSProfile(
        depth=DEPTH,
        reliability=QoSReliabilityPolicy.RELIABLE if profile.reliable else QoSReliabilityPolicy.BEST_EFFORT,
        durability=QoSDurabilityPolicy.TRANSIENT_LOCAL if profile.latched else QoSDurabilityPolicy.VOLATILE,
    )


def _message_class(kind: str) -> Any:
    package, _, name = kind.split("/")
    return getattr(importlib.import_module(f"{package}.msg"), name)
