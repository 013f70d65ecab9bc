"""The parameter files in config/: every key is a parameter of the node it is written for, with a value it accepts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from egorear_ros.config import NODES, known_parameters, walk
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.paths import share_dir

CONFIG = share_dir() / "config"
FILES = sorted(CONFIG.glob("*.yaml"))
ROS_PARAMETERS = {"use_sim_time"}


def sections(path: Path) -> dict[str, dict[str, Any]]:
    """Return parameters by node pattern, nested groups joined with dots."""
    content = yaml.safe_load(path.read_text())
    assert all(set(section) == {"ros__parameters"} for section in content.values())
    return {pattern: dict(leaves(section["ros__parameters"])) for pattern, section in content.items()}


def leaves(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, value)."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def kind_of(pattern: str) -> str:
    """Return the kind of node that a pattern such as `/**/camera_front_left` means."""
    name = pattern.removeprefix("/**/")
    return "camera" if name.startswith("camera_") else name


def test_the_files_that_the_launch_files_need_are_there() -> None:
    assert {"rig", "demo", "replay"} <= {path.stem for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_key_is_a_parameter_with_an_accepted_value(path: Path) -> None:
    for pattern, given in sections(path).items():
        kinds = list(NODES) if pattern == "/**" else [kind_of(pattern)]
        known = {name: (value, rule) for kind in kinds for name, value, rule in walk(NODES[kind]())}
        for name, value in given.items():
            if name in ROS_PARAMETERS:
                continue
            assert name in known, f"{path.name}, {pattern}: {name} is not a parameter of {', '.join(kinds)}"
            default, rule = known[name]
            assert type(value) is type(default), f"{path.name}, {pattern}: {name} is {value!r}"
            rule.check(name, value)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_only_what_differs_is_written(path: Path) -> None:
    """A number equal to its default is noise; names and kinds may be repeated because people look for them."""
    for pattern, given in sections(path).items():
        if pattern == "/**":
            continue
        defaults = {name: value for name, value, _ in walk(NODES[kind_of(pattern)]())}
        for name, value in given.items():
            if isinstance(value, int | float) and name not in ("tolerance_ms", "max_wait_ms", "min_views"):
                assert value != defaults[name], f"{path.name}, {pattern}: {name} is the default"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_camera_sections_name_views_of_the_calibration(path: Path) -> None:
    given = sections(path)
    views = {pattern.removeprefix("/**/camera_") for pattern in given if kind_of(pattern) == "camera"}
    calib = "ego4view_syn" if path.stem.endswith("_example") else given["/**"]["calib"]
    assert views <= set(load_rig(calib).views)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_wildcard_comes_first(path: Path) -> None:
    """A later key wins, so that `/**` after a node's own section would undo it."""
    assert next(iter(sections(path))) == "/**"


def test_a_name_of_one_kind_of_node_is_known_to_all() -> None:
    assert {"source.kind", "tolerance_ms", "estimator.method", "overlay_width", "view"} <= known_parameters()
    assert "tolerance" not in known_parameters()
