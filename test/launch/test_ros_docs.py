"""docs/ros.md tells of every parameter, launch argument and message field, and its tables are up to date."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from egorear_ros.bridge.launch_arguments import ARGUMENTS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "ros.md"


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    """Return scripts/write_ros_docs.py."""
    spec = importlib.util.spec_from_file_location("write_ros_docs", ROOT / "scripts" / "write_ros_docs.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_up_to_date(writer: ModuleType) -> None:
    current = DOCUMENT.read_text()
    assert writer.updated(current) == current, "run scripts/write_ros_docs.py"


def test_a_change_of_the_tables_is_noticed(writer: ModuleType) -> None:
    current = DOCUMENT.read_text()
    assert writer.updated(current.replace("| `calib` |", "| `callib` |")) == current


def test_a_lost_marker_is_an_error(writer: ModuleType) -> None:
    with pytest.raises(ValueError, match="markers"):
        writer.updated(DOCUMENT.read_text().replace("<!-- end of launch -->", ""))


@pytest.mark.parametrize("launch_file", ARGUMENTS)
def test_every_launch_file_exists_and_is_described(launch_file: str) -> None:
    assert (ROOT / "launch" / f"{launch_file}.launch.py").is_file()
    assert f"`{launch_file}.launch.py`" in DOCUMENT.read_text()


@pytest.mark.parametrize("launch_file", ARGUMENTS)
def test_defaults_are_among_the_choices(launch_file: str) -> None:
    for argument in ARGUMENTS[launch_file]:
        assert argument.description
        assert not argument.choices or argument.default in argument.choices


def test_every_field_of_a_body_pose_is_described() -> None:
    lines = (ROOT / "msg" / "BodyPose.msg").read_text().splitlines()
    names = [match[1] for line in lines if (match := re.match(r"^\w[\w/\[\]]* (\w+)$", line.strip()))]
    assert "positions" in names
    assert [name for name in names if f"`{name}`" not in DOCUMENT.read_text()] == []
