"""A generated sequence shows what its annotations say: the same wearer, cast again, is the witness."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny import tiny_settings

from egorear_ros.geometry.fisheye import unproject
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.geometry.transforms import transform_points
from egorear_ros.skeleton import EGO4VIEW
from egorear_synth.dataset.cast import Cast, make_cast
from egorear_synth.dataset.finished import sequence_folders
from egorear_synth.dataset.generate import check_clips, split_clips
from egorear_synth.dataset.plan import plan_sequences
from egorear_synth.dataset.read_back import WrittenFrames, read_frames
from egorear_synth.visibility import joint_parts


@pytest.fixture
def recast(inputs: Path, finished: Path) -> tuple[Cast, WrittenFrames, Path]:
    """The wearer of the second sequence, and what is written about it."""
    settings = tiny_settings(inputs)
    rig = load_rig(settings.rig)
    clips, _ = split_clips(check_clips(settings.motion, settings.clip_rate_hz), (0.34, 0.33, 0.33), settings.seed)
    plan = plan_sequences(settings, clips, 3)[1]
    folder = sequence_folders(finished)[1]
    return make_cast(settings, rig, plan), read_frames(folder, rig.views), folder


def test_a_visible_joint_is_the_first_thing_on_the_ray_of_its_pixel(recast: tuple[Cast, WrittenFrames, Path]) -> None:
    cast, frames, _ = recast
    wearer, seen = cast.wearer, 0
    for frame in range(2):
        time_s = cast.begin_s + frame / 30.0
        scene, T_world_device = wearer.scene_at(time_s), wearer.pose_at(time_s).T_world_device
        joints_world = transform_points(frames.T_world_device[frame], frames.device_cm[frame] / 100)
        for view, camera in enumerate(wearer.rig.cameras):
            T_world_camera = T_world_device @ camera.T_device_camera
            rays, _ = unproject(frames.pixels[frame, view], camera.lens)
            for joint in np.flatnonzero(frames.visible[frame, view]):
                direction = (T_world_camera[:3, :3] @ rays[joint]).astype(np.float32)[None]
                hit = scene.first_hits(T_world_camera[:3, 3].astype(np.float32)[None], direction)
                part = wearer.body.part_names[wearer.body.face_parts[hit.face[0]]]
                assert part in joint_parts(EGO4VIEW.joint_names[joint])
                point = T_world_camera[:3, 3] + hit.distance[0] * direction[0]
                assert np.linalg.norm(point - joints_world[joint]) < 0.25
                seen += 1
    assert seen >= 10


def test_the_annotations_are_the_wearers(recast: tuple[Cast, WrittenFrames, Path]) -> None:
    cast, frames, folder = recast
    pose = cast.wearer.pose_at(cast.begin_s + 1 / 30.0)
    np.testing.assert_allclose(frames.device_cm[1], 100 * pose.joints_device, atol=1e-5)
    np.testing.assert_allclose(frames.T_world_device[1], pose.T_world_device, atol=1e-8)
    known = json.loads((folder / "sequence.json").read_text())
    # On the head, the device moves by its slip alone.
    rest_head = np.eye(4)
    rest_head[:3, 3] = cast.wearer.body.head_joint
    np.testing.assert_allclose(rest_head @ frames.T_head_device[1], known["T_rest_device"], atol=0.03)
    assert known["camera"]["jpeg_quality"] >= 70
    assert known["motion"]["clip"].endswith("_01.amc")


def test_the_image_shows_the_wearer_where_the_joints_are(
    finished: Path, recast: tuple[Cast, WrittenFrames, Path]
) -> None:
    cast, _, folder = recast
    wearer = cast.wearer
    for camera in wearer.rig.cameras:
        image = cv2.imread(str(folder / f"fisheye_rgb/camera_{camera.view}/000000.jpg"))
        live = wearer.render(camera.view, cast.begin_s, image.shape[1], image.shape[0], samples=2)[..., ::-1]
        # Other noise, exposure and colours, the same picture.
        similar = np.corrcoef(image.astype(float).ravel(), live.astype(float).ravel())[0, 1]
        flipped = np.corrcoef(image[:, ::-1].astype(float).ravel(), live.astype(float).ravel())[0, 1]
        assert similar > 0.9
        assert similar > flipped
