"""The trace of a process on request: by the service, by the parameter, through a whole graph."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rig_data
from harness import Graph
from test_tracing import read_trace

from egorear_ros.tracing import TRACE

pytest.importorskip("rclpy")
pytestmark = pytest.mark.ros


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The recorder is the process': the next test finds it as this one did."""
    TRACE.stop()
    yield
    TRACE.stop()


def _call(graph: Graph, service: str, value: bool) -> Any:
    from std_srvs.srv import SetBool

    return graph.call(SetBool, service, SetBool.Request(data=value))


def _null_pose(graph: Graph, **parameters: Any) -> Any:
    from rclpy.parameter import Parameter

    from egorear_ros.nodes.pose import PoseNode

    values = {"estimator.method": "null", **parameters}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    node = graph.add(PoseNode(parameter_overrides=overrides, **graph.kwargs))
    graph.until(lambda: node.active, "an active node")
    return node


@pytest.fixture
def send(graph: Graph) -> Callable[[], None]:
    """Send a frame set."""
    from egorear_ros.msg import FrameSet

    from egorear_ros.bridge.messages import msg_from_frame_set
    from egorear_ros.bridge.qos import results_qos

    publisher = graph.tester.create_publisher(FrameSet, "frame_set", results_qos())

    def call() -> None:
        graph.until(publisher.get_subscription_count, "a subscriber")
        stamp_ns = graph.tester.get_clock().now().nanoseconds
        publisher.publish(msg_from_frame_set(rig_data.frame_set(stamp_ns), ""))

    return call


def test_the_service_starts_and_writes(
    graph: Graph, send: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    node = _null_pose(graph)
    refused = _call(graph, "pose/trace", False)
    assert not refused.success
    assert "call with true first" in refused.message

    assert _call(graph, "pose/trace", True).success
    send()
    graph.until(lambda: node._tally.published, "a pose")
    answer = _call(graph, "pose/trace", False)
    assert answer.success, answer.message
    path = tmp_path / "egorear_trace_pose.json"
    assert str(path) in answer.message
    events = {event["name"]: event for event in read_trace(path)}
    assert {"transport", "wait", "publish"} <= set(events)
    assert len({event["args"]["stamp_s"] for event in events.values()}) == 1, "all of the one set"
    assert events["transport"]["ts"] < events["wait"]["ts"] < events["publish"]["ts"]


def test_a_place_that_cannot_be_written_is_an_answer_and_the_node_goes_on(
    graph: Graph, send: Callable[[], None], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    node = _null_pose(graph, trace_file=str(tmp_path / "file" / "trace.json"))
    answer = _call(graph, "pose/trace", False)
    assert not answer.success
    assert "could not be written" in answer.message
    assert "Set trace_file" in answer.message
    send()
    graph.until(lambda: node._tally.published, "a pose")


def test_the_parameter_records_from_start_to_end(graph: Graph, send: Callable[[], None], tmp_path: Path) -> None:
    node = _null_pose(graph, trace_file=str(tmp_path / "{node}.json"))
    send()
    graph.until(lambda: node._tally.published, "a pose")
    assert not list(tmp_path.iterdir()), "nothing is written while it works"
    graph.remove(node)
    assert "publish" in {event["name"] for event in read_trace(tmp_path / "pose.json")}


def test_every_stage_of_a_graph_is_in_its_trace(graph: Graph, tmp_path: Path) -> None:
    from rclpy.parameter import Parameter

    from egorear_ros.bridge.handover import Handover
    from egorear_ros.nodes.camera import CameraNode
    from egorear_ros.nodes.pose import PoseNode
    from egorear_ros.nodes.sync import SyncNode

    for view in rig_data.VIEWS:
        (tmp_path / "frames" / view).mkdir(parents=True)
        (tmp_path / "frames" / view / "0.jpg").write_bytes(rig_data.jpeg())
    checkpoint = rig_data.tiny_checkpoint(tmp_path / "tiny.safetensors")
    handover = Handover()

    def make(maker: Any, *args: Any, **values: Any) -> Any:
        values["trace_file"] = str(tmp_path / "trace.json")
        overrides = [Parameter(name.replace("__", "."), value=value) for name, value in values.items()]
        return graph.add(maker(*args, handover=handover, parameter_overrides=overrides, **graph.kwargs))

    source = {"source__kind": "images", "source__path": str(tmp_path / "frames"), "source__rate_hz": 10.0}
    cameras = [make(CameraNode, view, **source) for view in rig_data.VIEWS]
    sync = make(SyncNode, publish_static_tf=False)
    pose = make(PoseNode, estimator__checkpoint=str(checkpoint), runtime__device="cpu", publish_tf=False)
    graph.until(lambda: pose._tally.published >= 2, "poses")
    for node in (*cameras, sync):
        graph.remove(node)
    assert not (tmp_path / "trace.json").exists(), "the last node of the process writes it"
    graph.remove(pose)
    events = read_trace(tmp_path / "trace.json")
    stages = {"capture", "publish frame", "sync", "wait", "decode", "preprocess", "infer", "publish"}
    assert stages <= {event["name"] for event in events}
    stamp_s = next(event["args"]["stamp_s"] for event in events if event["name"] == "publish")
    one = [event for event in events if event["args"]["stamp_s"] == stamp_s]
    views = {event["args"]["view"] for event in one if event["name"] == "decode"}
    assert views == set(rig_data.VIEWS)
    ends = {event["name"]: event["ts"] + event["dur"] for event in one}
    assert ends["sync"] <= ends["wait"] <= ends["decode"] <= ends["infer"] <= ends["publish"]
