import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egorear_ros.geometry.fisheye import field_of_view_mask, project, scale_lens, unproject
from egorear_ros.geometry.transforms import check_transform, invert_transform, transform_points
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import Camera, EquidistantLens, Rig
from egorear_synth.visibility import joint_parts
from egorear_synth.wearer import Wearer, make_wearer

TIMES = (0.5, 9.25, 17.0, 33.3, 1.7e9 + 12.4)
LEFT, RIGHT = EGO4VIEW.index("left_shoulder"), EGO4VIEW.index("right_shoulder")


def test_device_frame_is_right_handed_and_as_documented(wearer: Wearer) -> None:
    for time_s in TIMES:
        pose = wearer.pose_at(time_s)
        T = check_transform(pose.T_world_device, "T_world_device")
        # x to the wearer's right, y to the rear, z down, for a head that is roughly upright.
        across = pose.joints_world[RIGHT] - pose.joints_world[LEFT]
        assert T[:3, 2] @ [0, 0, -1] > 0.4
        assert T[:3, 0] @ across / np.linalg.norm(across) > 0.3
        neck = pose.joints_device[EGO4VIEW.index("neck")]
        assert neck[2] > 0.1
        assert 0.0 < neck[1] < 0.45


def test_front_cameras_are_ahead_of_the_nose_and_rear_ones_behind_the_head(wearer: Wearer) -> None:
    body = wearer.body
    pose = wearer.pose_at(3.0)
    T_device_rest = invert_transform(pose.T_world_device) @ pose.T_world_rest[body.bone("head")]
    head = transform_points(T_device_rest, body.part_vertices("head", "scalp"))
    assert head[:, 1].min() == pytest.approx(0.06, abs=0.02)
    assert 0.05 < 0.37 - head[:, 1].max() < 0.15
    assert head[:, 2].min() > 0.03


def test_pixels_are_the_projected_joints(wearer: Wearer, rig: Rig) -> None:
    for time_s in TIMES:
        pose, truth = wearer.pose_at(time_s), wearer.truth(time_s)
        for index, camera in enumerate(rig.cameras):
            T_camera_world = np.linalg.inv(pose.T_world_device @ camera.T_device_camera)
            expected, _ = project(transform_points(T_camera_world, pose.joints_world), camera.lens)
            np.testing.assert_allclose(truth.pixels[index], expected, atol=1e-6)


def test_rays_of_visible_pixels_hit_the_joints_own_body_part(wearer: Wearer, rig: Rig) -> None:
    hit = 0
    for time_s in TIMES:
        truth, scene = wearer.truth(time_s), wearer.scene_at(time_s)
        for index, camera in enumerate(rig.cameras):
            joints = np.flatnonzero(truth.visible[index])
            T_world_camera = truth.T_world_device @ camera.T_device_camera
            rays, inside = unproject(truth.pixels[index, joints], camera.lens)
            assert inside.all()
            directions = (rays @ T_world_camera[:3, :3].T).astype(np.float32)
            origins = np.repeat(T_world_camera[None, :3, 3].astype(np.float32), len(joints), axis=0)
            faces = scene.first_hits(origins, directions).face
            for joint, face in zip(joints, faces, strict=True):
                part = wearer.body.part_names[wearer.body.face_parts[face]]
                assert part in joint_parts(EGO4VIEW.joint_names[joint])
                hit += 1
    assert hit > 40


def naive_first_hit(origin: np.ndarray, direction: np.ndarray, corners: np.ndarray) -> tuple[float, int]:
    """Distance and face of the first triangle on a ray, by testing all of them (Moeller and Trumbore, 1997)."""
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    p = np.cross(direction, second)
    det = (first * p).sum(axis=1)
    safe = np.where(np.abs(det) < 1e-14, 1.0, det)
    t = origin - corners[:, 0]
    u = (t * p).sum(axis=1) / safe
    q = np.cross(t, first)
    v = (q @ direction) / safe
    distance = (second * q).sum(axis=1) / safe
    valid = (np.abs(det) >= 1e-14) & (u >= 0) & (v >= 0) & (u + v <= 1) & (distance > 1e-6)
    if not valid.any():
        return np.inf, -1
    index = int(np.where(valid, distance, np.inf).argmin())
    return float(distance[index]), index


