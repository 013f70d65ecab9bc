"""Overlays: the skeleton lands where the lens says, in the right colours, and says what it is worth."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import rig_data

from egorear_ros.drawing.colours import TRUTH_RGB, confidence_rgb
from egorear_ros.drawing.overlay import decode_bgr, draw_overlay, state_text
from egorear_ros.geometry.fisheye import project, scale_lens
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.structures import BodyPose, Camera, Frame, TrackingState

WIDTH = 436


@pytest.fixture
def camera() -> Camera:
    return load_rig("ego4view_syn")["front_left"]


def blank(size: int = 256) -> np.ndarray:
    return np.full((size, size, 3), 90, np.uint8)


def joint_pixels(camera: Camera, pose: BodyPose, width: int = WIDTH) -> np.ndarray:
    """Project with the calibrated extrinsics written out, not with the code under test."""
    T = camera.T_device_camera
    joints_camera = (pose.joints_device - T[:3, 3]) @ T[:3, :3]
    pixels, visible = project(joints_camera, scale_lens(camera.lens, width, width))
    assert visible.all()
    return np.rint(pixels).astype(int)


def isolated(pixels: np.ndarray) -> list[int]:
    """Return joints that no other joint is near to."""
    distances = np.linalg.norm(pixels[:, None] - pixels[None], axis=-1) + 1e3 * np.eye(len(pixels))
    return [int(joint) for joint in np.flatnonzero(distances.min(axis=1) > 12)]


def test_joints_are_drawn_where_the_lens_sees_them_in_the_colour_of_their_confidence(camera: Camera) -> None:
    pose = rig_data.body_pose()
    overlay = draw_overlay(blank(), camera, pose, None, WIDTH)
    pixels = joint_pixels(camera, pose)
    joints = isolated(pixels)
    assert len(joints) >= 5
    for joint in joints:
        u, v = pixels[joint]
        expected = 255 * confidence_rgb(pose.confidences[joint])[::-1]
        np.testing.assert_allclose(overlay[v, u], expected, atol=2)


def test_truth_has_its_own_colour_and_lies_below_the_estimate(camera: Camera) -> None:
    pose = rig_data.body_pose()
    u, v = joint_pixels(camera, pose)[6]
    truth_only = draw_overlay(blank(), camera, None, pose, WIDTH)
    np.testing.assert_allclose(truth_only[v, u], 255 * np.array(TRUTH_RGB)[::-1], atol=2)
    both = draw_overlay(blank(), camera, pose, pose, WIDTH)
    np.testing.assert_allclose(both[v, u], 255 * confidence_rgb(pose.confidences[6])[::-1], atol=2)


def test_the_size_of_the_camera_image_does_not_move_the_skeleton(camera: Camera) -> None:
    pose = rig_data.body_pose()
    small = draw_overlay(blank(128), camera, pose, None, WIDTH).astype(int)
    large = draw_overlay(blank(872), camera, pose, None, WIDTH).astype(int)
    assert np.abs(small - large).max() <= 1


def test_bones_are_curves_as_the_lens_bends_them(camera: Camera) -> None:
    """The middle of a bone is drawn where the middle projects to, not halfway between its ends."""
    joints = np.tile(rig_data.standing_device()[0], (16, 1))
    T = camera.T_device_camera
    ends_camera = np.array([(-0.7, 0.15, 0.1), (0.7, 0.15, 0.1)])
    joints[4], joints[6] = ends_camera @ T[:3, :3].T + T[:3, 3]
    pose = replace(rig_data.body_pose(), joints_device=joints)
    overlay = draw_overlay(blank(), camera, pose, None, WIDTH)
    lens = scale_lens(camera.lens, WIDTH, WIDTH)
    middle = np.rint(project(ends_camera.mean(axis=0), lens)[0]).astype(int)
    straight = np.rint(project(ends_camera, lens)[0].mean(axis=0)).astype(int)
    assert np.linalg.norm(middle - straight) > 20
    assert (overlay[middle[1], middle[0]] != 90).any()
    assert (overlay[straight[1], straight[0]] == 90).all()


def test_bones_that_leave_the_view_are_dimmed_and_hidden_joints_not_drawn(camera: Camera) -> None:
    seen = rig_data.body_pose()
    joints = seen.joints_device.copy()
    joints[6] = camera.T_device_camera[:3, 3] + (0.1, 0.0, -1.0)  # the left wrist, behind the camera
    hidden = draw_overlay(blank(), camera, replace(seen, joints_device=joints), None, WIDTH)
    lens = scale_lens(camera.lens, WIDTH, WIDTH)
    T = camera.T_device_camera
    share = 0.12
    point = (joints[4] * (1 - share) + joints[6] * share - T[:3, 3]) @ T[:3, :3]
    u, v = np.rint(project(point, lens)[0]).astype(int)
    changed = np.abs(hidden[v - 1 : v + 2, u - 1 : u + 2].astype(int) - 90).max()
    assert 0 < changed < 0.5 * 165


def test_pose_behind_the_camera_or_without_joints_leaves_the_picture_alone(camera: Camera) -> None:
    behind = replace(
        rig_data.body_pose(), joints_device=camera.T_device_camera[:3, 3] + np.tile((0.0, 0.1, -1.0), (16, 1))
    )
    lost = BodyPose(0, np.empty((0, 3)), np.empty(0), {}, TrackingState.LOST, "null")
    for pose in (behind, lost):
        overlay = draw_overlay(blank(), camera, pose, None, WIDTH)
        assert (overlay[60:-60, 60:] == 90).all()


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (TrackingState.UNTRAINED, "UNTRAINED"),
        (TrackingState.LOST, "NO POSE"),
        (TrackingState.PARTIAL_VIEWS, "4 of 6 views"),
        (TrackingState.OK, ""),
    ],
)
def test_the_state_is_said_in_words(state: TrackingState, said: str) -> None:
    text = state_text(rig_data.body_pose(state=state), view_count=6)
    assert said in text
    assert bool(text) == bool(said)
    assert state_text(None) == "NO POSE"


def test_a_bad_state_is_written_on_the_picture(camera: Camera) -> None:
    good = draw_overlay(blank(), camera, rig_data.body_pose(), None, WIDTH)
    bad = draw_overlay(blank(), camera, rig_data.body_pose(state=TrackingState.UNTRAINED), None, WIDTH)
    assert (good[:60] != bad[:60]).any()
    assert (good[60:] == bad[60:]).all()


@pytest.mark.parametrize("encoding", ["jpeg", "png", "rgb8", "bgr8", "mono8"])
def test_every_encoding_is_decoded_blue_first(encoding: str) -> None:
    bgr = np.zeros((40, 60, 3), np.uint8)
    bgr[..., 0], bgr[..., 2] = 200, 40
    data = {
        "jpeg": bytes(cv2.imencode(".jpg", bgr)[1].tobytes()),
        "png": bytes(cv2.imencode(".png", bgr)[1].tobytes()),
        "rgb8": bgr[..., ::-1],
        "bgr8": bgr,
        "mono8": bgr[..., 0],
    }[encoding]
    decoded = decode_bgr(Frame("front_left", 0, encoding, data))
    expected = (200, 200, 200) if encoding == "mono8" else (200, 0, 40)
    np.testing.assert_allclose(decoded[20, 30], expected, atol=4)


def test_large_jpegs_are_decoded_at_half_size_and_damaged_ones_named() -> None:
    frame = Frame("front_left", 0, "jpeg", rig_data.jpeg(200, 100))
    assert decode_bgr(frame, least_width=100).shape == (50, 100, 3)
    assert decode_bgr(frame, least_width=101).shape == (100, 200, 3)
    for data in (b"", b"\xff\xd8 not a picture"):
        with pytest.raises(ValueError, match="back_left: damaged jpeg"):
            decode_bgr(Frame("back_left", 0, "jpeg", data))


def test_an_image_of_another_shape_is_refused(camera: Camera) -> None:
    with pytest.raises(ValueError, match="calibrated"):
        draw_overlay(np.zeros((100, 200, 3), np.uint8), camera, None, None, WIDTH)


def test_the_legend_counts_joints_out_of_view(camera: Camera) -> None:
    """The lower left corner differs by what it says only: the skeletons lie elsewhere."""
    seen = rig_data.body_pose()
    behind = replace(seen, joints_device=camera.T_device_camera[:3, 3] + np.tile((0.0, 0.1, -1.0), (16, 1)))
    corner = (slice(WIDTH - 45, WIDTH), slice(80, 200))
    assert (draw_overlay(blank(), camera, seen, None, WIDTH)[corner] == 90).all()
    assert (draw_overlay(blank(), camera, behind, None, WIDTH)[corner] != 90).any()
