"""What launch arguments accept."""

import pytest

from egorear_ros.bridge.launch_arguments import replay_rate
from egorear_ros.config import ConfigError


@pytest.mark.parametrize(("text", "expected"), [("1.0", 1.0), ("2", 2.0), ("0.01", 0.01)])
def test_speed_of_a_replay(text: str, expected: float) -> None:
    assert replay_rate(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [("fast", "rate:=fast; expected a number"), ("", "expected a number"), ("0", "at least 0.01"), ("nan", "finite")],
)
def test_a_bad_speed_is_named(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        replay_rate(text)
