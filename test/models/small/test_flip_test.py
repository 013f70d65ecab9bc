"""EgoRear-small with a mirror: it knows no left and right."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.geometry.symmetry import MIRROR, partners
from egorear_ros.models.build import build_network, load_network
from egorear_ros.models.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from egorear_ros.models.fast.optimize import optimize
from egorear_ros.models.header import CheckpointHeader
from egorear_ros.models.small.flip_test import FlipTestedEgoRearSmall
from egorear_ros.models.small.network import SMALL, EgoRearSmall
from egorear_ros.runtimes.identity import identify
from egorear_ros.skeleton import EGO4VIEW

RIG = load_rig("ego4view_syn")
TINY = replace(
    SMALL, image_size=64, backbone_channels=8, channels=16, lifter_layers=1, context_channels=16, sight_channels=16
)
PARTNERS = partners(RIG)
AXES = torch.tensor([-1.0, 1.0, 1.0])


def networks() -> tuple[EgoRearSmall, FlipTestedEgoRearSmall]:
    """The same weights, strong enough that everything matters, without and with a mirror."""
    torch.manual_seed(3)
    plain = EgoRearSmall(TINY, RIG, virtual_cameras=True).eval().requires_grad_(False)
    for weight in plain.parameters():
        weight.add_(0.1 * torch.randn_like(weight))
    plain.lifter.mean_pose_cm.copy_(torch.tensor([0.0, 20.0, 80.0]))
    mirrored = FlipTestedEgoRearSmall(TINY, RIG, virtual_cameras=True).eval().requires_grad_(False)
    mirrored.load_state_dict(plain.state_dict())
    return plain, mirrored


def seen(net: EgoRearSmall) -> tuple[Tensor, Tensor, Tensor]:
    """Virtual images, places of cameras that are nearly those of the rig, and which views are there."""
    torch.manual_seed(4)
    T = net.lifter.project.T_camera_device.expand(2, -1, -1, -1).clone()
    T[..., :3, 3] += 0.01 * torch.randn(2, 4, 3)
    mask = torch.tensor([[True, True, True, True], [True, True, False, True]])
    return torch.randn(2, 4, 3, 64, 64), T, mask


def flipped(images: Tensor, T: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    mirror = torch.from_numpy(MIRROR).float()
    return images[:, PARTNERS].flip(-1), mirror @ T[:, PARTNERS] @ mirror, mask[:, PARTNERS]


def test_what_a_mirror_shows_has_the_mirrored_answer() -> None:
    plain, net = networks()
    what = seen(net)
    here, there = net.look(*what).lift, net.look(*flipped(*what)).lift
    torch.testing.assert_close(there.joints_cm[:, EGO4VIEW.other_side] * AXES, here.joints_cm, atol=1e-3, rtol=0)
    assert here.scale_cm is not None
    assert there.scale_cm is not None
    torch.testing.assert_close(there.scale_cm[:, EGO4VIEW.other_side], here.scale_cm)
    one_sided = plain.look(*flipped(*what)).lift.joints_cm[:, EGO4VIEW.other_side] * AXES
    assert (one_sided - plain.look(*what).lift.joints_cm).abs().max() > 0.1


def test_it_is_the_mean_of_two_looks() -> None:
    plain, net = networks()
    what = seen(net)
    first, second, both = plain.look(*what), plain.look(*flipped(*what)), net.look(*what)
    mean = 0.5 * (first.lift.poses_cm + second.lift.poses_cm[:, :, EGO4VIEW.other_side] * AXES)
    torch.testing.assert_close(both.lift.poses_cm, mean, atol=1e-3, rtol=0)
    for ours, theirs in zip(both.peaks, first.peaks, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=0)
    torch.testing.assert_close(both.refined_heatmaps, first.refined_heatmaps, atol=1e-3, rtol=0)


def test_real_images_pass_the_virtual_cameras_once() -> None:
    _, net = networks()
    assert net.virtual is not None
    images = torch.randn(1, 4, 3, 128, 128)
    shown, _ = net.virtual(images, None)
    torch.testing.assert_close(net(images).lift.joints_cm, net.look(shown, None, None).lift.joints_cm)
    torch.testing.assert_close(optimize(net)(images).lift.joints_cm, net(images).lift.joints_cm, atol=1e-3, rtol=0)


def test_files_and_engines_of_one_are_not_those_of_the_other() -> None:
    digests = {identify(net, RIG, 128, "test").digest for net in networks()}
    assert len(digests) == 2


def test_it_is_built_from_the_same_weights_and_refused_where_it_makes_no_sense(tmp_path: Path) -> None:
    plain, _ = networks()
    header = CheckpointHeader("egorear_small", TINY, RIG.views, virtual_cameras=True)
    save_checkpoint(tmp_path / "small.safetensors", plain.state_dict(), header)
    saved = load_checkpoint(str(tmp_path / "small.safetensors"))
    assert isinstance(load_network(saved, RIG, flip_test=True), FlipTestedEgoRearSmall)
    moved = RIG.cameras[0].T_device_camera.copy()
    moved[2, 3] += 0.01
    askew = replace(RIG, cameras=(replace(RIG.cameras[0], T_device_camera=moved), *RIG.cameras[1:]))
    with pytest.raises(CheckpointError, match=r"estimator\.flip_test: the rig must be symmetric.*Set it to false"):
        load_network(saved, askew, flip_test=True)
    with pytest.raises(CheckpointError, match=r"flip_test: these weights do not look through virtual cameras"):
        build_network(replace(header, virtual_cameras=False), RIG, flip_test=True)
    with pytest.raises(CheckpointError, match=r"flip_test is for weights of egorear_small; these are of egorear\."):
        build_network(CheckpointHeader("egorear"), RIG, flip_test=True)
