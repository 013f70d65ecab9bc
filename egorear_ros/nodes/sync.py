"""The `sync` node: pairs the views by stamp."""

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from threading import Condition, Thread
from typing import Any

from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import CompressedImage, Image

from egorear_ros.bridge.diagnostics import Health, Level
from egorear_ros.bridge.handover import Handover
from egorear_ros.bridge.images import ImageError, frame_from_compressed, frame_from_image
from egorear_ros.bridge.messages import msg_from_frame_set, msg_from_sync_status
from egorear_ros.bridge.node import EgorearNode
from egorear_ros.bridge.process import run_node
from egorear_ros.bridge.qos import camera_qos, results_qos
from egorear_ros.bridge.stamps import ns_from_time
from egorear_ros.config import ConfigError, SyncConfig
from egorear_ros.msg import FrameSet as FrameSetMsg
from egorear_ros.msg import SyncStatus as SyncStatusMsg
from egorear_ros.nodes.silence import SilenceWatch
from egorear_ros.nodes.stages import StageTimes, transport_ns
from egorear_ros.structures import Frame, FrameSet
from egorear_ros.sync import Synchronizer
from egorear_ros.sync_status import CameraCounters, SyncStatus
from egorear_ros.tracing import TRACE

TOPIC = "frame_set"
MS_NS = 1_000_000
IDLE_S = 0.5
"""How long the waiting thread sleeps when no frame waits for others."""

SIMULATED_POLL_S = 0.01
"""The same with simulated time, which may run faster."""


