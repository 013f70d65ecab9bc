"""The Foxglove layout shows what the graph publishes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.names import (
    CAMERA_MARKERS_TOPIC,
    DIAGNOSTICS_TOPIC,
    MARKERS_TOPIC,
    POSE_TOPIC,
    RIG_FRAME,
    SYNC_STATUS_TOPIC,
    overlay_topic,
    rig_topics,
)

REPOSITORY = Path(__file__).parents[1]
LAYOUT = json.loads((REPOSITORY / "foxglove" / "egorear.json").read_text())
PANELS: dict[str, dict[str, Any]] = LAYOUT["configById"]
VIEWS = load_rig("ego4view_syn").views
PUBLISHED = {f"/{topic.lstrip('/')}" for topic in rig_topics(VIEWS)}
KNOWN_PANELS = {"3D", "Image", "Plot", "DiagnosticSummary"}
MESSAGES = {f"/{POSE_TOPIC}": "BodyPose", f"/{SYNC_STATUS_TOPIC}": "SyncStatus"}


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    """Return the settings of the panels of a kind, by name."""
    return {name.split("!")[1]: panel for name, panel in PANELS.items() if name.split("!")[0] == kind}


def leaves(node: Any) -> Iterator[str]:
    """Yield the panels of the tree of splits."""
    if isinstance(node, str):
        yield node
    else:
        assert node["direction"] in ("row", "column")
        assert 0 < node["splitPercentage"] < 100
        yield from leaves(node["first"])
        yield from leaves(node["second"])


def fields(message: str) -> set[str]:
    """Return the names of a message's fields that are single numbers."""
    text = (REPOSITORY / "msg" / f"{message}.msg").read_text()
    return set(re.findall(r"^(?:u?int\d+|float\d+) (\w+)\s*(?:#.*)?$", text, re.MULTILINE))


def test_layout_has_the_parts_that_foxglove_reads() -> None:
    assert set(LAYOUT) == {"configById", "globalVariables", "userNodes", "playbackConfig", "layout"}
    assert {name.split("!")[0] for name in PANELS} == KNOWN_PANELS


def test_every_panel_has_its_place_once() -> None:
    assert sorted(leaves(LAYOUT["layout"])) == sorted(PANELS)


def test_images_are_the_overlays_of_the_rig() -> None:
    topics = {view: panel["imageMode"]["imageTopic"] for view, panel in of_kind("Image").items()}
    assert topics == {view: f"/{overlay_topic(view)}" for view in VIEWS}
    assert set(topics.values()) <= PUBLISHED


def test_skeleton_is_shown_in_the_rig_frame() -> None:
    (panel,) = of_kind("3D").values()
    assert panel["followTf"] == RIG_FRAME
    assert set(panel["topics"]) == {f"/{MARKERS_TOPIC}", f"/{CAMERA_MARKERS_TOPIC}"} <= PUBLISHED
    assert all(topic["visible"] for topic in panel["topics"].values())


def test_diagnostics_are_those_of_the_nodes() -> None:
    (panel,) = of_kind("DiagnosticSummary").values()
    assert panel["topicToRender"] == DIAGNOSTICS_TOPIC
    assert DIAGNOSTICS_TOPIC in PUBLISHED


@pytest.mark.parametrize("name", sorted(of_kind("Plot")))
def test_curves_are_numbers_of_published_messages(name: str) -> None:
    paths = [path["value"] for path in of_kind("Plot")[name]["paths"]]
    assert paths
    for path in paths:
        topic, field = path.split(".")
        assert topic in PUBLISHED
        assert field in fields(MESSAGES[topic]), path
