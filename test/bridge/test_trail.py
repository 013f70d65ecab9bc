"""Trails and cameras as markers."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import rig_data

from egorear_ros.geometry.rig_file import load_rig

pytestmark = pytest.mark.ros
S = 1_000_000_000


def steps(*moments: tuple[int, float]) -> list[Any]:
    """Return what a trail says to poses at (stamp, shift to the wearer's right in m)."""
    from egorear_ros.bridge.trail import Trail

    trail, found = Trail(), []
    for stamp_ns, shift_m in moments:
        pose = rig_data.body_pose(stamp_ns)
        moved = replace(pose, joints_device=pose.joints_device + np.array([shift_m, 0.0, 0.0]))
        found.append(trail.step(moved, "bob/rig_link", 0.004, 2.0))
    return found


def ends(marker: Any) -> np.ndarray:
    points = np.array([(point.x, point.y, point.z) for point in marker.points])
    return points.reshape(-1, 2, 3)


def test_a_step_joins_wrists_and_ankles_of_two_poses() -> None:
    first, (marker,) = steps((0, 0.0), (S // 10, 0.2))
    assert first == []
    assert (marker.ns, marker.header.frame_id, marker.lifetime.sec) == ("trail", "bob/rig_link", 2)
    before = rig_data.STANDING_RIG[[6, 7, 12, 13]]
    np.testing.assert_allclose(ends(marker)[:, 0], before, atol=1e-9)
    # x of the device frame is right, y of rig_link left.
    np.testing.assert_allclose(ends(marker)[:, 1], before + np.array([0.0, -0.2, 0.0]), atol=1e-9)
    assert len(marker.colors) == len(marker.points)


def test_steps_have_names_of_their_own_so_that_all_stay() -> None:
    _, (second,), (third,) = steps((0, 0.0), (S // 10, 0.1), (S // 5, 0.2))
    assert second.id != third.id


@pytest.mark.parametrize("later_ns", [2 * S, -S // 10, 0])
def test_gaps_and_jumps_back_are_not_joined(later_ns: int) -> None:
    _, step = steps((5 * S, 0.0), (5 * S + later_ns, 0.1))
    assert step == []


def test_joints_that_are_not_known_leave_a_gap() -> None:
    from egorear_ros.bridge.trail import Trail

    trail = Trail()
    pose = rig_data.body_pose(0)
    hidden = pose.joints_device.copy()
    hidden[6] = np.nan
    trail.step(replace(pose, joints_device=hidden), "rig_link", 0.004, 2.0)
    (marker,) = trail.step(replace(pose, stamp_ns=S // 10), "rig_link", 0.004, 2.0)
    assert len(ends(marker)) == 3


def test_every_camera_has_its_cone() -> None:
    from egorear_ros.bridge.trail import camera_markers
    from egorear_ros.geometry.frustum import RIM_POINTS, frustum_rig

    rig = load_rig("ego4view_syn")
    markers = camera_markers(rig, 7, "rig_link")
    assert len({(marker.ns, marker.id) for marker in markers}) == 4
    for camera, marker in zip(rig.cameras, markers, strict=True):
        assert (marker.lifetime.sec, marker.lifetime.nanosec) == (0, 0)
        assert len(ends(marker)) == RIM_POINTS + 4
        np.testing.assert_allclose(ends(marker)[0, 0], frustum_rig(camera)[0][0], atol=1e-9)
