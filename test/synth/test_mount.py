from dataclasses import replace

import numpy as np
import pytest

from egorear_ros.geometry.transforms import check_transform, invert_transform, transform_points
from egorear_ros.structures import Camera, EquidistantLens, Rig
from egorear_synth.clearance import LENS_CLEARANCE_M, lens_distances
from egorear_synth.mount import (
    OFFSET_M,
    SLIP_DEG,
    SLIP_M,
    TILT_DEG,
    MountError,
    make_mount,
    neutral_mount,
    resting_clearance,
)
from egorear_synth.person import Person, make_person
from egorear_synth.procedural import ProceduralMotion
from egorear_synth.renderer import Scene
from egorear_synth.rotations import rotvec_from_rotmat
from egorear_synth.skinning import bone_transforms, skin, vertex_normals
from egorear_synth.wearer import Wearer, make_wearer

SEEDS = range(6)
MOMENTS = (0.0, 3.7, 59.0, 1.7e9 + 0.25)


@pytest.fixture(scope="module")
def people() -> list[Person]:
    return [make_person(np.random.default_rng([seed, 3])) for seed in SEEDS]


def angle_deg(rotmat: np.ndarray) -> float:
    return float(np.rad2deg(np.linalg.norm(rotvec_from_rotmat(rotmat))))


def test_a_neutral_mount_sits_straight_and_never_slips(rig: Rig, people: list[Person]) -> None:
    mount = neutral_mount(rig, people[0], np.random.default_rng(0))
    np.testing.assert_array_equal(mount.T_head_device(0.0), mount.T_head_device(1e9))
    np.testing.assert_array_equal(mount.rig_bone(np.eye(4), 3.0), np.eye(4))
    np.testing.assert_allclose(mount.T_rest_device[:3, 0], [0, -1, 0], atol=1e-12)


def test_offsets_tilts_and_slips_stay_within_their_bounds(rig: Rig, people: list[Person]) -> None:
    offsets = []
    for seed, person in enumerate(people):
        rng = np.random.default_rng(seed)
        mount, neutral = make_mount(rig, person, rng), neutral_mount(rig, person, rng)
        moved = mount.T_rest_device @ invert_transform(neutral.T_rest_device)
        assert angle_deg(moved[:3, :3]) <= np.sqrt(3) * TILT_DEG
        shift = transform_points(moved, mount.pivot[None])[0] - mount.pivot
        assert np.abs(shift[:2]).max() <= OFFSET_M
        np.testing.assert_allclose(shift, mount.facts["offset_m"], atol=1e-5)
        offsets.append(shift)
        distances = []
        for time_s in np.concatenate([np.linspace(0, 200, 400), MOMENTS]):
            T = check_transform(mount.T_head_device(time_s), "T_head_device")
            slipped = T @ invert_transform(mount.T_rest_device)
            distances.append(float(np.linalg.norm(transform_points(slipped, mount.pivot[None])[0] - mount.pivot)))
            assert angle_deg(slipped[:3, :3]) <= SLIP_DEG
        assert 0.0002 < max(distances) <= SLIP_M
    assert np.std(offsets, axis=0).min() > 0.002


def test_the_slip_is_smooth_and_the_same_every_time(rig: Rig, people: list[Person]) -> None:
    first, second = (make_mount(rig, people[0], np.random.default_rng(4)) for _ in range(2))
    times = np.linspace(10.0, 20.0, 301)
    path = np.array([first.T_head_device(time_s)[:3, 3] for time_s in times])
    speed = np.linalg.norm(np.diff(path, axis=0), axis=1) * 30
    assert 0.0 < speed.max() < 0.05
    np.testing.assert_array_equal(first.T_head_device(12.0), second.T_head_device(12.0))
    assert first.facts == second.facts


