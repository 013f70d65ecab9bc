"""Frame sets seen in a mirror."""

from dataclasses import replace
from typing import cast

import numpy as np
import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("lightning")

from egorear_ros.geometry.fisheye import project, unproject
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.geometry.transforms import invert_transform, transform_points
from egorear_ros.models.small.network import SMALL
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import FloatArray, Rig
from egorear_train.batch import Batch, BatchError
from egorear_train.mirror import Mirror
from egorear_train.stages import SmallPoseStage

SIZE = 64


@pytest.fixture(scope="module")
def rig() -> Rig:
    return load_rig("ego4view_syn")


def seen(rig: Rig, joints_m: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the (V, 15, 2) pixels of joints and (V, 3, SIZE, SIZE) images, shaded by where rays go."""
    pixels, images = [], []
    u, v = np.meshgrid(*[(np.arange(SIZE) + 0.5) / SIZE * 872 - 0.5] * 2)
    for camera in rig.cameras:
        in_camera = transform_points(invert_transform(camera.T_device_camera), joints_m)
        pixels.append(project(in_camera[list(EGO4VIEW.heatmap_joints)], camera.lens)[0])
        rays, visible = unproject(np.stack([u, v], axis=-1), camera.lens)
        rays = rays @ camera.T_device_camera[:3, :3].T
        images.append(np.moveaxis(np.where(visible[..., None], 127.0 + 100.0 * rays, 0.0), -1, 0).round())
    return np.stack(pixels), np.stack(images)


def batch_of(rig: Rig, joints_m: FloatArray) -> Batch:
    pixels, images = seen(rig, joints_m)
    T_camera_device = np.stack([invert_transform(camera.T_device_camera) for camera in rig.cameras])
    content = {
        "images": torch.from_numpy(images).to(torch.uint8)[None],
        "joints_cm": torch.from_numpy(100.0 * joints_m).float()[None],
        "pixels": torch.from_numpy(pixels).float()[None],
        "T_camera_device": torch.from_numpy(T_camera_device).float()[None],
    }
    return cast(Batch, {**{key: torch.cat([value] * 2) for key, value in content.items()}, "meta": ["a", "b"]})


def body(seed: int) -> FloatArray:
    joints: FloatArray = np.random.default_rng(seed).uniform([-0.6, -0.5, 0.1], [0.6, 0.7, 1.4], (16, 3))
    return joints


def mirrored_body(joints_m: FloatArray) -> FloatArray:
    """The naive twin: rename the joints and turn x around."""
    result = np.empty_like(joints_m)
    for joint, name in enumerate(EGO4VIEW.joint_names):
        other = {"left": "right", "right": "left"}.get(name.split("_")[0])
        place = EGO4VIEW.index(f"{other}_{name.split('_')[1]}") if other else joint
        result[place] = joints_m[joint] * (-1.0, 1.0, 1.0)
    return result


def test_a_mirrored_set_is_what_the_rig_sees_of_a_mirrored_person(rig: Rig) -> None:
    joints_m = body(1)
    before = batch_of(rig, joints_m)
    after = Mirror(rig, SIZE)(before, torch.tensor([True, False]))
    expected = batch_of(rig, mirrored_body(joints_m))
    torch.testing.assert_close(after["joints_cm"][0], expected["joints_cm"][0])
    torch.testing.assert_close(after["pixels"][0], expected["pixels"][0], atol=0.01, rtol=0)
    torch.testing.assert_close(after["T_camera_device"][0], expected["T_camera_device"][0])
    # The image says in red where rays go to the right; a mirrored world's red is turned around.
    red = after["images"][0, :, 0].float()
    black = (expected["images"][0, :, 2] == 0) | (after["images"][0, :, 2] == 0)
    # Where the lens ends, bilinear sampling mixes in the black beside it.
    inside = F.max_pool2d(black.float(), 5, stride=1, padding=2) == 0
    assert float(inside.float().mean()) > 0.6
    error = (254.0 - red - expected["images"][0, :, 0].float()).abs()[inside]
    assert float(error.quantile(0.99)) <= 2.0
    green = (after["images"][0, :, 1].float() - expected["images"][0, :, 1].float()).abs()[inside]
    assert float(green.quantile(0.99)) <= 2.0
    for key in ("images", "joints_cm", "pixels", "T_camera_device"):
        torch.testing.assert_close(after[key][1], before[key][1])


def test_each_camera_gets_its_partners_image(rig: Rig) -> None:
    shades = torch.tensor([40, 90, 140, 190], dtype=torch.uint8)
    before = batch_of(rig, body(3))
    before["images"] = shades.view(1, 4, 1, 1, 1).expand(2, 4, 3, SIZE, SIZE).clone()
    after = Mirror(rig, SIZE)(before, torch.tensor([True, False]))
    middle = after["images"][0, :, :, SIZE // 2, SIZE // 2]
    assert middle.tolist() == shades[[1, 0, 3, 2]][:, None].expand(4, 3).tolist()


def test_what_was_hidden_on_the_left_is_hidden_on_the_right(rig: Rig) -> None:
    """A joint behind a limb is in the lens's field of view, so a lens cannot say that it is hidden."""
    before = batch_of(rig, body(4))
    before["visible"] = torch.ones(2, 4, 15, dtype=torch.bool)
    left, right, neck = (EGO4VIEW.index(name) - 1 for name in ("left_wrist", "right_wrist", "neck"))
    before["visible"][:, 0, left] = False
    before["visible"][:, 2, neck] = False
    after = Mirror(rig, SIZE)(before, torch.tensor([True, False]))["visible"]
    assert (~after[0]).nonzero().tolist() == [[1, right], [3, neck]]
    assert (~after[1]).nonzero().tolist() == [[0, left], [2, neck]]


def test_wrong_data_are_named_before_they_are_mirrored(rig: Rig) -> None:
    stage = SmallPoseStage(size=replace(SMALL, image_size=SIZE, channels=16, lifter_layers=1), mirror=1.0)
    bare = cast(Batch, {key: value for key, value in batch_of(rig, body(5)).items() if key != "joints_cm"})
    with pytest.raises(BatchError, match="has no `joints_cm`"):
        stage.training_step(bare, 0)


def test_a_teacher_makes_an_answer_and_its_mirror_image_agree(rig: Rig) -> None:
    torch.manual_seed(0)
    tiny = replace(SMALL, image_size=SIZE, backbone_channels=8, channels=16, lifter_layers=1)
    stage = SmallPoseStage(
        size=tiny,
        view_drop=0.0,
        colour_jitter=0.0,
        heatmap_weight=0.0,
        pose_weight=0.0,
        mirror_teacher=1.0,
        average_decay=0.5,
    )
    with torch.no_grad():
        stage.trained.lifter.mean_pose_cm.copy_(torch.from_numpy(100.0 * body(6)))  # no mirror image of itself
    stage.average.load_state_dict(stage.trained.state_dict())
    batch, both = batch_of(rig, body(4)), torch.tensor([True, True])

    def apart_cm() -> float:
        stage.eval()
        seen, in_mirror = stage.run(batch), stage.run(Mirror(rig, SIZE)(batch, both))
        naive = mirrored_body(in_mirror.lift.joints_cm[0].detach().numpy())
        return float(np.linalg.norm(seen.lift.joints_cm[0].detach().numpy() - naive, axis=-1).mean())

    before = apart_cm()
    optimizer = torch.optim.Adam(stage.trained.parameters(), lr=1e-3)
    for _ in range(60):
        stage.train()
        optimizer.zero_grad()
        stage.training_step(batch, 0).backward()
        optimizer.step()
        stage.after_step()
    assert before > 20.0
    assert apart_cm() < before / 2


def test_twice_in_the_mirror_is_as_before(rig: Rig) -> None:
    mirror, before = Mirror(rig, SIZE), batch_of(rig, body(2))
    both = torch.tensor([True, True])
    after = mirror(mirror(before, both), both)
    torch.testing.assert_close(after["joints_cm"], before["joints_cm"])
    torch.testing.assert_close(after["pixels"], before["pixels"], atol=0.01, rtol=0)


def test_mixed_precision_changes_nothing(rig: Rig) -> None:
    mirror, before, both = Mirror(rig, SIZE), batch_of(rig, body(3)), torch.tensor([True, True])
    with torch.autocast("cpu", torch.bfloat16):
        rough = mirror(before, both)
    exact = mirror(before, both)
    for key in ("images", "joints_cm", "pixels", "T_camera_device"):
        assert torch.equal(rough[key], exact[key])


def test_a_rig_that_is_not_symmetric_is_refused(rig: Rig) -> None:
    moved = rig.cameras[0].T_device_camera.copy()
    moved[2, 3] += 0.01
    askew = replace(rig, cameras=(replace(rig.cameras[0], T_device_camera=moved), *rig.cameras[1:]))
    with pytest.raises(
        ValueError, match=r"symmetric about x = 0.*front_left.*model\.mirror and model\.mirror_teacher to"
    ):
        Mirror(askew, SIZE)