def test_visibility_agrees_with_testing_every_triangle(wearer: Wearer, rig: Rig) -> None:
    compared = 0
    # In the last one another part of the body is near a hidden hip.
    for time_s in (*TIMES[:3], 86.25):
        pose, truth = wearer.pose_at(time_s), wearer.truth(time_s)
        body, still = wearer.scene_at(time_s).vertices[wearer.body.faces], wearer.place.surfaces
        corners = np.concatenate((body, still.vertices[still.faces])).astype(np.float64)
        for index, camera in enumerate(rig.cameras):
            origin = (pose.T_world_device @ camera.T_device_camera)[:3, 3]
            local = transform_points(invert_transform(camera.T_device_camera), pose.joints_device)
            inside = project(local, camera.lens)[1]
            for joint, name in enumerate(EGO4VIEW.joint_names):
                towards = pose.joints_world[joint] - origin
                length = float(np.linalg.norm(towards))
                distance, face = naive_first_hit(origin, towards / length, corners)
                part = wearer.body.part_names[wearer.body.face_parts[face]] if 0 <= face < len(body) else ""
                gap = abs(distance - length) - wearer._visibility.tolerance_m[joint]
                if abs(gap) < 1e-4:  # within single precision of the limit
                    continue
                expected = inside[joint] and gap <= 0 and part in joint_parts(name)
                assert truth.visible[index, joint] == expected, (time_s, camera.view, name)
                compared += 1
    assert compared > 240


def test_some_joints_are_seen_and_some_hidden_in_every_view(rig: Rig) -> None:
    wearer = make_wearer(rig, seed=3)  # in trousers; skirts and bellies hide toes
    seen = np.mean([wearer.truth(time_s).visible for time_s in np.arange(0, 60, 2.5)], axis=0)
    hands, toes = seen[:, [6, 7]].mean(axis=1), seen[:, [14, 15]].mean(axis=1)
    front = [index for index, view in enumerate(rig.views) if view.startswith("front")]
    back = [index for index, view in enumerate(rig.views) if view.startswith("back")]
    assert hands[front].min() > 0.4
    assert toes[front].min() > 0.3
    assert 0.0 < hands[back].mean() < 0.4
    assert seen[back][:, [LEFT, RIGHT]].mean() > 0.5


def upper_arm_pixels(wearer: Wearer, side: str, view: str, time_s: float) -> np.ndarray:
    """(K, 2) rows and columns that become brighter when an upper arm, be it skin or sleeve, becomes white."""
    bone = wearer.body.bone(f"upperarm_{side[0]}")
    arm = (wearer.body.skin_weights[wearer.body.faces, bone] > 0.5).all(axis=1)
    images = []
    for reflectance in (0.02, 1.0):
        wearer._face_colours[:] = 0.02
        wearer._face_colours[arm] = reflectance
        wearer._scenes.clear()
        images.append(wearer.render(view, time_s, 160, 160).astype(int).sum(axis=2))
    return np.argwhere(images[1] - images[0] > 40)


@pytest.mark.parametrize("seed", [0, 3])
def test_left_is_left_in_every_view(rig: Rig, seed: int) -> None:
    wearer = make_wearer(rig, seed)
    for index, view in enumerate(rig.views):
        # Rear cameras look with their upper image edge to the rear: there left is on the right.
        sign = 1 if view.startswith("front") else -1
        compared = 0
        for time_s in (4.0, 12.0, 21.0, 40.0):
            pixels = wearer.truth(time_s).pixels[index]
            assert sign * (pixels[RIGHT, 0] - pixels[LEFT, 0]) > 10
            left, right = (upper_arm_pixels(wearer, side, view, time_s) for side in ("left", "right"))
            # An arm may be hidden.
            if min(len(left), len(right)) > 3:
                assert sign * (right[:, 1].mean() - left[:, 1].mean()) > 5, (view, time_s)
                compared += 1
        assert compared, view


