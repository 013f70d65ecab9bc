"""ROS parameters from configuration trees: declared, checked, and kept equal while the node runs."""

import difflib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from egorear_ros.config import ConfigError, Rule, known_parameters, walk

C = TypeVar("C")

ROS_PARAMETERS = ("use_sim_time", "start_type_description_service")
ROS_GROUPS = ("qos_overrides.",)

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def declare_params(
    node: Node,
    config: C,
    *,
    locked: Callable[[], bool] = lambda: True,
    accept: Callable[[Mapping[str, Any]], None] | None = None,
    changed: Callable[[frozenset[str]], None] | None = None,
) -> C:
    """Declare every leaf of a configuration tree as a parameter and return the tree with the values set.

    Args:
        node: where to declare; values from parameter files and `-p` win over those in `config`.
        config: a dataclass tree with defaults; its values are replaced in place.
        locked: whether parameters that are not dynamic are refused now, as while a node is configured.
        accept: called with new values by name before they are set; raises ConfigError to refuse them.
        changed: called with the names that were changed, after `config` has the new values.

    Raises:
        ConfigError: a value is of the wrong type or out of range, or a given name belongs to no node.
    """
    given: dict[str, Parameter] = dict(node._parameter_overrides)  # noqa: SLF001 -- has no public name
    leaves = list(walk(config))
    _refuse_unknown(node, given, {name for name, _, _ in leaves})
    for name, default, rule in leaves:
        value = _typed(name, given[name], default) if name in given else default
        rule.check(name, value)
        store(config, name, value)
        node.declare_parameter(name, value, _descriptor(default, rule), ignore_override=True)
    _Updates(node, config, locked, accept, changed)
    return config


def store(config: Any, name: str, value: Any) -> None:
    """Set the leaf of a configuration tree that has a dotted name."""
    *groups, leaf = name.split(".")
    for group in groups:
        config = getattr(config, group)
    setattr(config, leaf, value)


def _refuse_unknown(node: Node, given: dict[str, Parameter], own: set[str]) -> None:
    names = own | known_parameters()
    unknown = [
        name for name in given if name not in names and name not in ROS_PARAMETERS and not name.startswith(ROS_GROUPS)
    ]
    if not unknown:
        return
    problems = []
    for name in sorted(unknown):
        # Own names first: a slip on this node is likelier than a name meant for another.
        close = difflib.get_close_matches(name, sorted(own), 1) or difflib.get_close_matches(name, sorted(names), 1)
        problems.append(f"{name!r}" + (f" (did you mean {close[0]!r}?)" if close else ""))
    raise ConfigError(
        f"{node.get_fully_qualified_name()}: unknown parameter {', '.join(problems)}. "
        f"This node has: {', '.join(sorted(own))}."
    )


def _typed(name: str, parameter: Parameter, default: Any) -> Any:
    """Return a given value in the type of the default; whole numbers are fine where a number is expected."""
    value, kind = parameter.value, type(default)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        hint = " Put it in quotes." if kind is str and value is not None else ""
        raise ConfigError(f"{name} is {value!r}; expected {_KINDS[kind]}, for example {default!r}.{hint}")
    return value


def _descriptor(default: Any, rule: Rule) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(description=rule.description)
    limits = []
    if rule.choices:
        limits.append(f"One of: {', '.join(rule.choices)}.")
    if rule.minimum is not None and rule.maximum is not None:
        low, high = rule.minimum, rule.maximum
        if isinstance(default, float):
            descriptor.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high))]
        else:
            descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=1)]
    elif rule.minimum is not None:
        limits.append(f"At least {rule.minimum:g}.")
    elif rule.maximum is not None:
        limits.append(f"At most {rule.maximum:g}.")
    limits.append("Can change while running." if rule.dynamic else "Can change only while the node is unconfigured.")
    descriptor.additional_constraints = " ".join(limits)
    return descriptor


class _Updates:
    """Checks and applies changes of a node's parameters while it runs."""

    def __init__(
        self,
        node: Node,
        config: Any,
        locked: Callable[[], bool],
        accept: Callable[[Mapping[str, Any]], None] | None,
        changed: Callable[[frozenset[str]], None] | None,
    ) -> None:
        self._config = config
        self._rules = {name: rule for name, _, rule in walk(config)}
        self._locked = locked
        self._accept = accept
        self._changed = changed
        self._applies_after = hasattr(node, "add_post_set_parameters_callback")  # not on Humble
        node.add_on_set_parameters_callback(self._check)
        if self._applies_after:
            node.add_pre_set_parameters_callback(self._with_numbers)
            node.add_post_set_parameters_callback(self._apply)

    def _with_numbers(self, parameters: list[Parameter]) -> list[Parameter]:
        """Take `ros2 param set node tolerance_ms 8` for 8.0."""
        values = {name: value for name, value, _ in walk(self._config)}
        return [
            Parameter(one.name, Parameter.Type.DOUBLE, float(one.value))
            if one.type_ == Parameter.Type.INTEGER and isinstance(values.get(one.name), float)
            else one
            for one in parameters
        ]

    def _check(self, parameters: list[Parameter]) -> SetParametersResult:
        values = {one.name: one.value for one in parameters if one.name in self._rules}
        try:
            for name, value in values.items():
                if not self._rules[name].dynamic and self._locked():
                    raise ConfigError(f"{name} cannot change while the node runs: clean the node up, or restart it.")
                self._rules[name].check(name, value)
            if self._accept is not None:
                self._accept(values)
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        if not self._applies_after:
            self._apply(parameters)
        return SetParametersResult(successful=True)

    def _apply(self, parameters: list[Parameter]) -> None:
        names = frozenset(one.name for one in parameters if one.name in self._rules)
        for one in parameters:
            if one.name in names:
                store(self._config, one.name, one.value)
        if names and self._changed is not None:
            self._changed(names)
