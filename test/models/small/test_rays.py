"""Rays of heatmap pixels: the lens's own inverse, turned into the device frame."""

import numpy as np
import pytest
import torch

from egorear_ros.geometry.fisheye import unproject
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.geometry.transforms import invert_transform
from egorear_ros.models.small.lifter import camera_centres, joint_rays
from egorear_ros.models.small.rays import ViewRays, sample_map

RIG = load_rig("ego4view_syn")


def test_rays_are_those_of_the_lens() -> None:
    rng = np.random.default_rng(0)
    uv = rng.uniform(0.25, 0.75, (1, 4, 15, 2))
    rays = ViewRays(RIG, 32)(torch.from_numpy(uv).float())
    for view, camera in enumerate(RIG.cameras):
        expected, inside = unproject(uv[0, view] * (camera.lens.width, camera.lens.height), camera.lens)
        assert inside.all()
        expected = expected @ camera.T_device_camera[:3, :3].T
        angle = np.rad2deg(np.arccos(np.clip((rays.directions[0, view].numpy() * expected).sum(-1), -1, 1)))
        assert angle.max() < 0.2
        np.testing.assert_allclose(rays.centres[0, view, 0], camera.T_device_camera[:3, 3], atol=1e-6)


def test_given_extrinsics_replace_those_of_the_rig() -> None:
    uv = torch.rand(2, 4, 15, 2)
    own = ViewRays(RIG, 32)(uv)
    T = torch.from_numpy(np.stack([invert_transform(camera.T_device_camera) for camera in RIG.cameras]))
    given = ViewRays(RIG, 32)(uv, T.expand(2, -1, -1, -1))
    torch.testing.assert_close(given.directions, own.directions, atol=1e-5, rtol=0)
    torch.testing.assert_close(given.centres, own.centres.expand_as(given.centres), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("column", "row"), [(0, 0), (3, 7), (31, 31)])
def test_a_whole_pixel_is_sampled_exactly(column: int, row: int) -> None:
    maps = torch.rand(1, 5, 32, 32)
    uv = torch.tensor([[[column / 32, row / 32]]])
    torch.testing.assert_close(sample_map(maps, uv, 32)[0, 0], maps[0, :, row, column])


def test_rays_to_joints_start_at_the_cameras() -> None:
    T = torch.from_numpy(np.stack([invert_transform(camera.T_device_camera) for camera in RIG.cameras])).float()
    joints_cm = 100 * torch.randn(2, 16, 3)
    rays = joint_rays(joints_cm, camera_centres(T).expand(2, -1, -1))
    torch.testing.assert_close(rays[..., :3] + rays[..., 3:], (joints_cm / 100)[:, None].expand(-1, 4, -1, -1))
    for view, camera in enumerate(RIG.cameras):
        np.testing.assert_allclose(rays[0, view, 0, 3:], camera.T_device_camera[:3, 3], atol=1e-6)
