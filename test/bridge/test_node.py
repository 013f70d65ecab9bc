"""The base of all nodes: lifecycle, automatic start, diagnostics, time jumps, QoS."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.ros
pytest.importorskip("rclpy")
pytest.importorskip("egorear_ros.msg")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from lifecycle_msgs.msg import State, Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState, GetState  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from std_msgs.msg import String  # noqa: E402
from std_srvs.srv import SetBool, Trigger  # noqa: E402
from tf2_msgs.msg import TFMessage  # noqa: E402

from egorear_ros.bridge import node as node_module  # noqa: E402
from egorear_ros.bridge.diagnostics import Health, Level  # noqa: E402
from egorear_ros.bridge.node import EgorearNode  # noqa: E402
from egorear_ros.bridge.qos import camera_qos, latched_qos, results_qos  # noqa: E402
from egorear_ros.bridge.stamps import time_from_ns  # noqa: E402
from egorear_ros.config import ConfigError, NodeConfig  # noqa: E402


class Subject(EgorearNode[NodeConfig]):
    """Records what happens to it and fails where it is told to."""

    def __init__(self, **kwargs: Any) -> None:
        self.calls: list[str] = []
        self.fail_in: dict[str, Exception] = {}
        super().__init__("subject", NodeConfig(), **kwargs)

    def _do(self, what: str) -> None:
        self.calls.append(what)
        if what in self.fail_in:
            raise self.fail_in[what]

    def configure(self) -> None:
        self._do("configure")
        self.output = self.make_publisher(String, "output", camera_qos())
        self.make_subscription(String, "input", lambda message: None, results_qos())

    def activate(self) -> None:
        self._do("activate")

    def deactivate(self) -> None:
        self._do("deactivate")

    def cleanup(self) -> None:
        self._do("cleanup")

    def reset(self) -> None:
        self._do("reset")

    def health(self) -> Iterable[Health]:
        yield Health("work", Level.OK, "fine", {"rate_hz": 29.97001, "count": 3})


def make(graph: Any, autostart: bool = False, **values: Any) -> Subject:
    overrides = [Parameter(name, value=value) for name, value in {"autostart": autostart, **values}.items()]
    return graph.add(Subject(parameter_overrides=overrides, **graph.kwargs))


def change(graph: Any, transition: int) -> bool:
    request = ChangeState.Request(transition=Transition(id=transition))
    return bool(graph.call(ChangeState, f"{graph.namespace}/subject/change_state", request).success)


def state(graph: Any) -> int:
    return int(graph.call(GetState, f"{graph.namespace}/subject/get_state", GetState.Request()).current_state.id)


class Diagnostics:
    """The newest status of every part of one node."""

    def __init__(self, graph: Any, node: str = "subject") -> None:
        self._heard = graph.listen(DiagnosticArray, "/diagnostics", results_qos())
        self._prefix = f"{graph.namespace}/{node}: ".lstrip("/")

    def part(self, name: str) -> DiagnosticStatus | None:
        found = [one for message in list(self._heard) for one in message.status if one.name == self._prefix + name]
        return found[-1] if found else None


def test_starts_by_itself(graph: Any) -> None:
    node = make(graph, autostart=True)
    graph.until(lambda: node.active, "active")
    assert node.calls == ["configure", "activate"]
    assert state(graph) == State.PRIMARY_STATE_ACTIVE
    assert node.rig.views[0] == "front_left"


def test_a_lifecycle_manager_can_do_it_all(graph: Any) -> None:
    node = make(graph)
    for transition, reached in (
        (Transition.TRANSITION_CONFIGURE, State.PRIMARY_STATE_INACTIVE),
        (Transition.TRANSITION_ACTIVATE, State.PRIMARY_STATE_ACTIVE),
        (Transition.TRANSITION_DEACTIVATE, State.PRIMARY_STATE_INACTIVE),
        (Transition.TRANSITION_CLEANUP, State.PRIMARY_STATE_UNCONFIGURED),
        (Transition.TRANSITION_CONFIGURE, State.PRIMARY_STATE_INACTIVE),
        (Transition.TRANSITION_INACTIVE_SHUTDOWN, State.PRIMARY_STATE_FINALIZED),
    ):
        assert change(graph, transition)
        assert state(graph) == reached
    assert node.calls == ["configure", "activate", "deactivate", "cleanup", "configure", "cleanup"]


def test_topics_live_from_configure_to_cleanup(graph: Any) -> None:
    make(graph)
    topic = f"{graph.namespace}/output"
    assert graph.tester.count_publishers(topic) == 0
    change(graph, Transition.TRANSITION_CONFIGURE)
    graph.until(lambda: graph.tester.count_publishers(topic) == 1, "publisher")
    change(graph, Transition.TRANSITION_CLEANUP)
    graph.until(lambda: graph.tester.count_publishers(topic) == 0, "no publisher")


def test_missing_calibration_is_named_and_a_repaired_one_is_taken_up(
    graph: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(node_module, "AUTOSTART_RETRY_S", (0.2, 0.4))
    from egorear_ros.geometry.rig_file import find_rig_file

    path = tmp_path / "my_rig.yaml"
    diagnostics = Diagnostics(graph)
    node = make(graph, autostart=True, calib=str(path))
    part = graph.until(lambda: (one := diagnostics.part("state")) and one.level == b"\x02" and one, "an error")
    assert "my_rig.yaml" in part.message and "cannot configure" in part.message
    assert state(graph) == State.PRIMARY_STATE_UNCONFIGURED
    assert node.calls.count("activate") == 0

    path.write_text("views: [")
    graph.until(lambda: (one := diagnostics.part("state")) and "YAML" in one.message, "the new reason")

    path.write_text(find_rig_file("ego4view_syn").read_text())
    graph.until(lambda: node.active, "active")
    graph.until(lambda: (one := diagnostics.part("state")) and one.level == b"\x00", "no error")


def test_a_failed_activation_leaves_it_inactive_and_undone(graph: Any) -> None:
    node = make(graph)
    node.fail_in["activate"] = OSError("no device /dev/video9")
    assert change(graph, Transition.TRANSITION_CONFIGURE)
    assert not change(graph, Transition.TRANSITION_ACTIVATE)
    assert state(graph) == State.PRIMARY_STATE_INACTIVE
    assert node.calls == ["configure", "activate", "deactivate"]
    node.fail_in.clear()
    assert change(graph, Transition.TRANSITION_ACTIVATE)
    assert state(graph) == State.PRIMARY_STATE_ACTIVE


def test_a_failed_configuration_releases_everything(graph: Any) -> None:
    node = make(graph)
    node.fail_in["configure"] = ValueError("wrong weights")
    assert not change(graph, Transition.TRANSITION_CONFIGURE)
    assert node.calls == ["configure", "cleanup"]
    assert state(graph) == State.PRIMARY_STATE_UNCONFIGURED


def test_automatic_start_stops_when_somebody_else_takes_over(graph: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(node_module, "AUTOSTART_RETRY_S", (0.1, 0.1))
    node = make(graph, autostart=True)
    node.fail_in["activate"] = OSError("busy")
    graph.until(lambda: node.calls.count("activate") >= 3, "retries")
    assert change(graph, Transition.TRANSITION_CLEANUP)
    node.fail_in.clear()
    before = len(node.calls)
    graph.call(Trigger, f"{graph.namespace}/subject/reset", Trigger.Request())
    import time

    time.sleep(0.5)
    assert node.calls[before:] == ["reset"]
    assert state(graph) == State.PRIMARY_STATE_UNCONFIGURED


def test_an_unknown_parameter_stops_the_node_and_leaves_nothing_behind(graph: Any) -> None:
    with pytest.raises(ConfigError, match="did you mean 'frame_prefix'"):
        make(graph, frame_prefx="a/")
    graph.until(lambda: "subject" not in graph.tester.get_node_names(), "the node is gone")


def test_diagnostics_have_state_and_work(graph: Any) -> None:
    diagnostics = Diagnostics(graph)
    make(graph, autostart=True)
    part = graph.until(lambda: diagnostics.part("work"), "diagnostics")
    assert {one.key: one.value for one in part.values} == {"rate_hz": "29.97", "count": "3"}
    assert part.hardware_id == "ego4view_syn"
    assert diagnostics.part("state").message == "active"


def test_enable_and_reset(graph: Any) -> None:
    diagnostics = Diagnostics(graph)
    node = make(graph, autostart=True)
    graph.until(lambda: node.running, "running")
    assert graph.call(SetBool, f"{graph.namespace}/subject/enable", SetBool.Request(data=False)).success
    assert not node.running and node.active
    graph.until(lambda: (one := diagnostics.part("state")) and "disabled" in one.message, "a warning")
    graph.call(SetBool, f"{graph.namespace}/subject/enable", SetBool.Request(data=True))
    assert node.running
    graph.call(Trigger, f"{graph.namespace}/subject/reset", Trigger.Request())
    assert node.calls[-1] == "reset"


def test_backward_time_jump_resets_and_forward_ones_do_not(graph: Any) -> None:
    node = make(graph, autostart=True, use_sim_time=True)
    clock = graph.tester.create_publisher(Clock, "/clock", results_qos())
    graph.until(lambda: node.active, "active without a clock")

    def at(seconds: int) -> None:
        def sent() -> bool:
            clock.publish(Clock(clock=time_from_ns(seconds * 10**9)))
            return bool(node.now_ns() == seconds * 10**9)

        graph.until(sent, f"time is {seconds}")

    at(100)
    at(200)
    before = node.calls.count("reset")
    at(300)
    assert node.calls.count("reset") == before
    at(100)
    graph.until(lambda: node.calls.count("reset") > before, "a reset")  # follows when time is new already
    assert node.calls.count("reset") == before + 1


def test_static_frames_come_in_one_latched_message_with_the_prefix(graph: Any) -> None:
    prefix = graph.namespace.strip("/") + "/"
    node = make(graph, autostart=True, publish_static_tf=True, frame_prefix=prefix)
    graph.until(lambda: node.active, "active")
    heard = graph.listen(TFMessage, "/tf_static", latched_qos())  # a late listener
    message = graph.until(
        lambda: next((one for one in list(heard) if one.transforms[0].header.frame_id.startswith(prefix)), None),
        "frames",
    )
    assert [one.child_frame_id for one in message.transforms] == [
        f"{prefix}{name}" for name in ("device", *(f"{view}_optical" for view in node.rig.views))
    ]


def test_incompatible_qos_is_named_with_both_ends_and_forgotten_when_it_is_over(graph: Any) -> None:
    diagnostics = Diagnostics(graph)
    node = make(graph, autostart=True)
    graph.until(lambda: node.active, "active")
    wrong_publisher = graph.tester.create_publisher(String, "input", camera_qos())  # we ask for reliable
    graph.tester.create_subscription(String, "output", lambda message: None, results_qos())  # we offer best effort

    def both() -> bool:
        texts = node.qos_problems()
        return len(texts) == 2 and all(f"{graph.namespace}/tester" in text for text in texts)

    graph.until(both, "two problems")
    assert any(text.startswith(f"{graph.namespace}/input:") for text in node.qos_problems())
    part = graph.until(lambda: diagnostics.part("qos"), "diagnostics")
    assert part.level == b"\x02" and "qos_overrides." in part.message
    graph.tester.destroy_publisher(wrong_publisher)
    graph.until(lambda: len(node.qos_problems()) == 1, "one problem less")


def test_parameter_files_override_qos(graph: Any) -> None:
    name = f"qos_overrides.{graph.namespace}/output.publisher.reliability"
    node = make(graph, autostart=True, **{name: "reliable"})
    graph.until(lambda: node.active, "active")
    info = graph.until(lambda: graph.tester.get_publishers_info_by_topic(f"{graph.namespace}/output"), "publisher")[0]
    assert info.qos_profile.reliability.name == "RELIABLE"
