"""Frame sets, poses, counters, transforms and CameraInfo as messages."""

import dataclasses

import numpy as np
import pytest

pytestmark = pytest.mark.ros
pytest.importorskip("rclpy")
pytest.importorskip("egorear_ros.msg")

from egorear_ros.msg import BodyPose as BodyPoseMsg  # noqa: E402
from egorear_ros.msg import CameraCounters as CameraCountersMsg  # noqa: E402
from egorear_ros.msg import SyncStatus as SyncStatusMsg  # noqa: E402

from egorear_ros.bridge.camera_info import camera_info  # noqa: E402
from egorear_ros.bridge.messages import (  # noqa: E402
    body_pose_from_msg,
    frame_set_from_msg,
    msg_from_body_pose,
    msg_from_frame_set,
    msg_from_sync_status,
)
from egorear_ros.bridge.stamps import ns_from_time, time_from_ns  # noqa: E402
from egorear_ros.bridge.tf import joint_transforms, static_tree  # noqa: E402
from egorear_ros.geometry.fisheye import project, unproject  # noqa: E402
from egorear_ros.geometry.rig_file import load_rig  # noqa: E402
from egorear_ros.skeleton import EGO4VIEW  # noqa: E402
from egorear_ros.structures import BodyPose, Frame, FrameSet, TrackingState  # noqa: E402
from egorear_ros.sync_status import CameraCounters, SyncStatus  # noqa: E402

NS = 1_700_000_000_999_999_999
VIEWS = ("front_left", "front_right", "back_left", "back_right")


def pose(state: TrackingState = TrackingState.OK) -> BodyPose:
    random = np.random.default_rng(3)
    confidences = random.random(16)
    confidences[0] = np.nan
    stamps = {"front_left": NS, "back_left": NS + 2_000_000}
    return BodyPose(NS, random.normal(size=(16, 3)), confidences, stamps, state, "egorear:test")


@pytest.mark.parametrize("stamp_ns", [0, 1, 999_999_999, 1_000_000_000, NS, 2**31 * 10**9 - 1])
def test_stamps_are_exact(stamp_ns: int) -> None:
    assert ns_from_time(time_from_ns(stamp_ns)) == stamp_ns


def test_pose_round_trip() -> None:
    before = pose()
    message = msg_from_body_pose(before, "alice/", "me", now_ns=NS + 50_000_000)
    after = body_pose_from_msg(message)
    np.testing.assert_allclose(after.joints_device, before.joints_device, atol=1e-12)
    np.testing.assert_allclose(after.confidences, before.confidences, atol=1e-7)
    assert (after.stamp_ns, dict(after.view_stamps_ns)) == (before.stamp_ns, dict(before.view_stamps_ns))
    assert (after.state, after.model_id) == (before.state, before.model_id)
    assert (message.header.frame_id, message.body_id) == ("alice/rig_link", "me")
    assert message.sync_skew_s == pytest.approx(0.002) and message.latency_s == pytest.approx(0.05)


def test_axes_of_the_message_are_those_of_rep_103() -> None:
    # Device: x right, y to the rear, z down. One metre to the right, two to the rear, three down.
    joints = np.tile([1.0, 2.0, 3.0], (16, 1))
    message = msg_from_body_pose(dataclasses.replace(pose(), joints_device=joints), "", "me", NS)
    point = message.positions[7]
    assert (point.x, point.y, point.z) == pytest.approx((-2.0, -1.0, -3.0))  # x forward, y left, z up


def test_lost_pose_has_no_positions_and_stays_lost() -> None:
    message = msg_from_body_pose(pose(TrackingState.LOST), "", "me", NS)
    assert not message.positions and not message.confidences and not message.joint_names
    after = body_pose_from_msg(message)
    assert after.state is TrackingState.LOST and np.isnan(after.joints_device).all()


def test_pose_of_another_skeleton_is_refused() -> None:
    message = msg_from_body_pose(pose(), "", "me", NS)
    message.joint_names = [name.upper() for name in message.joint_names]
    with pytest.raises(ValueError, match="HEAD.*ego4view_16"):
        body_pose_from_msg(message)


def test_lists_that_are_not_equally_long_are_refused() -> None:
    message = msg_from_body_pose(pose(), "", "me", NS)
    message.confidences = list(message.confidences)[:3]
    with pytest.raises(ValueError, match="3 confidences; expected 16"):
        body_pose_from_msg(message)
    message = msg_from_body_pose(pose(), "", "me", NS)
    message.camera_stamps = list(message.camera_stamps)[:1]
    with pytest.raises(ValueError, match="2 camera_names and 1 camera_stamps"):
        body_pose_from_msg(message)


def test_tracking_states_equal_the_messages_constants() -> None:
    for state in TrackingState:
        assert getattr(BodyPoseMsg, state.name) == state.value


