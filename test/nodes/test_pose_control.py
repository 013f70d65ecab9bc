"""The pose node on its way to work and back: starts, stops, resets, and weights that are exchanged."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rig_data
from harness import Graph
from pose_graph import PoseGraph

pytest.importorskip("rclpy")
pytestmark = pytest.mark.ros


def _wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.005)


def _count_calls(monkeypatch: pytest.MonkeyPatch, target: Any, name: str) -> list[str]:
    """Return a list that grows when a method has been called."""
    calls: list[str] = []
    original = getattr(target, name)
    monkeypatch.setattr(target, name, lambda: (original(), calls.append(name))[0])
    return calls


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


def test_deactivating_and_cleaning_up_release_the_model_and_can_be_undone(tiny: PoseGraph) -> None:
    tiny.node.trigger_deactivate()
    tiny.node.trigger_cleanup()
    assert tiny.node._estimator is None
    tiny.node.trigger_configure()
    tiny.node.trigger_activate()
    tiny.wait_until_active()
    stamp_ns = tiny.send()
    tiny.graph.until(lambda: stamp_ns in tiny.stamps_ns(), "a pose")
