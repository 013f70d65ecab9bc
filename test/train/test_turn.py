"""Frame sets with the head held otherwise."""

from dataclasses import replace
from typing import cast

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

pytest.importorskip("lightning")

from egorear_ros.geometry.fisheye import project, unproject
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.geometry.transforms import invert_transform, transform_points
from egorear_ros.geometry.virtual_camera import virtual_rig
from egorear_ros.models.small.network import SMALL
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import FloatArray, Rig
from egorear_train.batch import Batch, BatchError
from egorear_train.stages import SmallPoseStage
from egorear_train.turn import Turn, random_rotations

SIZE = 64


@pytest.fixture(scope="module", params=["real", "virtual"])
def rig(request: pytest.FixtureRequest) -> Rig:
    real = load_rig("ego4view_syn")
    return real if request.param == "real" else virtual_rig(real)


def shaded(rig: Rig, T_device_camera: FloatArray, R_world_device: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return (V, 3, SIZE, SIZE) images of a far world that is shaded by direction, and (V, SIZE, SIZE) what is seen."""
    images, seen = [], []
    for camera, T in zip(rig.cameras, T_device_camera, strict=True):
        axis = (np.arange(SIZE) + 0.5) / SIZE
        u, v = np.meshgrid(axis * camera.lens.width - 0.5, axis * camera.lens.height - 0.5)
        rays, visible = unproject(np.stack([u, v], axis=-1), camera.lens)
        rays = rays @ (R_world_device @ T[:3, :3]).T
        images.append(np.moveaxis(np.where(visible[..., None], 127.0 + 100.0 * rays, 0.0), -1, 0).round())
        seen.append(visible)
    return np.stack(images), np.stack(seen)


def batch_of(rig: Rig, count: int = 2) -> Batch:
    joints_m = np.random.default_rng(1).uniform([-0.4, -0.4, 0.3], [0.4, 0.5, 1.4], (16, 3))
    T_camera_device = np.stack([invert_transform(camera.T_device_camera) for camera in rig.cameras])
    in_camera = [transform_points(T, joints_m[list(EGO4VIEW.heatmap_joints)]) for T in T_camera_device]
    pixels = [project(points, camera.lens)[0] for points, camera in zip(in_camera, rig.cameras, strict=True)]
    images, _ = shaded(rig, np.linalg.inv(T_camera_device), np.eye(3))
    content = {
        "images": torch.from_numpy(images).to(torch.uint8),
        "joints_cm": torch.from_numpy(100.0 * joints_m).float(),
        "pixels": torch.from_numpy(np.stack(pixels)).float(),
        "visible": torch.ones(4, 15, dtype=torch.bool),
        "T_camera_device": torch.from_numpy(T_camera_device).float(),
    }
    names = [f"frame {number}" for number in range(count)]
    return cast(Batch, {**{key: torch.stack([value] * count) for key, value in content.items()}, "meta": names})


def random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def turns(count: int, head_deg: float, camera_deg: float) -> tuple[Tensor, Tensor]:
    head = random_rotations((count, 1), head_deg, random(3))
    return head, random_rotations((count, 4), camera_deg, random(4))


def test_images_show_what_the_new_extrinsics_say(rig: Rig) -> None:
    before = batch_of(rig, 1)
    head, cameras = turns(1, 12.0, 4.0)
    after = Turn(rig, SIZE, 0.0, 0.0).by(before, head, cameras)
    T_device_camera = np.linalg.inv(after["T_camera_device"][0].double().numpy())
    # The new device frame is turned in the world, which is the old device frame.
    expected, seen = shaded(rig, T_device_camera, head[0, 0].double().numpy())
    black = torch.from_numpy(~seen) | (after["images"][0] == 0).all(dim=1)
    inside = (F.max_pool2d(black.float(), 5, stride=1, padding=2) == 0)[:, None].expand(-1, 3, -1, -1)
    assert float(inside.float().mean()) > 0.5
    error = (after["images"][0].float() - torch.from_numpy(expected).float()).abs()[inside]
    assert float(error.quantile(0.99)) <= 2.0


def test_joints_pixels_and_extrinsics_agree(rig: Rig) -> None:
    after = Turn(rig, SIZE, 0.0, 0.0).by(batch_of(rig), *turns(2, 12.0, 4.0))
    for row in range(2):
        joints_m = after["joints_cm"][row].double().numpy()[list(EGO4VIEW.heatmap_joints)] / 100.0
        for view, camera in enumerate(rig.cameras):
            in_camera = transform_points(after["T_camera_device"][row, view].double().numpy(), joints_m)
            pixels, seen = project(in_camera, camera.lens)
            np.testing.assert_allclose(after["pixels"][row, view].numpy(), pixels, atol=0.02)
            np.testing.assert_array_equal(after["visible"][row, view].numpy(), seen)


def test_nobody_moves_in_front_of_a_camera(rig: Rig) -> None:
    """Only the direction changes: a joint stays as far from each camera as it was."""
    before = batch_of(rig)
    after = Turn(rig, SIZE, 0.0, 0.0).by(before, *turns(2, 12.0, 4.0))
    far = [
        transform_points(batch["T_camera_device"], batch["joints_cm"][:, None] / 100.0).norm(dim=-1)
        for batch in (before, after)
    ]
    torch.testing.assert_close(far[0], far[1], atol=1e-5, rtol=0)


def test_cameras_that_follow_the_head_are_mounted_as_before(rig: Rig) -> None:
    before = batch_of(rig)
    after = Turn(rig, SIZE, 0.0, 0.0).by(before, *turns(2, 12.0, 0.0))
    torch.testing.assert_close(
        after["T_camera_device"][..., :3, :3], before["T_camera_device"][..., :3, :3], atol=1e-6, rtol=0
    )


def test_turning_back_is_as_before(rig: Rig) -> None:
    turn, before = Turn(rig, SIZE, 0.0, 0.0), batch_of(rig)
    head, nothing = turns(2, 10.0, 0.0)
    after = turn.by(turn.by(before, head, nothing), head.mT, nothing)
    for key in ("joints_cm", "T_camera_device"):
        torch.testing.assert_close(after[key], before[key], atol=1e-4, rtol=0)
    torch.testing.assert_close(after["pixels"], before["pixels"], atol=0.02, rtol=0)


def test_only_the_chosen_ones_and_each_by_its_own_angle(rig: Rig) -> None:
    before = batch_of(rig, 3)
    after = Turn(rig, SIZE, 8.0, 2.0)(before, torch.tensor([True, False, True]), random(5))
    for key in ("images", "joints_cm", "pixels", "visible", "T_camera_device"):
        assert torch.equal(after[key][1], before[key][1])
    assert after["meta"] == before["meta"]
    moved = (after["joints_cm"] - before["joints_cm"]).norm(dim=-1).mean(dim=-1)
    assert moved[0] > 1.0 < moved[2]
    assert not torch.allclose(after["joints_cm"][0], after["joints_cm"][2], atol=1.0)
    again = Turn(rig, SIZE, 8.0, 2.0)(before, torch.tensor([True, False, True]), random(5))
    assert torch.equal(again["images"], after["images"])


def test_mixed_precision_changes_nothing(rig: Rig) -> None:
    turn, before, angles = Turn(rig, SIZE, 0.0, 0.0), batch_of(rig), turns(2, 10.0, 2.0)
    with torch.autocast("cpu", torch.bfloat16):
        rough = turn.by(before, *angles)
    exact = turn.by(before, *angles)
    for key in ("images", "joints_cm", "pixels", "T_camera_device"):
        assert torch.equal(rough[key], exact[key])


def test_angles_are_as_large_as_asked_for() -> None:
    rotations = random_rotations((4000,), 10.0, random(1))
    torch.testing.assert_close(rotations @ rotations.mT, torch.eye(3).expand(4000, 3, 3), atol=1e-5, rtol=0)
    angle = ((rotations.diagonal(dim1=-2, dim2=-1).sum(dim=-1) - 1.0) / 2.0).clamp(-1, 1).acos().rad2deg()
    assert float(angle.square().mean()) == pytest.approx(3 * 10.0**2, rel=0.1)


def test_a_negative_angle_is_refused() -> None:
    with pytest.raises(ValueError, match=r"head_turn_deg is -1 and model\.camera_turn_deg 2; expected 0 or more"):
        Turn(load_rig("ego4view_syn"), SIZE, -1.0, 2.0)


def test_wrong_data_are_named_before_they_are_turned() -> None:
    stage = SmallPoseStage(size=replace(SMALL, image_size=SIZE, channels=16, lifter_layers=1), turned=1.0)
    content = batch_of(load_rig("ego4view_syn"))
    bare = cast(Batch, {key: value for key, value in content.items() if key != "joints_cm"})
    with pytest.raises(BatchError, match="has no `joints_cm`"):
        stage.training_step(bare, 0)