def test_frame_set_round_trip_keeps_bytes_stamps_and_missing_views() -> None:
    frames = {
        "front_left": Frame("front_left", NS, "jpeg", b"\xff\xd8one"),
        "back_right": Frame("back_right", NS + 3, "png", b"\x89PNGtwo"),
    }
    message = msg_from_frame_set(FrameSet(NS, VIEWS, frames), "p/")
    assert message.header.frame_id == "p/rig_link"
    assert message.images[1].header.frame_id == "p/back_right_optical"
    after = frame_set_from_msg(message)
    assert (after.stamp_ns, after.views, after.missing) == (NS, VIEWS, ("front_right", "back_left"))
    for view, frame in frames.items():
        assert after.frames[view] == dataclasses.replace(after.frames[view], **dataclasses.asdict(frame)) or (
            after.frames[view].data == frame.data and after.frames[view].stamp_ns == frame.stamp_ns
        )


def test_frame_set_with_a_foreign_view_is_refused() -> None:
    message = msg_from_frame_set(FrameSet(NS, VIEWS, {"front_left": Frame("front_left", NS, "jpeg", b"\xff\xd8")}), "")
    message.views = ["top"]
    with pytest.raises(ValueError, match="top"):
        frame_set_from_msg(message)


def test_status_message_has_every_counter() -> None:
    camera = CameraCounters("front_left", 10, 5, 2, 1, 1, 1, 29.5, 0.03, False)
    status = SyncStatus(5, 1, 2, 3, 29.0, 0.001, 0.002, 0.01, 0.02, (camera,))
    message = msg_from_sync_status(status, "", NS)
    for name in SyncStatusMsg.get_fields_and_field_types():
        if name not in ("header", "cameras"):
            assert getattr(message, name) == pytest.approx(getattr(status, name)), name
    for name in CameraCountersMsg.get_fields_and_field_types():
        assert getattr(message.cameras[0], name) == pytest.approx(getattr(camera, name)), name


def matrix(transform) -> np.ndarray:  # type: ignore[no-untyped-def]
    """A transform message as a matrix, by the textbook formula."""
    q, t = transform.transform.rotation, transform.transform.translation
    x, y, z, w = q.x, q.y, q.z, q.w
    T = np.eye(4)
    T[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    T[:3, 3] = t.x, t.y, t.z
    return T


def test_static_tree_is_one_message_and_says_where_the_cameras_are() -> None:
    rig = load_rig("ego4view_syn")
    message = static_tree(rig, "p/", time_from_ns(NS))
    links = {one.child_frame_id: one for one in message.transforms}
    assert set(links) == {"p/device", *(f"p/{view}_optical" for view in rig.views)}
    assert links["p/device"].header.frame_id == "p/rig_link"
    for camera in rig.cameras:
        link = links[f"p/{camera.view}_optical"]
        assert link.header.frame_id == "p/device"
        np.testing.assert_allclose(matrix(link), camera.T_device_camera, atol=1e-9)
    # The rear cameras are 37 cm behind the front ones: x backwards in the rig frame.
    T_rig_back = matrix(links["p/device"]) @ matrix(links["p/back_left_optical"])
    assert T_rig_back[0, 3] == pytest.approx(-0.37, abs=1e-6)
    # All look down.
    np.testing.assert_allclose(T_rig_back[:3, :3] @ [0, 0, 1], [0, 0, -1], atol=1e-6)


def test_joint_frames_are_where_the_message_has_them() -> None:
    before = pose()
    message = msg_from_body_pose(before, "p/", "me", NS)
    frames = joint_transforms(before, "p/").transforms
    assert [one.child_frame_id for one in frames] == [f"p/{name}" for name in EGO4VIEW.joint_names]
    for frame, point in zip(frames, message.positions, strict=True):
        assert frame.header.frame_id == "p/rig_link" and ns_from_time(frame.header.stamp) == NS
        T = matrix(frame)
        np.testing.assert_allclose(T[:3, 3], [point.x, point.y, point.z], atol=1e-9)
        np.testing.assert_allclose(T[:3, :3], np.eye(3))


def test_camera_info_projects_like_the_calibration() -> None:
    pytest.importorskip("egorear_ros.geometry.equidistant_fit")
    lens = load_rig("ego4view_syn")["back_left"].lens
    message, max_error_px = camera_info(lens, "back_left_optical")
    assert (message.width, message.height, message.distortion_model) == (lens.width, lens.height, "equidistant")
    assert message.k[0] > 0 and list(message.r) == [1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert list(message.p) == [message.k[0], 0, message.k[2], 0, 0, message.k[4], message.k[5], 0, 0, 0, 1, 0]
    pixels = np.stack(np.meshgrid(np.arange(100.0, 780, 40), np.arange(100.0, 780, 40)), axis=-1).reshape(-1, 2)
    rays, valid = unproject(pixels, lens)
    rays = rays[valid]
    # Kannala-Brandt as sensor_msgs/CameraInfo defines it.
    theta = np.arctan2(np.hypot(rays[:, 0], rays[:, 1]), rays[:, 2])
    radius = theta * (1 + sum(k * theta ** (2 * i + 2) for i, k in enumerate(message.d)))
    scale = radius / np.maximum(np.hypot(rays[:, 0], rays[:, 1]), 1e-12)
    u = message.k[0] * scale * rays[:, 0] + message.k[2]
    v = message.k[4] * scale * rays[:, 1] + message.k[5]
    expected, _ = project(rays, lens)
    worst = np.abs(np.stack([u, v], axis=-1) - expected).max()
    assert worst <= max_error_px + 1e-6 < 0.2
