"""Parameters: declared from the configuration, typed, limited, named in errors."""

from dataclasses import dataclass, field
from typing import Any

import pytest

pytestmark = pytest.mark.ros
pytest.importorskip("rclpy")
pytest.importorskip("egorear_ros.msg")

from rcl_interfaces.srv import SetParameters  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402

from egorear_ros.bridge.params import declare_params  # noqa: E402
from egorear_ros.config import NODES, ConfigError, setting, walk  # noqa: E402


@dataclass
class Inner:
    kind: str = setting("a", "Kind.", choices=("a", "b"))
    size: int = setting(4, "Size.", minimum=1, maximum=8)


@dataclass
class Outer:
    rate_hz: float = setting(10.0, "Rate.", minimum=0.5, maximum=100.0, dynamic=True)
    timeout_s: float = setting(1.0, "Timeout.", minimum=0.1)
    on: bool = setting(True, "On.")
    inner: Inner = field(default_factory=Inner)


def make(graph: Any, **values: Any) -> Node:
    overrides = [Parameter(name.replace("__", "."), value=value) for name, value in values.items()]
    return graph.add(Node("subject", parameter_overrides=overrides, **graph.kwargs))


def test_defaults_and_overrides_reach_the_tree(graph: Any) -> None:
    config = declare_params(make(graph, inner__kind="b", on=False), Outer())
    assert (config.rate_hz, config.on, config.inner.kind, config.inner.size) == (10.0, False, "b", 4)


def test_whole_number_is_taken_for_a_number(graph: Any) -> None:
    node = make(graph, rate_hz=30)
    config = declare_params(node, Outer())
    assert config.rate_hz == 30.0 and isinstance(config.rate_hz, float)
    assert node.get_parameter("rate_hz").value == 30.0


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"rate_hz": "fast"}, ["rate_hz", "'fast'", "a number"]),
        ({"inner__size": 3.5}, ["inner.size", "3.5", "whole number"]),
        ({"inner__size": 9}, ["inner.size", "9", "at most 8"]),
        ({"timeout_s": 0.0}, ["timeout_s", "at least 0.1"]),
        ({"inner__kind": "c"}, ["inner.kind", "'c'", "a, b"]),
        ({"inner__kind": 5}, ["inner.kind", "5", "quotes"]),
        ({"on": 1}, ["on", "true or false"]),
        ({"rate_hs": 3.0}, ["rate_hs", "did you mean 'rate_hz'", "/subject"]),
        ({"inner__sizes": 3}, ["inner.sizes", "did you mean 'inner.size'"]),
    ],
)
def test_bad_values_are_refused_with_the_reason(graph: Any, values: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        declare_params(make(graph, **values), Outer())
    for word in words:
        assert word in str(caught.value)


def test_names_of_other_nodes_and_of_ros_are_no_mistakes(graph: Any) -> None:
    values = {"tolerance_ms": 3.0, "use_sim_time": False, "qos_overrides__/x__publisher__depth": 3}
    declare_params(make(graph, **values), Outer())


def test_every_parameter_is_described_and_says_when_it_can_change(graph: Any) -> None:
    node = make(graph)
    declare_params(node, Outer())
    for name, _, rule in walk(Outer()):
        descriptor = node.describe_parameter(name)
        assert descriptor.description == rule.description
        assert ("while running" in descriptor.additional_constraints) == rule.dynamic
    bounds = node.describe_parameter("rate_hz").floating_point_range[0]
    assert (bounds.from_value, bounds.to_value) == (0.5, 100.0)
    assert node.describe_parameter("inner.size").integer_range[0].to_value == 8
    assert "At least 0.1" in node.describe_parameter("timeout_s").additional_constraints
    assert "a, b" in node.describe_parameter("inner.kind").additional_constraints


def set_parameter(graph: Any, name: str, value: Any) -> Any:
    request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
    return graph.call(SetParameters, f"{graph.namespace}/subject/set_parameters", request).results[0]


def test_changes_while_running(graph: Any) -> None:
    node, told, locked = make(graph), [], [True]
    config = declare_params(node, Outer(), locked=lambda: locked[0], changed=told.append)

    assert set_parameter(graph, "rate_hz", 20.0).successful
    assert config.rate_hz == 20.0 and told == [frozenset({"rate_hz"})]
    assert set_parameter(graph, "rate_hz", 25).successful or not hasattr(node, "add_pre_set_parameters_callback")

    too_much = set_parameter(graph, "rate_hz", 1000.0)
    assert not too_much.successful and "100" in too_much.reason
    assert config.rate_hz == 25.0

    fixed = set_parameter(graph, "inner.kind", "b")
    assert not fixed.successful and "inner.kind" in fixed.reason and "restart" in fixed.reason
    assert config.inner.kind == "a"

    locked[0] = False
    assert set_parameter(graph, "inner.kind", "b").successful
    assert config.inner.kind == "b"


def test_values_that_do_not_fit_together_are_refused(graph: Any) -> None:
    def refuse(values: Any) -> None:
        if values.get("rate_hz", 0.0) > 50.0:
            raise ConfigError("rate_hz is too much for this device.")

    config = declare_params(make(graph), Outer(), accept=refuse)
    answer = set_parameter(graph, "rate_hz", 60.0)
    assert not answer.successful and "this device" in answer.reason
    assert config.rate_hz == 10.0


@pytest.mark.parametrize("kind", sorted(NODES))
def test_every_configuration_of_the_package_can_be_declared(graph: Any, kind: str) -> None:
    config = declare_params(make(graph), NODES[kind]())
    assert list(walk(config)) == list(walk(NODES[kind]()))
