"""The pose node in a real graph, fed with frame sets as messages."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rig_data
from harness import Graph

pytest.importorskip("rclpy")
pytestmark = pytest.mark.ros


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


def _wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.005)


def _count_calls(monkeypatch: pytest.MonkeyPatch, target: Any, name: str) -> list[str]:
    """Return a list that grows when a method has been called."""
    calls: list[str] = []
    original = getattr(target, name)
    monkeypatch.setattr(target, name, lambda: (original(), calls.append(name))[0])
    return calls


def prefixed(graph: Graph) -> dict[str, str]:
    return {"frame_prefix": f"{graph.namespace.strip('/')}/"}


@pytest.fixture
def tiny(graph: Graph, tmp_path: Path) -> PoseGraph:
    checkpoint = rig_data.tiny_checkpoint(tmp_path / "tiny.safetensors")
    pose = PoseGraph(graph, {"estimator.checkpoint": str(checkpoint), "runtime.device": "cpu", **prefixed(graph)})
    pose.wait_until_active()
    return pose


def test_a_set_becomes_a_pose_message_and_joint_frames(tiny: PoseGraph) -> None:
    from egorear_ros.msg import BodyPose

    stamp_ns = tiny.send(skew_ns=1_000_000)
    tiny.graph.until(lambda: tiny.poses, "a pose")
    message, prefix = tiny.poses[0], tiny.node.config.frame_prefix
    assert tiny.stamps_ns() == [stamp_ns]
    assert message.header.frame_id == f"{prefix}rig_link"
    assert message.tracking_state == BodyPose.OK
    assert tuple(message.camera_names) == rig_data.VIEWS
    assert message.sync_skew_s == pytest.approx(0.003)
    assert 0.0 < message.latency_s <= (tiny.node.now_ns() - stamp_ns) * 1e-9
    assert message.model_id.startswith("egorear")
    assert "tiny" in message.model_id
    assert len(message.positions) == len(message.joint_names) == len(message.confidences) == 16

    transforms = tiny.wait_for_own_transforms().transforms
    assert [one.child_frame_id for one in transforms] == [prefix + name for name in message.joint_names]
    for transform, position in zip(transforms, message.positions, strict=True):
        assert transform.header == message.header
        assert transform.transform.rotation.w == 1.0
        moved = transform.transform.translation
        assert (moved.x, moved.y, moved.z) == (position.x, position.y, position.z)


def test_joints_are_those_of_the_estimator_in_the_axes_of_rep_103(tiny: PoseGraph) -> None:
    tiny.send()
    tiny.graph.until(lambda: tiny.poses, "a pose")
    rig = np.array([(point.x, point.y, point.z) for point in tiny.poses[0].positions])
    x, y, z = tiny.node._estimator.estimate(rig_data.frame_set(1)).joints_device.T
    np.testing.assert_allclose(rig, np.stack([-y, -x, -z], axis=-1), atol=1e-6)


def test_without_a_model_the_pose_is_lost_and_empty_and_no_frames_are_sent(graph: Graph) -> None:
    from egorear_ros.msg import BodyPose

    pose = PoseGraph(graph, {"estimator.method": "null", **prefixed(graph)})
    pose.wait_until_active()
    pose.send()
    graph.until(lambda: pose.poses, "a pose")
    assert pose.poses[0].tracking_state == BodyPose.LOST
    assert len(pose.poses[0].positions) == 0
    mine = [
        one for one in pose.transforms if one.transforms[0].child_frame_id.startswith(prefixed(graph)["frame_prefix"])
    ]
    assert mine == []


def test_a_slow_model_skips_sets_and_never_lags(graph: Graph) -> None:
    delay_s, period_s = 0.5, 0.01
    pose = PoseGraph(graph, {"estimator.method": "null", "estimator.delay_s": delay_s})
    pose.wait_until_active()
    sent = []
    for _ in range(300):
        sent.append(pose.send())
        time.sleep(period_s)
    before = len(pose.poses)
    graph.until(lambda: pose.stamps_ns()[-1:] == sent[-1:], "the newest set is estimated last")
    stamps_ns = pose.stamps_ns()
    assert stamps_ns == sorted(set(stamps_ns))
    # After the last set come the pose under way and its own. On a busy machine the last few sets and poses may still
    # have been on their way; a queue in front of the model would give one pose after the other for minutes.
    assert len(stamps_ns) - before <= 6

    def counts() -> tuple[int, int]:
        values = pose.health("estimates")
        return int(values.get("sets received", 0)), int(values.get("sets skipped", 0))

    graph.until(lambda: counts()[0] == counts()[1] + len(stamps_ns), "skipped and estimated sets add up in diagnostics")
    assert counts()[1] > 3 * len(stamps_ns)


def test_a_damaged_image_costs_its_set_only_and_is_named(tiny: PoseGraph) -> None:
    tiny.send(damaged="back_left")
    tiny.graph.until(lambda: tiny.health("estimates").get("sets failed") == "1", "the failure in diagnostics")
    assert tiny.poses == []
    assert tiny.health("estimates")["level"] == "2"
    assert "back_left" in tiny.health("estimates")["message"]
    stamp_ns = tiny.send()
    tiny.graph.until(lambda: tiny.stamps_ns() == [stamp_ns], "the next pose")


def test_a_set_with_a_missing_view_is_refused_unless_the_weights_know_how(tiny: PoseGraph) -> None:
    tiny.send(views=rig_data.VIEWS[:3])
    tiny.graph.until(lambda: tiny.health("estimates").get("sets failed") == "1", "the failure in diagnostics")
    assert "back_right" in tiny.health("estimates")["message"]
    assert tiny.poses == []


def test_partial_sets_are_used_and_marked_by_weights_that_know_how(graph: Graph, tmp_path: Path) -> None:
    from egorear_ros.msg import BodyPose

    checkpoint = rig_data.tiny_checkpoint(tmp_path / "tiny.safetensors", missing_views=True)
    pose = PoseGraph(graph, {"estimator.checkpoint": str(checkpoint)})
    pose.wait_until_active()
    pose.send(views=rig_data.VIEWS[:3])
    graph.until(lambda: pose.poses, "a pose")
    assert pose.poses[0].tracking_state == BodyPose.PARTIAL_VIEWS
    assert tuple(pose.poses[0].camera_names) == rig_data.VIEWS[:3]


def test_weights_for_other_views_stop_the_start_with_the_reason(graph: Graph, tmp_path: Path) -> None:
    checkpoint = rig_data.tiny_checkpoint(tmp_path / "front.safetensors", views=rig_data.VIEWS[:2])
    pose = PoseGraph(graph, {"estimator.checkpoint": str(checkpoint)})
    state = graph.until(lambda: pose.health("state").get("level") == "2" and pose.health("state"), "an error")
    for word in ("front.safetensors", "front_left, front_right", "back_left", "calibration"):
        assert word in state["message"]
    assert not pose.node.active
    pose.send()
    time.sleep(0.3)
    assert pose.poses == []


def test_a_slow_start_does_not_hold_up_the_other_nodes_of_the_process(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    from egorear_ros.estimators.null import NullEstimator

    loading, go_on = threading.Event(), threading.Event()

    def load_slowly(*_: Any) -> NullEstimator:
        loading.set()
        assert go_on.wait(120.0)
        return NullEstimator(rig_data.VIEWS)

    monkeypatch.setattr("egorear_ros.nodes.pose.make_estimator", load_slowly)
    pose = PoseGraph(graph, {})
    graph.until(loading.is_set, "the model is being loaded")
    graph.until(lambda: pose.health("state").get("state") == "unconfigured", "diagnostics while it is being loaded")
    go_on.set()
    pose.wait_until_active()


def test_a_node_that_is_ended_while_it_starts_does_not_become_active(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading, ending = threading.Event(), threading.Event()

    class Model:
        model_id, views, trained, warmed_up = "slow", rig_data.VIEWS, True, False

        def warm_up(self) -> None:
            Model.warmed_up = True

    def load_slowly(*_: Any) -> Model:
        loading.set()
        assert ending.wait(120.0)
        return Model()

    monkeypatch.setattr("egorear_ros.nodes.pose.make_estimator", load_slowly)
    pose = PoseGraph(graph, {})
    graph.until(loading.is_set, "the model is being loaded")
    release = pose.node.destroy_node

    def end() -> None:
        threading.Thread(target=lambda: (_wait_until(lambda: pose.node._ending), ending.set())).start()
        release()

    monkeypatch.setattr(pose.node, "destroy_node", end)
    graph.remove(pose.node)
    assert not Model.warmed_up


def test_disabling_stops_poses_and_enabling_brings_them_back(tiny: PoseGraph) -> None:
    from std_srvs.srv import SetBool

    assert tiny.graph.call(SetBool, "pose/enable", SetBool.Request(data=False)).success
    tiny.send()
    time.sleep(0.5)
    assert tiny.poses == []
    assert tiny.graph.call(SetBool, "pose/enable", SetBool.Request(data=True)).success
    stamp_ns = tiny.send()
    tiny.graph.until(lambda: tiny.stamps_ns() == [stamp_ns], "a pose")


class Gate:
    """Lets a pose node estimate only what the test permits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from egorear_ros.estimators.null import NullEstimator

        self.open, self.begun = threading.Event(), threading.Event()
        original = NullEstimator.estimate

        def estimate(estimator: NullEstimator, frames: Any) -> Any:
            self.begun.set()
            assert self.open.wait(120.0)
            return original(estimator, frames)

        monkeypatch.setattr(NullEstimator, "estimate", estimate)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch, graph: Graph) -> Iterator[Gate]:
    held = Gate(monkeypatch)
    yield held
    held.open.set()


