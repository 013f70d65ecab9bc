"""Limits of configuration values."""

import math

import pytest

from egorear_ros.config import NODES, ConfigError, Rule, walk


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_are_finite(value: float) -> None:
    with pytest.raises(ConfigError, match="tolerance_ms is .*expected a finite number"):
        Rule("How far.").check("tolerance_ms", value)


def test_limits_and_choices_say_what_was_expected() -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        Rule("", minimum=1.0).check("x", 0)
    with pytest.raises(ConfigError, match="at most 1"):
        Rule("", maximum=1.0).check("x", 2)
    with pytest.raises(ConfigError, match="one of: a, b"):
        Rule("", choices=("a", "b")).check("x", "c")


@pytest.mark.parametrize("kind", NODES)
def test_every_parameter_is_described_and_every_number_has_both_limits(kind: str) -> None:
    for name, value, rule in walk(NODES[kind]()):
        rule.check(name, value)
        assert rule.description.endswith((".", ")")), name
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            assert rule.minimum is not None and rule.maximum is not None, name


def test_a_silent_camera_is_named_within_five_seconds() -> None:
    """The node looks once a second."""
    defaults = {name: value for name, value, _ in walk(NODES["sync"]())}
    assert defaults["stall_timeout_s"] + 1.0 <= 5.0
