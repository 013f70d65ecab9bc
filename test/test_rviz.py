"""The RViz configuration shows what the nodes publish, with QoS that fits."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.names import CAMERA_MARKERS_TOPIC, MARKERS_TOPIC, overlay_topic, rig_topics

CONFIG = yaml.safe_load((Path(__file__).parents[1] / "rviz" / "egorear.rviz").read_text())
DISPLAYS = CONFIG["Visualization Manager"]["Displays"]

# Of rviz_default_plugins on Humble, Jazzy, Kilted and Rolling.
KNOWN = {f"rviz_default_plugins/{name}" for name in ("Grid", "MarkerArray", "TF", "Image")}


def displays(kind: str) -> list[dict[str, Any]]:
    return [one for one in DISPLAYS if one["Class"] == f"rviz_default_plugins/{kind}"]


def test_only_displays_that_every_distribution_has() -> None:
    assert {one["Class"] for one in DISPLAYS} == KNOWN
    assert all(one["Enabled"] and one["Value"] for one in DISPLAYS)


def test_everything_is_shown_in_the_rig_frame() -> None:
    assert CONFIG["Visualization Manager"]["Global Options"]["Fixed Frame"] == "rig_link"


def test_every_view_has_its_overlay_in_rig_order() -> None:
    topics = [one["Topic"]["Value"] for one in displays("Image")]
    assert topics == [overlay_topic(view) for view in load_rig("ego4view_syn").views]


def test_all_topics_are_those_of_the_graph() -> None:
    published = rig_topics(load_rig("ego4view_syn").views)
    assert {one["Topic"]["Value"] for one in DISPLAYS if "Topic" in one} <= set(published)


def test_what_decodes_the_overlays_comes_with_the_package() -> None:
    """RViz takes the transport from the end of a topic's name, and throws where its plugin is not installed."""
    needed = {
        f"{topic.rpartition('/')[2]}_image_transport" for topic in (one["Topic"]["Value"] for one in displays("Image"))
    }
    package = ET.parse(Path(__file__).parents[1] / "package.xml")
    assert needed <= {element.text for element in package.iter("exec_depend")}


@pytest.mark.ros
def test_qos_and_namespaces_are_those_of_the_visual_node() -> None:
    pytest.importorskip("rclpy")
    from rclpy.qos import QoSDurabilityPolicy, QoSReliabilityPolicy

    from egorear_ros.bridge import markers, trail
    from egorear_ros.bridge.qos import camera_qos, latched_qos, results_qos

    words = {QoSReliabilityPolicy.BEST_EFFORT: "Best Effort", QoSReliabilityPolicy.RELIABLE: "Reliable"}
    for image in displays("Image"):
        assert image["Topic"]["Reliability Policy"] == words[camera_qos().reliability]
    skeleton, cameras = displays("MarkerArray")
    assert skeleton["Topic"]["Value"] == MARKERS_TOPIC
    assert skeleton["Topic"]["Reliability Policy"] == words[results_qos().reliability]
    assert set(skeleton["Namespaces"]) == {markers.ESTIMATE, markers.TRUTH, trail.TRAIL}
    assert cameras["Topic"]["Value"] == CAMERA_MARKERS_TOPIC
    assert cameras["Topic"]["Reliability Policy"] == words[latched_qos().reliability]
    # Published once: only who asks for what is kept sees it.
    assert latched_qos().durability == QoSDurabilityPolicy.TRANSIENT_LOCAL
    assert cameras["Topic"]["Durability Policy"] == "Transient Local"
    assert set(cameras["Namespaces"]) == {trail.CAMERAS}
