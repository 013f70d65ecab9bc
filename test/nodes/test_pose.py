"""The pose node in a real graph, fed with frame sets as messages."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rig_data
from harness import Graph
from pose_graph import PoseGraph, prefixed

pytest.importorskip("rclpy")
pytestmark = pytest.mark.ros


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
