"""EgoRear-small: what its masks, its peaks and its shared weights promise."""

from dataclasses import replace

import pytest
import torch

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.models.size import ModelSize
from egorear_ros.models.small.network import SMALL, EgoRearSmall
from egorear_ros.models.small.refinement import TRUSTED_PEAK, precise_peaks

RIG = load_rig("ego4view_syn")
TINY = replace(
    SMALL, image_size=64, backbone_channels=8, channels=16, lifter_layers=1, context_channels=16, sight_channels=16
)


def network(views: int = 4, size: ModelSize = TINY, **options: bool) -> EgoRearSmall:
    torch.manual_seed(3)
    net = EgoRearSmall(replace(size, view_count=views), RIG.select(RIG.views[:views]), **options)
    with torch.no_grad():
        # An untrained head is silent; strong filters and noisy maps make every path matter.
        net.head.bias.normal_(0.3, 0.3)
        net.refiner.filter.weight.normal_(0.0, 0.5)
        # Below the cameras, where all of them look.
        net.lifter.mean_pose_cm.copy_(torch.tensor([0.0, 20.0, 80.0]))
        for layer in net.lifter.context_layers:
            layer.look.out_proj.weight.normal_(0.0, 0.5)
            layer.think.layers[-1].weight.normal_(0.0, 0.5)
    return net.eval().requires_grad_(False)


def images(batch: int = 2, views: int = 4) -> torch.Tensor:
    torch.manual_seed(4)
    return torch.randn(batch, views, 3, 64, 64)


def test_shapes_and_bounds() -> None:
    output = network()(images())
    assert output.heatmaps.shape == output.refined_heatmaps.shape == (2, 4, 15, 16, 16)
    assert output.lift.poses_cm.shape == (2, 2, 16, 3)
    assert output.lift.joints_cm.shape == (2, 16, 3)
    assert (output.lift.scales_cm > 0).all()
    assert output.lift.poses_cm.isfinite().all()


def test_every_view_matters_and_a_masked_one_does_not() -> None:
    net, seen = network(), images()
    mask = torch.tensor([[True, True, False, True], [True, True, True, True]])
    changed = seen.clone()
    changed[0, 2] = 5.0
    masked = net(seen, None, mask).lift.joints_cm
    torch.testing.assert_close(net(changed, None, mask).lift.joints_cm, masked)
    for view in range(4):
        other = seen.clone()
        other[:, view] = torch.randn_like(other[:, view])
        assert (net(other).lift.joints_cm - net(seen).lift.joints_cm).abs().max() > 1e-6


def test_the_same_weights_serve_fewer_cameras() -> None:
    """Two cameras with their own network are four cameras with two masked."""
    four, two = network(), network(2)
    two.load_state_dict(four.state_dict())
    seen = images()
    mask = torch.tensor([True, True, False, False]).expand(2, -1)
    torch.testing.assert_close(
        two(seen[:, :2]).lift.joints_cm, four(seen, None, mask).lift.joints_cm, atol=1e-4, rtol=1e-4
    )


def test_context_changes_nothing_before_it_is_trained() -> None:
    plain = network(size=replace(TINY, context_channels=0))
    assert not any("context" in name for name in plain.state_dict())
    torch.manual_seed(5)
    fresh = EgoRearSmall(TINY, RIG).eval()
    assert all("context" in name for name in fresh.load_state_dict(plain.state_dict(), strict=False).missing_keys)
    with torch.no_grad():
        torch.testing.assert_close(fresh(images()).lift.poses_cm, plain(images()).lift.poses_cm, atol=1e-5, rtol=0)


def test_it_can_do_without_triangulation() -> None:
    plain = network(size=replace(TINY, sight_channels=0))
    assert not any("triangulation" in name for name in plain.state_dict())
    solving = network()
    missing = solving.load_state_dict(plain.state_dict(), strict=False).missing_keys
    assert missing and all(name.startswith("lifter.triangulations.0.trust") for name in missing)
    first, second = solving(images()).lift.poses_cm - plain(images()).lift.poses_cm
    assert not first.any(), "the proposal is the tokens' alone"
    assert second.abs().max() > 1e-3


def test_context_knows_where_its_cells_look() -> None:
    net, grey = network(), torch.ones(1, 4, 16, 16, 16)
    turned = net.rays.T_device_camera.inverse().clone()
    turned[0, :3] = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]) @ turned[0, :3]
    before, after = (net.lifter.context(grey, net.rays, place) for place in (None, turned[None]))
    assert before.shape == (1, 4, 16, 16), "a view has 4x4 cells"
    torch.testing.assert_close(after[:, 1:], before[:, 1:])
    assert (after[:, 0] - before[:, 0]).norm(dim=-1).min() > 1e-3, "another direction is another token"


def test_no_view_at_all_gives_a_finite_pose() -> None:
    output = network()(images(), None, torch.zeros(2, 4, dtype=torch.bool).index_fill(1, torch.tensor([0]), True))
    assert output.lift.joints_cm.isfinite().all()


@pytest.mark.parametrize("option", ["refine", "mask"])
def test_ablations_change_the_function(option: str) -> None:
    full, without = network(), network(**{option: False})
    without.load_state_dict(full.state_dict(), strict=False)
    assert (full(images()).lift.joints_cm - without(images()).lift.joints_cm).abs().max() > 1e-6


def test_gradients_reach_every_weight() -> None:
    net = network().train().requires_grad_(True)
    output = net(images(4))
    loss = output.lift.poses_cm.square().mean() + output.lift.scales_cm.mean()
    (loss + output.heatmaps.square().mean() + output.refined_heatmaps.square().mean()).backward()
    silent = [name for name, weight in net.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert silent == []


def test_peaks_lie_between_pixels() -> None:
    place = torch.tensor([7.3, 10.6])
    axis = torch.arange(32.0)
    rows, columns = (torch.exp(-((axis - value) ** 2) / 2) for value in (place[1], place[0]))
    peaks = precise_peaks((rows[:, None] * columns)[None, None, None])
    torch.testing.assert_close(peaks.uv[0, 0, 0] * 32, place, atol=0.02, rtol=0)
    assert peaks.valid.all()


def test_a_second_weaker_peak_does_not_pull() -> None:
    maps = torch.zeros(1, 1, 1, 32, 32)
    maps[..., 5, 6], maps[..., 25, 20] = 0.9, 0.8
    peaks = precise_peaks(maps)
    torch.testing.assert_close(peaks.uv[0, 0, 0] * 32, torch.tensor([6.0, 5.0]), atol=1e-3, rtol=0)
    assert not precise_peaks(maps * (TRUSTED_PEAK / 0.9 - 0.01)).valid.any()


def test_an_empty_map_has_a_finite_peak() -> None:
    peaks = precise_peaks(torch.zeros(1, 1, 2, 16, 16))
    assert peaks.uv.isfinite().all()
    assert not peaks.valid.any()
