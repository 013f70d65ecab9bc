"""The Foxglove layouts show what the graph publishes, and what a recording of it holds."""

import json
import re
from collections.abc import Callable, Iterator
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
    image_topic,
    overlay_topic,
    rig_topics,
)

REPOSITORY = Path(__file__).parents[1]
Panels = dict[str, dict[str, Any]]
LAYOUTS = {path.stem: json.loads(path.read_text()) for path in sorted((REPOSITORY / "foxglove").glob("*.json"))}
VIEWS = load_rig("ego4view_syn").views
PUBLISHED = {f"/{topic.lstrip('/')}" for topic in rig_topics(VIEWS)}
KNOWN_PANELS = {"3D", "Image", "Plot", "DiagnosticSummary"}
MESSAGES = {f"/{POSE_TOPIC}": "BodyPose", f"/{SYNC_STATUS_TOPIC}": "SyncStatus"}


@pytest.fixture(params=sorted(LAYOUTS))
def layout(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each of the layouts."""
    return LAYOUTS[request.param]


def of_kind(layout: dict[str, Any], kind: str) -> Panels:
    """Return the settings of the panels of a kind, by name."""
    panels: Panels = layout["configById"]
    return {name.split("!")[1]: panel for name, panel in panels.items() if name.split("!")[0] == kind}


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


def test_there_is_one_for_graphs_and_one_for_recordings() -> None:
    assert set(LAYOUTS) == {"egorear", "recording"}


def test_layout_has_the_parts_that_foxglove_reads(layout: dict[str, Any]) -> None:
    assert set(layout) == {"configById", "globalVariables", "userNodes", "playbackConfig", "layout"}
    assert {name.split("!")[0] for name in layout["configById"]} == KNOWN_PANELS


def test_every_panel_has_its_place_once(layout: dict[str, Any]) -> None:
    assert sorted(leaves(layout["layout"])) == sorted(layout["configById"])


def test_titles_are_read_by_foxglove_and_by_lichtblick(layout: dict[str, Any]) -> None:
    for panel in layout["configById"].values():
        assert panel["foxglovePanelTitle"] == panel["lichtblickPanelTitle"] != ""


@pytest.mark.parametrize(("name", "topic"), [("egorear", overlay_topic), ("recording", image_topic)])
def test_images_are_those_of_the_rig(name: str, topic: Callable[[str], str]) -> None:
    topics = {view: panel["imageMode"]["imageTopic"] for view, panel in of_kind(LAYOUTS[name], "Image").items()}
    assert topics == {view: f"/{topic(view)}" for view in VIEWS}
    assert set(topics.values()) <= PUBLISHED


def test_skeleton_is_shown_in_the_rig_frame() -> None:
    (panel,) = of_kind(LAYOUTS["egorear"], "3D").values()
    assert panel["followTf"] == RIG_FRAME
    assert set(panel["topics"]) == {f"/{MARKERS_TOPIC}", f"/{CAMERA_MARKERS_TOPIC}"} <= PUBLISHED
    assert all(topic["visible"] for topic in panel["topics"].values())


def test_frames_have_no_lines_that_cross_the_skeleton(layout: dict[str, Any]) -> None:
    """All joint frames hang on the rig's: their lines would be a fan in front of the bones."""
    (panel,) = of_kind(layout, "3D").values()
    assert panel["scene"]["transforms"]["lineWidth"] == 0


def test_a_recording_has_no_markers_to_show() -> None:
    (panel,) = of_kind(LAYOUTS["recording"], "3D").values()
    assert panel["followTf"] == RIG_FRAME and panel["topics"] == {}


def test_diagnostics_are_those_of_the_nodes(layout: dict[str, Any]) -> None:
    (panel,) = of_kind(layout, "DiagnosticSummary").values()
    assert panel["topicToRender"] == DIAGNOSTICS_TOPIC
    assert DIAGNOSTICS_TOPIC in PUBLISHED


def test_curves_are_numbers_of_published_messages(layout: dict[str, Any]) -> None:
    paths = [path["value"] for panel in of_kind(layout, "Plot").values() for path in panel["paths"]]
    assert len(paths) == 6
    for path in paths:
        topic, field = path.split(".")
        assert topic in PUBLISHED
        assert field in fields(MESSAGES[topic]), path
