"""The RViz configuration shows what the nodes publish, with QoS that fits."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from egorear_ros.geometry.rig_file import load_rig

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
    assert topics == [f"{view}/overlay/compressed" for view in load_rig("ego4view_syn").views]


@pytest.mark.ros
def test_qos_and_namespaces_are_those_of_the_visual_node() -> None:
    pytest.importorskip("rclpy")
    from rclpy.qos import QoSReliabilityPolicy

    from egorear_ros.bridge import markers
    from egorear_ros.bridge.qos import camera_qos, results_qos

    words = {QoSReliabilityPolicy.BEST_EFFORT: "Best Effort", QoSReliabilityPolicy.RELIABLE: "Reliable"}
    for image in displays("Image"):
        assert image["Topic"]["Reliability Policy"] == words[camera_qos().reliability]
    (skeleton,) = displays("MarkerArray")
    assert skeleton["Topic"]["Value"] == "body_markers"
    assert skeleton["Topic"]["Reliability Policy"] == words[results_qos().reliability]
    assert set(skeleton["Namespaces"]) == {markers.ESTIMATE, markers.TRUTH}
