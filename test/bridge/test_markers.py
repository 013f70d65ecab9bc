"""Poses as markers: what RViz gets to see."""

from itertools import pairwise

import numpy as np
import pytest
import rig_data

from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import BodyPose

pytest.importorskip("rclpy")
pytestmark = pytest.mark.ros


def markers(pose: BodyPose, namespace: str = "estimate") -> list[object]:
    from egorear_ros.bridge.markers import skeleton_markers

    return skeleton_markers(pose, "bob/rig_link", namespace, 0.01, 1.5)


def xyz(points: list[object]) -> np.ndarray:
    return np.array([(point.x, point.y, point.z) for point in points])  # type: ignore[attr-defined]


def test_joints_are_spheres_in_the_rig_frame() -> None:
    from visualization_msgs.msg import Marker

    spheres, _ = markers(rig_data.body_pose(stamp_ns=3_000_000_007))
    assert (spheres.type, spheres.action) == (Marker.SPHERE_LIST, Marker.ADD)
    assert spheres.header.frame_id == "bob/rig_link"
    assert (spheres.header.stamp.sec, spheres.header.stamp.nanosec) == (3, 7)
    assert (spheres.lifetime.sec, spheres.lifetime.nanosec) == (1, 500_000_000)
    np.testing.assert_allclose(xyz(spheres.points), rig_data.STANDING_RIG, atol=1e-9)


def test_bones_are_pairs_of_joints() -> None:
    from visualization_msgs.msg import Marker

    _, lines = markers(rig_data.body_pose())
    assert lines.type == Marker.LINE_LIST
    assert lines.scale.x == 0.01
    ends = xyz(lines.points).reshape(-1, 2, 3)
    np.testing.assert_allclose(ends, rig_data.STANDING_RIG[np.array(EGO4VIEW.bones)], atol=1e-9)


def test_colours_follow_confidence_and_grey_means_unknown() -> None:
    spheres, _ = markers(rig_data.body_pose())
    head, *others = [(colour.r, colour.g, colour.b) for colour in spheres.colors]
    assert head == pytest.approx((0.62, 0.62, 0.62))
    lightness = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in others]
    assert all(a < b for a, b in pairwise(lightness))


def test_truth_is_blue_and_thinner() -> None:
    estimate, truth = markers(rig_data.body_pose()), markers(rig_data.body_pose(), "ground_truth")
    assert {one.ns for one in truth} == {"ground_truth"}
    for mine, other in zip(truth, estimate, strict=True):
        assert mine.scale.x < other.scale.x
    assert {(round(c.r, 2), round(c.g, 2), round(c.b, 2)) for c in truth[0].colors} == {(0.34, 0.71, 0.91)}


def test_joints_that_are_not_finite_are_left_out_with_their_bones() -> None:
    pose = rig_data.body_pose()
    pose.joints_device[EGO4VIEW.index("left_wrist")] = np.nan
    spheres, lines = markers(pose)
    assert len(spheres.points) == len(spheres.colors) == 15
    assert len(lines.points) == len(lines.colors) == 2 * (len(EGO4VIEW.bones) - 1)
    assert np.isfinite(xyz(lines.points)).all()


def test_removal_names_its_namespace() -> None:
    from visualization_msgs.msg import Marker

    from egorear_ros.bridge.markers import delete_markers

    marker = delete_markers(5, "rig_link", "estimate")
    assert (marker.action, marker.ns, marker.header.frame_id) == (Marker.DELETEALL, "estimate", "rig_link")
