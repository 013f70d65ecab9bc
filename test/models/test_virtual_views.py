"""What virtual cameras show is what the real ones see, and a network looks through them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from egorear_ros.geometry.fisheye import project, unproject
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.geometry.transforms import invert_transform, transform_points
from egorear_ros.geometry.virtual_camera import SIZE_PX, virtual_rig
from egorear_ros.heatmap import encode_heatmaps, find_peaks
from egorear_ros.models.small.network import SMALL, EgoRearSmall
from egorear_ros.models.virtual_views import RealMaps, VirtualViews
from egorear_ros.structures import Camera, FloatArray, Rig

SIZE = 64
TINY = replace(SMALL, image_size=SIZE, backbone_channels=8, channels=16, lifter_layers=1, context_channels=16)


@pytest.fixture(scope="module")
def rig() -> Rig:
    return load_rig("ego4view_syn")


def shaded(camera: Camera, size: int) -> tuple[Tensor, Tensor]:
    """Return a (3, size, size) image of a world shaded by direction, 0 beyond the lens, and what of it is seen."""
    axis = (np.arange(size) + 0.5) / size
    u, v = np.meshgrid(axis * camera.lens.width - 0.5, axis * camera.lens.height - 0.5)
    rays, seen = unproject(np.stack([u, v], axis=-1), camera.lens)
    world = rays @ camera.T_device_camera[:3, :3].T
    return torch.from_numpy(np.moveaxis(np.where(seen[..., None], 2.0 + world, 0.0), -1, 0)).float(), torch.from_numpy(
        seen
    )


def test_they_show_the_same_world(rig: Rig) -> None:
    views = VirtualViews(rig, SIZE)
    real = torch.stack([shaded(camera, 2 * SIZE)[0] for camera in rig.cameras])
    shown = views.resample(real[None])[0] * views.seen
    for view, camera in enumerate(views.rig.cameras):
        expected, seen = shaded(camera, SIZE)
        there = seen & (views.seen[view, 0] > 0)
        inside = F.max_pool2d(1.0 - there[None].float(), 5, stride=1, padding=2)[0] == 0
        assert float(inside.float().mean()) > 0.5
        # Bilinear sampling mixes in the black beyond the real lens where both lenses end.
        assert float((shown[view] - expected).abs()[:, inside].quantile(0.99)) < 0.02


def test_what_the_real_camera_does_not_see_is_black(rig: Rig) -> None:
    views = VirtualViews(rig, SIZE)
    white = (1.0 - views.black) * torch.ones(1, 4, 3, 2 * SIZE, 2 * SIZE) + views.black
    shown, _ = views(white, None)
    dark = views.seen == 0
    # Rear cameras turn towards the wearer, so that part of the virtual image is beyond the real lens.
    assert float(dark[2:].float().mean()) > float(dark[:2].float().mean()) > 0.15
    black = views.black.expand(4, 3, SIZE, SIZE)
    torch.testing.assert_close(shown[0][dark.expand(-1, 3, -1, -1)], black[dark.expand(-1, 3, -1, -1)])
    torch.testing.assert_close(shown[0][~dark.expand(-1, 3, -1, -1)], torch.ones(()).expand(int((~dark).sum() * 3)))


def test_extrinsics_are_those_of_the_virtual_cameras(rig: Rig) -> None:
    views = VirtualViews(rig, SIZE)
    images = torch.zeros(2, 4, 3, 2 * SIZE, 2 * SIZE)
    real = np.stack([invert_transform(camera.T_device_camera) for camera in rig.cameras])
    virtual = np.stack([invert_transform(camera.T_device_camera) for camera in views.rig.cameras])
    _, found = views(images, torch.from_numpy(real).float().expand(2, -1, -1, -1))
    assert found is not None
    torch.testing.assert_close(found, torch.from_numpy(virtual).float().expand(2, -1, -1, -1))
    assert views(images, None)[1] is None


def test_a_network_with_them_is_the_network_behind_them(rig: Rig) -> None:
    torch.manual_seed(0)
    whole = EgoRearSmall(TINY, rig, virtual_cameras=True).eval()
    assert whole.virtual is not None
    behind = EgoRearSmall(TINY, whole.virtual.rig).eval()
    behind.load_state_dict(whole.state_dict())  # nothing of the rig is among the weights
    assert (whole.input_size, behind.input_size) == (2 * SIZE, SIZE)
    images = torch.randn(2, 4, 3, 2 * SIZE, 2 * SIZE)
    with torch.no_grad():
        expected = behind(whole.virtual(images, None)[0]).lift.joints_cm
        torch.testing.assert_close(whole(images).lift.joints_cm, expected)
        real = torch.stack([torch.from_numpy(invert_transform(camera.T_device_camera)) for camera in rig.cameras])
        own = whole(images, real.float().expand(2, -1, -1, -1)).lift.joints_cm
    torch.testing.assert_close(own, expected, atol=1e-3, rtol=0)
    with pytest.raises(ValueError, match=r"images has shape \(2, 4, 3, 64, 64\).*128, 128"):
        whole(torch.zeros(2, 4, 3, SIZE, SIZE))


def test_heatmaps_are_drawn_where_the_joint_is_in_the_real_image(rig: Rig) -> None:
    virtual = virtual_rig(rig)
    points = np.array([[-0.1, 0.2, 1.0], [0.2, -0.1, 1.4], [0.05, 0.3, 0.8]])

    def pixels(cameras: Rig) -> FloatArray:
        views = [transform_points(invert_transform(camera.T_device_camera), points) for camera in cameras.cameras]
        return np.stack([project(view, camera.lens)[0] for view, camera in zip(views, cameras.cameras, strict=True)])

    maps = encode_heatmaps(torch.from_numpy(pixels(virtual)), (SIZE_PX, SIZE_PX), 32).float()
    found = find_peaks(RealMaps(rig, 32)(maps)[None]).uv[0].numpy() * 872
    assert float(np.abs(found - pixels(rig)).max()) < 872 / 48  # three quarters of a pixel of the virtual map