def test_a_reset_discards_the_pose_that_is_being_estimated(graph: Graph, gate: Gate) -> None:
    pose = PoseGraph(graph, {"estimator.method": "null"})
    pose.wait_until_active()
    first = pose.send()
    graph.until(gate.begun.is_set, "the estimate is under way")
    assert pose.trigger("reset").success
    gate.open.set()
    last = pose.send()
    graph.until(lambda: last in pose.stamps_ns(), "the pose after the reset")
    assert first not in pose.stamps_ns()


def test_time_that_jumps_back_discards_what_came_before(
    graph: Graph, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rclpy.parameter import Parameter
    from rosgraph_msgs.msg import Clock

    from egorear_ros.bridge.stamps import time_from_ns

    pose = PoseGraph(graph, {"estimator.method": "null"})
    pose.node.set_parameters([Parameter("use_sim_time", value=True)])
    pose.wait_until_active()
    clock = graph.tester.create_publisher(Clock, "/clock", 10)

    def set_clock(now_s: int) -> None:
        def tick() -> bool:
            clock.publish(Clock(clock=time_from_ns(now_s * 10**9)))
            return pose.node.now_ns() == now_s * 10**9

        graph.until(tick, f"the clock shows {now_s} s")

    set_clock(1000)
    pose.send(999 * 10**9)
    graph.until(gate.begun.is_set, "the estimate is under way")
    resets = _count_calls(monkeypatch, pose.node, "reset")
    set_clock(500)
    graph.until(lambda: resets, "the reset")
    gate.open.set()
    pose.send(500 * 10**9)
    graph.until(lambda: pose.poses, "the pose after the jump")
    assert pose.stamps_ns() == [500 * 10**9]


def test_reloading_swaps_weights_while_poses_go_on(tiny: PoseGraph) -> None:
    checkpoint = Path(tiny.node.config.estimator.checkpoint)
    tiny.send()
    tiny.graph.until(lambda: tiny.poses, "a pose of the old weights")
    rig_data.tiny_checkpoint(checkpoint, seed=1)
    sending = threading.Event()

    def keep_sending() -> None:
        while not sending.wait(0.02):
            tiny.send()

    thread = threading.Thread(target=keep_sending)
    thread.start()
    try:
        response = tiny.trigger("reload_model")
    finally:
        sending.set()
        thread.join()
    assert response.success, response.message
    stamp_ns = tiny.send()
    tiny.graph.until(lambda: stamp_ns in tiny.stamps_ns(), "a pose of the new weights")
    old, new = tiny.poses[0], tiny.poses[-1]
    assert old.model_id != new.model_id
    assert old.model_id in response.message and new.model_id in response.message
    assert old.positions[5] != new.positions[5]


def test_reloading_keeps_the_old_weights_when_the_new_ones_are_bad(tiny: PoseGraph) -> None:
    tiny.send()
    tiny.graph.until(lambda: tiny.poses, "a pose")
    Path(tiny.node.config.estimator.checkpoint).write_bytes(b"nonsense")
    response = tiny.trigger("reload_model")
    assert not response.success
    assert response.message.startswith(f"kept {tiny.poses[0].model_id}: ")
    assert "tiny.safetensors" in response.message
    tiny.send()
    tiny.graph.until(lambda: len(tiny.poses) == 2, "a pose of the old weights")
    assert tiny.poses[1].model_id == tiny.poses[0].model_id


def test_reloading_before_the_node_is_configured_is_refused(graph: Graph) -> None:
    pose = PoseGraph(graph, {"autostart": False})
    response = pose.trigger("reload_model")
    assert not response.success
    assert "configure" in response.message


def test_untrained_weights_are_loud_in_message_and_diagnostics(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    from egorear_ros.msg import BodyPose

    from egorear_ros.models.size import ModelSize

    small = ModelSize(4, 64, 8, 16, attention_heads=2, attention_points=4, lifter_layers=1)
    monkeypatch.setattr("egorear_ros.models.build.ModelSize", lambda view_count: small)
    monkeypatch.setattr(ModelSize, "image_size", 64)
    pose = PoseGraph(graph, {"estimator.allow_untrained": True})
    pose.wait_until_active()
    pose.send()
    graph.until(lambda: pose.poses, "a pose")
    assert pose.poses[0].tracking_state == BodyPose.UNTRAINED
    graph.until(lambda: pose.health("estimates").get("trained") == "False", "diagnostics")
    assert pose.health("estimates")["level"] == "1"
    assert "random weights" in pose.health("estimates")["message"]


def test_an_engine_that_dies_is_replaced_while_the_graph_goes_on(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    from egorear_ros.estimators.egorear import EgoRearEstimator
    from egorear_ros.runtimes.base import Prediction
    from egorear_ros.runtimes.fallback import FallbackRuntime
    from egorear_ros.structures import Rig

    class Engine:
        def __init__(self, name: str, runs: int) -> None:
            self.description, self.left = name, runs

        def run(self, *_: Any, **__: Any) -> Prediction:
            if self.left == 0:
                raise RuntimeError("CUDA error: device lost")
            self.left -= 1
            return Prediction(np.full((1, 16, 3), 100.0, dtype=np.float32))

    def make(_: Any, __: Any, rig: Rig) -> EgoRearEstimator:
        engine = FallbackRuntime(Engine("gpu engine", 3), [("cpu", lambda: Engine("cpu engine", -1))])
        return EgoRearEstimator(engine, rig, 64, "test")

    monkeypatch.setattr("egorear_ros.nodes.pose.make_estimator", make)
    pose = PoseGraph(graph, {})
    pose.wait_until_active()  # which takes two of the three runs
    for count in range(1, 4):
        pose.send()
        graph.until(lambda count=count: len(pose.poses) == count, "a pose")
    graph.until(lambda: "device lost" in pose.health("estimates").get("message", ""), "diagnostics")
    health = pose.health("estimates")
    assert health["message"] == "gpu engine failed: CUDA error: device lost. cpu engine is used instead."
    assert (health["level"], health["sets failed"]) == ("1", "0")


def test_every_stage_has_percentiles_in_diagnostics(tiny: PoseGraph) -> None:
    tiny.send()
    tiny.graph.until(lambda: tiny.health("latency").get("publish p50 s"), "stage times")
    stages = (
        "transport",
        "capture to callback",
        "wait",
        "decode",
        "preprocess",
        "infer",
        "postprocess",
        "publish",
        "capture to publish",
    )
    values = tiny.health("latency")
    for stage in stages:
        p50, p95, most = (float(values[f"{stage} {percentile} s"]) for percentile in ("p50", "p95", "max"))
        assert 0.0 <= p50 <= p95 <= most < 30.0


def test_deactivating_and_cleaning_up_release_the_model_and_can_be_undone(tiny: PoseGraph) -> None:
    tiny.node.trigger_deactivate()
    tiny.node.trigger_cleanup()
    assert tiny.node._estimator is None
    tiny.node.trigger_configure()
    tiny.node.trigger_activate()
    tiny.wait_until_active()
    stamp_ns = tiny.send()
    tiny.graph.until(lambda: stamp_ns in tiny.stamps_ns(), "a pose")