def test_image_is_full_inside_its_circle_and_black_outside(wearer: Wearer, rig: Rig) -> None:
    for view in rig.views:
        image = wearer.render(view, 2.0, 218, 218)
        mask = field_of_view_mask(scale_lens(rig[view].lens, 218, 218))
        assert image.shape == (218, 218, 3)
        assert image.dtype == np.uint8
        assert not image[~mask].any()
        assert image[mask].any(axis=1).mean() > 0.95
        assert image[mask].std() > 20


def test_default_size_is_the_calibrated_one(wearer: Wearer, rig: Rig) -> None:
    assert wearer.render("back_left", 0.0).shape == (rig["back_left"].lens.height, rig["back_left"].lens.width, 3)


def test_small_and_large_images_show_the_same(wearer: Wearer) -> None:
    small = wearer.render("front_left", 6.0, 109, 109).astype(float)
    large = wearer.render("front_left", 6.0, 872, 872).astype(float).reshape(109, 8, 109, 8, 3).mean(axis=(1, 3))
    assert np.median(np.abs(small - large)) < 12


def test_four_threads_see_what_one_sees(rig: Rig) -> None:
    jobs = [(view, time_s) for time_s in (1.0, 2.0, 3.0, 4.0, 5.0) for view in rig.views]
    shared = make_wearer(rig, 1)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda job: shared.render(*job, 96, 96), jobs))
    sequential = [shared.render(view, time_s, 96, 96) for view, time_s in jobs]
    for one, other in zip(together, sequential, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(make_wearer(rig, 1).render(*jobs[-1], 96, 96), together[-1])


DIGEST = """
import hashlib
import numpy as np
from egorear_synth.camera.exposure import expose
from egorear_synth.camera.photograph import frame_rng, photograph
from egorear_synth.camera.sensor import make_sensor

def digest(wearer):
    truth = wearer.truth(1.7e9 + 3.3)
    image = wearer.render("front_right", 1.7e9 + 3.3, 64, 64)
    sensor = expose(make_sensor(np.random.default_rng(8)), wearer, 0.0)
    photo = photograph(wearer, "back_left", 7 / 30, 64, 64, sensor, frame_rng(5, 7, 2))
    parts = (image, photo, truth.joints_device, truth.pixels, truth.visible)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()
"""


def digest(wearer: Wearer) -> str:
    names: dict[str, Any] = {}
    exec(DIGEST, names)
    return str(names["digest"](wearer))


def test_another_process_on_one_core_sees_the_same_person(rig: Rig) -> None:
    wearer = make_wearer(rig, 9)
    wearer.render("front_left", 55.0, 64, 64)
    script = f"""
import os, sys
os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}})
sys.path[:0] = [{str(Path(__file__).resolve().parents[2])!r}]
{DIGEST}
from egorear_ros.geometry.rig_file import load_rig
from egorear_synth.wearer import make_wearer
print(digest(make_wearer(load_rig("ego4view_syn"), 9)))
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=300)
    assert result.stdout.strip() == digest(wearer)
    assert digest(make_wearer(rig, 10)) != digest(wearer)


def test_other_rigs_work_too() -> None:
    lens = EquidistantLens(320, 240, (80.0, 80.0), (159.5, 119.5), (0.0, 0.0, 0.0, 0.0), np.deg2rad(110))
    one, two = np.eye(4), np.eye(4)
    two[:3, 3] = (0.1, 0.05, 0.02)
    wearer = make_wearer(Rig("made_up", (Camera("one", lens, one), Camera("two", lens, two))), 3)
    truth = wearer.truth(4.0)
    assert truth.pixels.shape == (2, 16, 2)
    assert wearer.render("two", 4.0, 160, 120).shape == (120, 160, 3)
    assert truth.visible.any()


def test_wrong_view_and_size_are_named(wearer: Wearer) -> None:
    with pytest.raises(KeyError, match="has no view 'top'.*front_left"):
        wearer.render("top", 0.0)
    with pytest.raises(ValueError, match="no uniform scaling"):
        wearer.render("front_left", 0.0, 256, 128)
