"""The `evaluate` node: estimates beside the ground truth while they are made."""

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from std_srvs.srv import Trigger

from egorear_ros.bags.truth import JointTrack
from egorear_ros.bridge.diagnostics import Health, Level
from egorear_ros.bridge.handover import Handover
from egorear_ros.bridge.messages import body_pose_from_msg
from egorear_ros.bridge.node import EgorearNode
from egorear_ros.bridge.process import run_node
from egorear_ros.bridge.qos import results_qos
from egorear_ros.config import EvaluateConfig
from egorear_ros.msg import BodyPose as BodyPoseMsg
from egorear_ros.msg import SyncStatus as SyncStatusMsg
from egorear_ros.names import RIG_FRAME, TRUTH_TOPIC
from egorear_ros.structures import BodyPose

if TYPE_CHECKING:
    from egorear_eval.live import LivePass

DEPTH = 200
"""Messages that may wait: nothing is to be lost while results are written."""

MS_NS = 1e6
JUMP_MARGIN_NS = 100_000_000
"""Poses come after the time they belong to: only one this far ahead of the new time is of the old one."""

STALE_S = 5.0
"""How long after the end of a pass poses of it may still come."""

COUNTED = ("complete_sets", "partial_sets", "dropped_sets")


class EvaluateNode(EgorearNode[EvaluateConfig]):
    """Compare `body_pose` with `ground_truth/body_pose` by stamp, and write results pass by pass.

    A pass ends when time jumps back (a recording starts again, or somebody seeks), when `~/finish` is called,
    and with the node. Its folder holds what `egorear eval bag` writes.

    Args:
        handover: not used: poses are small, and their messages say how late they are.
        **kwargs: for `rclpy.node.Node`.
    """

    def __init__(self, handover: Handover | None = None, **kwargs: Any) -> None:
        super().__init__("evaluate", EvaluateConfig(), handover=None, **kwargs)
        self._lock = Lock()
        self._writers: list[Thread] = []
        self._passes = self._stale = 0
        self._ended_s = -STALE_S
        self._last_written = ""
        self._finish_service = self.create_service(Trigger, "~/finish", self._on_finish)

    def configure(self) -> None:
        """Create the topics."""
        Path(self.config.out).expanduser().mkdir(parents=True, exist_ok=True)
        self._topic, self._truth_topic = self.resolve_topic_name("body_pose"), self.resolve_topic_name(TRUTH_TOPIC)
        self._truth = JointTrack()
        self._status: SyncStatusMsg | None = None
        self._status_before: SyncStatusMsg | None = None
        self._begin_pass()
        self.make_subscription(BodyPoseMsg, "body_pose", self._on_pose, results_qos(DEPTH))
        self.make_subscription(BodyPoseMsg, TRUTH_TOPIC, self._on_truth, results_qos(DEPTH))
        self.make_subscription(SyncStatusMsg, "sync_status", self._on_status, results_qos())

    def deactivate(self) -> None:
        """Write the pass that is under way."""
        self._end_pass()
        for writer in self._writers:
            writer.join()
        self._writers.clear()

    def reset(self) -> None:
        """End the pass: `~/reset` was called."""
        if self.active:
            self._end_pass()

    def time_jumped_back(self) -> None:
        """End the pass, unless poses of the new time have begun the next one already."""
        if self.active:
            newest_ns = self._pass.newest_ns
            if newest_ns is not None and newest_ns > self.now_ns() + JUMP_MARGIN_NS:
                self._end_pass()

    def health(self) -> Iterable[Health]:
        """Report the running numbers."""
        if not self.active:
            return
        with self._lock:
            current = self._pass
            current.meet(self._truth, self._tolerance_ns())
            running, poses = current.running, len(current.rows)
        values = {
            "pass": self._passes,
            "poses": poses,
            "poses compared": running.compared,
            "mpjpe_mm": running.mpjpe_mm,
            "ground truths": len(self._truth),
            "poses without a body": current.lost,
            "poses of an earlier time": self._stale,
            "written last": self._last_written or "nothing yet",
        }
        yield Health("evaluation", *self._judge(poses, running.compared, running.mpjpe_mm), values)

    def _judge(self, poses: int, compared: int, mpjpe_mm: float) -> tuple[Level, str]:
        if not poses:
            return Level.WARN, f"no pose yet on {self._topic}"
        if not len(self._truth):
            return Level.WARN, f"no ground truth on {self._truth_topic}: poses are counted, not compared"
        return (
            Level.OK,
            f"MPJPE {mpjpe_mm:.1f} mm over {compared} of {poses} poses" if compared else "none compared yet",
        )

    # Messages in

    def _on_pose(self, message: BodyPoseMsg) -> None:
        if not self.running:
            return
        pose = self._read(message, self._topic)
        if pose is None:
            return
        if self._is_stale(pose.stamp_ns):
            self._stale += 1
            return
        newest_ns = self._pass.newest_ns
        if newest_ns is not None and pose.stamp_ns < newest_ns - self._jump_ns:
            self._end_pass()
        with self._lock:
            self._pass.add(pose, float(message.latency_s))

    def _is_stale(self, stamp_ns: int) -> bool:
        """Return whether a pose was on its way while time jumped back: it is of a time that has not come again."""
        jumped = self.get_clock().ros_time_is_active and time.monotonic() - self._ended_s < STALE_S
        return jumped and stamp_ns > self.now_ns() + self._jump_ns

    def _on_truth(self, message: BodyPoseMsg) -> None:
        from egorear_eval.track import is_usable

        truth = self._read(message, self._truth_topic) if self.running else None
        if truth is not None and is_usable(truth):
            with self._lock:
                self._truth.add(truth.stamp_ns, truth.joints_device)

    def _on_status(self, message: SyncStatusMsg) -> None:
        self._status = message
        self._status_before = self._status_before or message

    def _read(self, message: BodyPoseMsg, topic: str) -> BodyPose | None:
        """Return a pose; None, and a warning, for one that cannot be compared."""
        try:
            pose = body_pose_from_msg(message)
        except ValueError as error:
            self.warn(topic, f"{topic}: not compared: {error}")
            return None
        expected = self.frame_id(RIG_FRAME)
        if message.header.frame_id != expected:
            self.warn(
                f"{topic} frame",
                f"{topic}: not compared: it is in the frame {message.header.frame_id!r}; expected {expected!r}. "
                "Give the node that sends it the frame_prefix of this one.",
            )
            return None
        return pose

    # Passes

    def _begin_pass(self) -> None:
        from egorear_eval.live import JUMP_NS, LivePass

        self._jump_ns = JUMP_NS
        self._pass: LivePass = LivePass()
        self._passes += 1
        self._status_before = self._status

    def _end_pass(self) -> None:
        """Begin the next pass; write this one in a thread, because messages go on coming."""
        with self._lock:
            done = self._pass
            if not done.rows and not done.lost:
                return
            counters = self._counters()
            self._begin_pass()
            self._ended_s = time.monotonic()
        self._writers = [writer for writer in self._writers if writer.is_alive()]
        for writer in self._writers:
            writer.join()
        self._writers.append(Thread(target=self._write, args=(done, counters), name="evaluate_write"))
        self._writers[-1].start()

    def _write(self, done: "LivePass", counters: dict[str, Any]) -> None:
        from egorear_eval.live import headline, next_pass_folder

        about = {"command": [], "truth_topic": self._truth_topic, "pose_topic": self._topic}
        folder = next_pass_folder(Path(self.config.out).expanduser())
        with self._lock:
            truth = self._truth.copy()
        try:
            facts = done.write(folder, self.config.recording, self.rig, truth, self._tolerance_ns(), about, counters)
        except (OSError, ValueError) as error:
            self.get_logger().error(f"the results cannot be written to {folder}: {error}")
            return
        self._last_written = str(folder)
        self.get_logger().info(headline(facts, folder))

    def _counters(self) -> dict[str, Any]:
        """Return what the synchronizer counted during the pass; nothing if it was not heard."""
        after, before = self._status, self._status_before
        if after is None or before is None:
            return {}
        counted = {name: getattr(after, name) - getattr(before, name) for name in COUNTED}
        late = sum(camera.late for camera in after.cameras) - sum(camera.late for camera in before.cameras)
        return {"sets": counted["complete_sets"] + counted["partial_sets"], "late": late, **counted}

    def _tolerance_ns(self) -> int:
        return round(self.config.truth_tolerance_ms * MS_NS)

    def _on_finish(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if not self.active:
            response.message = "not active: there is no pass to end"
            return response
        self._end_pass()
        for writer in self._writers:
            writer.join()
        response.success, response.message = bool(self._last_written), self._last_written or "no pose came yet"
        return response


def main() -> None:
    """Run the node until Ctrl-C."""
    sys.exit(run_node(EvaluateNode))


if __name__ == "__main__":
    main()
