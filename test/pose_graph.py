"""A pose node in a graph of its own, for the tests that feed one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import rig_data
from harness import Graph


class PoseGraph:
    """A pose node, what it publishes, and a publisher of frame sets."""

    def __init__(self, graph: Graph, parameters: Mapping[str, Any]) -> None:
        from diagnostic_msgs.msg import DiagnosticArray
        from egorear_ros.msg import BodyPose, FrameSet
        from rclpy.parameter import Parameter
        from tf2_msgs.msg import TFMessage

        from egorear_ros.bridge.qos import results_qos, tf_qos
        from egorear_ros.nodes.pose import PoseNode

        self.graph = graph
        self.poses = graph.listen(BodyPose, "body_pose", results_qos())
        self.transforms = graph.listen(TFMessage, "/tf", tf_qos())
        self.diagnostics = graph.listen(DiagnosticArray, "/diagnostics", results_qos())
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        self.node = graph.add(PoseNode(parameter_overrides=overrides, **graph.kwargs))
        self._sets = graph.tester.create_publisher(FrameSet, "frame_set", results_qos())

    def wait_until_active(self) -> None:
        """Wait for the automatic start and for the topic."""
        self.graph.until(lambda: self.node.active and self._sets.get_subscription_count() > 0, "pose is active")

    def send(self, stamp_ns: int | None = None, **kwargs: Any) -> int:
        """Publish a frame set, by default one exposed right now; return its stamp."""
        from egorear_ros.bridge.messages import msg_from_frame_set

        if stamp_ns is None:
            stamp_ns = self.graph.tester.get_clock().now().nanoseconds
        self._sets.publish(msg_from_frame_set(rig_data.frame_set(stamp_ns, **kwargs), ""))
        return stamp_ns

    def stamps_ns(self) -> list[int]:
        """Return the capture stamps of all poses so far."""
        from egorear_ros.bridge.stamps import ns_from_time

        return [ns_from_time(message.header.stamp) for message in self.poses]

    def health(self, part: str) -> dict[str, str]:
        """Return the newest diagnostics of a part: its values, and "level" and "message"."""
        name = f"{self.node.get_fully_qualified_name().lstrip('/')}: {part}"
        for array in reversed(self.diagnostics):
            for status in array.status:
                if status.name == name:
                    own = {"level": str(status.level[0]), "message": status.message}
                    return {**{value.key: value.value for value in status.values}, **own}
        return {}

    def trigger(self, service: str) -> Any:
        """Call a Trigger service of the node."""
        from std_srvs.srv import Trigger

        return self.graph.call(Trigger, f"pose/{service}", Trigger.Request())

    def wait_for_own_transforms(self) -> Any:
        """Return the first TF message; other tests may share the domain, so frames are prefixed."""
        prefix = self.node.config.frame_prefix
        return self.graph.until(
            lambda: next((one for one in self.transforms if one.transforms[0].child_frame_id.startswith(prefix)), None),
            "joints on /tf",
        )


def prefixed(graph: Graph) -> dict[str, str]:
    return {"frame_prefix": f"{graph.namespace.strip('/')}/"}


@pytest.fixture
def tiny(graph: Graph, tmp_path: Path) -> PoseGraph:
    checkpoint = rig_data.tiny_checkpoint(tmp_path / "tiny.safetensors")
    pose = PoseGraph(graph, {"estimator.checkpoint": str(checkpoint), "runtime.device": "cpu", **prefixed(graph)})
    pose.wait_until_active()
    return pose