class SyncNode(EgorearNode[SyncConfig]):
    """Publish `frame_set` and `sync_status` from the images of all views.

    Args:
        handover: frames come and sets go through it where the other node is in this process.
        **kwargs: for `rclpy.node.Node`.
    """

    def __init__(self, handover: Handover | None = None, **kwargs: Any) -> None:
        super().__init__("sync", SyncConfig(), handover=handover, **kwargs)
        self._topic = self.resolve_topic_name(TOPIC)
        if handover is not None:
            handover.offer(self._topic)
        # Guards the synchronizer: frames come in the threads of cameras or of the executor.
        self._changed = Condition()
        self._waiting: Thread | None = None

    def configure(self) -> None:
        """Create the synchronizer and the topics."""
        self.check_parameters({"min_views": self.config.min_views})
        self._synchronizer = Synchronizer(self.rig.views, *self._limits())
        self._sets = self.make_publisher(FrameSetMsg, TOPIC, results_qos())
        self._statuses = self.make_publisher(SyncStatusMsg, "sync_status", results_qos())
        self._silence = SilenceWatch(self.rig.views, time.monotonic_ns())
        self._inputs: dict[str, str] = {}
        self._seen: dict[str, CameraCounters] = {}
        for view in self.rig.views:
            self._listen(view)

    def activate(self) -> None:
        """Begin to pair frames."""
        self._stages = StageTimes()
        self._silence = SilenceWatch(self.rig.views, time.monotonic_ns())
        self._synchronizer = Synchronizer(self.rig.views, *self._limits())
        self._waiting = Thread(target=self._wait, name="sync_wait", daemon=True)
        self._stopping = False
        self._waiting.start()
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._status_timer = self.create_timer(1.0, self._publish_status, clock=steady)

    def deactivate(self) -> None:
        """Stop pairing; frames that wait are forgotten."""
        self.destroy_timer(self._status_timer)
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._waiting is not None:
            self._waiting.join()

    def reset(self) -> None:
        """Forget all frames that wait."""
        if self.active:
            with self._changed:
                self._synchronizer.reset()

    def check_parameters(self, values: Mapping[str, Any]) -> None:
        """Refuse more views than the rig has."""
        wanted, views = values.get("min_views", 1), getattr(self, "rig", None)
        if views is not None and wanted > len(views.views):
            raise ConfigError(f"min_views is {wanted}, but the rig {self.rig.name} has {len(self.rig.views)} views.")

    def parameters_changed(self, names: frozenset[str]) -> None:
        """Apply new limits to all sets that are not out yet."""
        if self.active:
            with self._changed:
                self._synchronizer.configure(*self._limits())
                self._changed.notify_all()

    def health(self) -> Iterable[Health]:
        """Report the sets, and each camera that is silent or cannot be paired."""
        if not self.active:
            return
        with self._changed:
            status = self._synchronizer.status(self.now_ns())
        yield Health("sets", *self._judge_sets(status), _values(status))
        for camera in status.cameras:
            yield Health(f"camera {camera.view}", *self._judge_camera(camera), _values(camera))
        yield Health("latency", Level.OK, "from cameras to sets", self._stages.values())
        self._seen = {camera.view: camera for camera in status.cameras}

    def _limits(self) -> tuple[int, int, int]:
        config = self.config
        return round(config.tolerance_ms * MS_NS), round(config.max_wait_ms * MS_NS), config.min_views

    # Frames in, sets out

    def _listen(self, view: str) -> None:
        compressed = self.config.transport == "compressed"
        topic = f"{view}/image_raw/compressed" if compressed else f"{view}/image_raw"
        self._inputs[view] = self.resolve_topic_name(topic)
        if self.receive_here(topic, self._on_frame):
            return
        convert: Callable[[str, Any], Frame] = frame_from_compressed if compressed else frame_from_image

        def on_message(message: Any, info: Mapping[str, int]) -> None:
            if not self.running:
                return
            way_ns, now_ns = transport_ns(info), time.monotonic_ns()
            if way_ns is not None:
                self._stages.add("transport", way_ns * 1e-9)
                stamp_ns = ns_from_time(message.header.stamp)
                TRACE.add("transport", now_ns - way_ns, now_ns, stamp_ns, view, f"transport {view}")
            try:
                frame = convert(view, message)
            except ImageError as error:
                self.warn(f"image {view}", f"image dropped: {error}")
                return
            self._on_frame(frame)

        self.make_subscription(CompressedImage if compressed else Image, topic, on_message, camera_qos())

    def _on_frame(self, frame: Frame) -> None:
        if not self.running:
            return
        with self._changed:
            silent_s = self._silence.heard(frame.view, time.monotonic_ns())
            waited = self._synchronizer.next_deadline_ns() is not None
            self._emit(self._synchronizer.push(frame, self.now_ns()))
            if not waited:
                self._changed.notify_all()
        if silent_s is not None:
            self.get_logger().info(f"{frame.view}: images again, after {silent_s:.1f} s")

    def _wait(self) -> None:
        """Let sets go whose wait is over. Runs in its own thread: an executor may be busy."""
        with self._changed:
            while not self._stopping:
                deadline_ns = self._synchronizer.next_deadline_ns()
                wait_s = IDLE_S if deadline_ns is None else (deadline_ns - self.now_ns()) * 1e-9
                if wait_s > 0:
                    simulated = self.get_clock().ros_time_is_active
                    self._changed.wait(min(wait_s, SIMULATED_POLL_S if simulated else IDLE_S))
                else:
                    self._emit(self._synchronizer.poll(self.now_ns()))

    def _emit(self, sets: list[FrameSet]) -> None:
        """Deliver sets in order; the caller holds the lock."""
        for frames in sets:
            begin_ns = time.monotonic_ns()
            TRACE.add("sync", begin_ns - frames.waited_ns, begin_ns, frames.stamp_ns, track="sync")
            self._stages.add("sync", frames.waited_ns * 1e-9)
            if self.handover is not None:
                self.handover.publish(self._topic, frames)
            if self._sets.get_subscription_count() > 0:
                with TRACE.span("publish set", frames.stamp_ns):
                    self._sets.publish(msg_from_frame_set(frames, self.config.frame_prefix))
            self._stages.add("publish", (time.monotonic_ns() - begin_ns) * 1e-9)

    # What users see

    def _publish_status(self) -> None:
        now_ns = self.now_ns()
        with self._changed:
            status = self._synchronizer.status(now_ns)
            timeout_s = self.config.stall_timeout_s
            fallen = self._silence.fallen_silent(timeout_s, time.monotonic_ns()) if self.running else []
        self._statuses.publish(msg_from_sync_status(status, self.config.frame_prefix, now_ns))
        for view in fallen:
            self.get_logger().error(self._silence_text(view))

    def _silence_text(self, view: str) -> str:
        topic = self._inputs[view]
        silent_s = self._silence.silent_s(view, time.monotonic_ns())
        since = "since it was last heard" if self._silence.frames(view) else "since this node was activated"
        if self.handover is not None and self.handover.offers(topic):
            why = f"the node camera_{view} of this process sends none: see its diagnostics."
        elif (count := self.count_publishers(topic)) == 0:
            why = f"nobody publishes it. Is the node camera_{view} running, with the same namespace and ROS_DOMAIN_ID?"
        else:
            publishers = f"{count} publisher{'s' if count > 1 else ''}"
            mismatch = [problem.removeprefix(f"{topic}: ") for problem in self.qos_problems() if topic in problem]
            why = mismatch[0] if mismatch else f"it has {publishers}, but nothing comes: see the camera's diagnostics."
        return f"{view}: no image on {topic} for {silent_s:.1f} s {since}: {why}"

    def _judge_sets(self, status: SyncStatus) -> tuple[Level, str]:
        if not self.running:
            return Level.OK, "disabled"
        if status.rate_hz == 0.0:
            return Level.ERROR, "no frame sets go out: see the cameras"
        return Level.OK, f"{status.rate_hz:.1f} Hz"

    def _judge_camera(self, camera: CameraCounters) -> tuple[Level, str]:
        if self._silence.is_silent(camera.view):
            return Level.ERROR, self._silence_text(camera.view)
        before = self._seen.get(camera.view)
        if before is not None and camera.received > before.received + 1 and camera.used == before.used:
            return Level.WARN, (
                f"frames come but fit no set: their stamps are more than tolerance_ms "
                f"({self.config.tolerance_ms:g}) from the other cameras', or they come later than max_wait_ms "
                f"({self.config.max_wait_ms:g})"
            )
        return Level.OK, f"{camera.rate_hz:.1f} Hz"


def _values(counters: object) -> dict[str, object]:
    return {name: value for name, value in vars(counters).items() if name != "cameras"}


def main() -> None:
    """Run the node until Ctrl-C."""
    sys.exit(run_node(SyncNode))


if __name__ == "__main__":
    main()
