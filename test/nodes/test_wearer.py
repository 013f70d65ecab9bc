"""The wearer node: ground truth on the cameras' stamps."""

import json
from pathlib import Path
from typing import Any

import pytest
from harness import Graph

pytest.importorskip("rclpy")
pytestmark = pytest.mark.ros

PERIOD_NS = 100_000_000


def make(graph: Graph, **values: Any) -> Any:
    from rclpy.parameter import Parameter

    from egorear_ros.nodes.wearer import WearerNode

    given = {"source.rate_hz": 10.0, **{name.replace("__", "."): value for name, value in values.items()}}
    overrides = [Parameter(name, value=value) for name, value in given.items()]
    return graph.add(WearerNode(parameter_overrides=overrides, **graph.kwargs))


def listen(graph: Graph) -> list[Any]:
    from egorear_ros.msg import BodyPose

    from egorear_ros.bridge.qos import results_qos

    return graph.listen(BodyPose, "ground_truth/body_pose", results_qos())


def test_the_synthetic_wearers_joints_come_on_common_ticks(graph: Graph) -> None:
    pytest.importorskip("embreex")
    from egorear_ros.bridge.messages import body_pose_from_msg
    from egorear_ros.sources.wearer import shared_wearer

    heard = listen(graph)
    node = make(graph, source__seed=4, frame_prefix="p/")
    graph.until(lambda: len(heard) >= 3, "poses", 180)
    for message in list(heard):
        pose = body_pose_from_msg(message)
        assert pose.stamp_ns % PERIOD_NS == 0 and pose.model_id == "ground_truth"
        assert message.header.frame_id == "p/rig_link"
        expected = shared_wearer(node.rig, node.config.source).pose_at(pose.stamp_ns / 1e9).joints_device
        assert pose.joints_device == pytest.approx(expected, abs=1e-5)
    # Nothing comes before its time, or later than it is heard.
    now_ns = node.now_ns()
    for message in heard[:3]:
        assert -1e-3 <= message.latency_s <= (now_ns - body_pose_from_msg(message).stamp_ns) * 1e-9


def sequence(folder: Path, damaged: int = -1) -> Path:
    from egorear_ros.skeleton import EGO4VIEW

    (folder / "fisheye_rgb").mkdir()
    (folder / "json_smplx").mkdir()
    for index in range(4):
        joints = {
            name: {"device_pts3d": [100.0 * index, 0.0, 10.0 * joint]}
            for joint, name in enumerate(EGO4VIEW.dataset_names)
        }
        text = "{" if index == damaged else json.dumps({"joints": joints})
        (folder / "json_smplx" / f"{index}.json").write_text(text)
    return folder


def test_a_sequence_that_is_played_once_ends_and_begins_again_when_time_jumps_back(
    graph: Graph, tmp_path: Path
) -> None:
    from rosgraph_msgs.msg import Clock

    from egorear_ros.bridge.qos import results_qos
    from egorear_ros.bridge.stamps import time_from_ns

    heard = listen(graph)
    clock = graph.tester.create_publisher(Clock, "/clock", results_qos())
    path = str(sequence(tmp_path))
    node = make(graph, source__kind="sequence", source__path=path, source__loop=False, use_sim_time=True)
    graph.until(lambda: node.active, "active")
    now_ns = 100 * 10**9

    def advance(until: Any) -> bool:
        nonlocal now_ns
        now_ns += PERIOD_NS // 5
        clock.publish(Clock(clock=time_from_ns(now_ns)))
        return bool(until())

    graph.until(lambda: advance(lambda: next(iter(node.health())).message == "finished"), "the end")
    now_ns = 50 * 10**9
    graph.until(lambda: advance(lambda: heard and heard[-1].header.stamp.sec < 60), "the sequence again")
    graph.until(lambda: advance(lambda: next(iter(node.health())).message == "finished"), "the end again")
    for second in (100, 50):
        shown = [round(-one.positions[0].y) for one in heard if second <= one.header.stamp.sec < second + 40]
        # A busy machine may skip moments, and shows none twice.
        assert shown[0] == 0 and shown == sorted(set(shown)) and set(shown) <= {0, 1, 2, 3}


def test_a_damaged_annotation_costs_its_own_moment_only(graph: Graph, tmp_path: Path) -> None:
    heard = listen(graph)
    node = make(graph, source__kind="sequence", source__path=str(sequence(tmp_path, damaged=2)))

    def shown() -> set[int]:
        return {round(-message.positions[0].y) for message in list(heard)}

    # A busy machine skips moments, so it may take several rounds until each of them had its turn.
    graph.until(lambda: shown() >= {0, 1, 3} and node.warn.total >= 1, "every moment, and a warning")
    assert shown() == {0, 1, 3}


def test_a_source_without_truth_is_refused(graph: Graph) -> None:
    from lifecycle_msgs.msg import Transition
    from lifecycle_msgs.srv import ChangeState

    node = make(graph, source__kind="video", autostart=False)
    request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_CONFIGURE))
    assert not graph.call(ChangeState, "wearer/change_state", request).success
    assert not node.active