def test_cameras_and_shell_move_with_the_device_and_the_head_does_not(rig: Rig) -> None:
    wearer = make_wearer(rig, 1)
    parts = list(wearer.body.part_names)
    cameras = np.unique(wearer.body.faces[wearer.body.face_parts == parts.index("cameras")])
    face = np.unique(wearer.body.faces[wearer.body.face_parts == parts.index("eyes")])
    in_device, in_head = [], []
    for time_s in (2.0, 31.0):
        pose, vertices = wearer.pose_at(time_s), wearer.scene_at(time_s).vertices.astype(float)
        in_device.append(transform_points(invert_transform(pose.T_world_device), vertices[cameras]))
        T_world_head = pose.T_world_rest[wearer.body.bone("head")]
        in_head.append(transform_points(invert_transform(T_world_head), vertices[face]))
        joints = transform_points(invert_transform(pose.T_world_device), pose.joints_world)
        np.testing.assert_allclose(pose.joints_device, joints, atol=1e-12)
    np.testing.assert_allclose(in_device[0], in_device[1], atol=1e-5)
    np.testing.assert_allclose(in_head[0], in_head[1], atol=1e-5)
    first, second = (
        invert_transform(wearer.pose_at(t).T_world_rest[wearer.body.bone("head")]) @ wearer.pose_at(t).T_world_device
        for t in (2.0, 31.0)
    )
    assert np.abs(first - second).max() > 1e-4


def test_nothing_sits_on_a_lens(rig: Rig, people: list[Person]) -> None:
    for seed, person in enumerate(people):
        mount, motion = make_mount(rig, person, np.random.default_rng([seed, 1])), ProceduralMotion(person.body, seed)
        worn = mount.wear(person, rig)
        colours = mount.face_colours(person, worn).astype(np.float32)
        for time_s in np.arange(3.0, 100.0, 19.0):
            T = bone_transforms(person.body, motion.pose_at(time_s))
            T_world_head = T[person.body.bone("head")]
            vertices = skin(worn, np.concatenate([T, mount.rig_bone(T_world_head, time_s)[None]]), worn.vertices)
            scene = Scene(vertices, vertex_normals(vertices, worn.faces), worn.faces, colours)
            distances = lens_distances(rig, scene, worn.faces, T_world_head @ mount.T_head_device(time_s))
            assert distances.min() > LENS_CLEARANCE_M, (seed, time_s, distances)


def test_a_lens_with_something_on_it_is_noticed(rig: Rig, people: list[Person]) -> None:
    mount = neutral_mount(rig, people[0], np.random.default_rng(0))
    T = mount.T_rest_device.copy()
    # The front cameras are where the face is.
    for ahead, aside in ((0.05, 0.0), (0.02, 0.06)):
        T[:3, 3] = people[0].body.head_joint + np.array([ahead, aside, 0.0])
        assert resting_clearance(replace(mount, T_rest_device=T), rig, people[0]).min() < LENS_CLEARANCE_M


def test_wide_lenses_do_not_see_their_own_housing(people: list[Person]) -> None:
    lens = EquidistantLens(320, 240, (60.0, 60.0), (159.5, 119.5), (0.0, 0.0, 0.0, 0.0), np.deg2rad(112))
    rear = np.eye(4)
    rear[1, 3] = 0.3
    rig = Rig("wide", (Camera("front", lens, np.eye(4)), Camera("rear", lens, rear)))
    mount = make_mount(rig, people[0], np.random.default_rng(0))
    assert resting_clearance(mount, rig, people[0]).min() > LENS_CLEARANCE_M


def test_a_rig_whose_cameras_are_inside_the_head_is_refused(people: list[Person]) -> None:
    lens = EquidistantLens(320, 240, (80.0, 80.0), (159.5, 119.5), (0.0, 0.0, 0.0, 0.0), np.deg2rad(80))
    low, high = np.eye(4), np.eye(4)
    low[:3, 3], high[:3, 3] = (0.0, 0.16, 0.25), (0.0, 0.0, -0.25)
    rig = Rig("inside", (Camera("low", lens, low), Camera("high", lens, high)))
    with pytest.raises(MountError, match="'inside'.* mm from the lens of .*T_device_camera"):
        make_mount(rig, people[0], np.random.default_rng(0))


def test_another_mount_is_another_view_of_the_same_person(rig: Rig, people: list[Person], wearer: Wearer) -> None:
    one, other = (
        Wearer(rig, wearer.person, wearer.motion, wearer.place, make_mount(rig, wearer.person, rng))
        for rng in (np.random.default_rng(1), np.random.default_rng(2))
    )
    np.testing.assert_array_equal(one.pose_at(5.0).joints_world, other.pose_at(5.0).joints_world)
    assert np.abs(one.pose_at(5.0).joints_device - other.pose_at(5.0).joints_device).max() > 1e-3
