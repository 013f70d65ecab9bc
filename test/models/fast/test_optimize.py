"""The inference form is the same function: on golden weights, on any views, on batches, at the border."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from egorear_ros.models.egoposeformer import EgoPoseFormer
from egorear_ros.models.egorear import EgoRear
from egorear_ros.models.fast.fold import fold_batch_norm
from egorear_ros.models.fast.grouped import group_refiners
from egorear_ros.models.fast.optimize import optimize
from egorear_ros.models.fast.sampling import bilinear_taps, gather
from egorear_ros.models.heatmap_network import HeatmapNetwork
from egorear_ros.models.size import ModelSize
from egorear_ros.models.small.network import SMALL, EgoRearSmall
from egorear_ros.structures import Rig

TOLERANCE_CM = 1e-4  # a thousandth of a millimetre


def shake(network: nn.Module) -> nn.Module:
    """Give every weight and statistic a value of its own: zeros and ones would hide mistakes."""
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                value.add_(0.05 * torch.randn(value.shape))
            if name.endswith("running_var"):
                value.abs_().add_(0.5)
    return network.eval()


def test_golden_joints_move_by_less_than_a_micrometre(golden_run: Any) -> None:
    fast = golden_run.optimized()
    with torch.inference_mode():
        joints_cm = fast(*golden_run.inputs).lift.joints_cm
    assert (joints_cm - golden_run.output.lift.joints_cm).abs().max() < TOLERANCE_CM


def test_heatmaps_are_the_same_where_asked_for(tiny_egorear: EgoRear, tiny_images: torch.Tensor) -> None:
    shake(tiny_egorear)
    fast = optimize(tiny_egorear)
    with torch.no_grad():
        plain = tiny_egorear(tiny_images).refinement
        asked, unasked = fast(tiny_images, refined_heatmaps=True).refinement, fast(tiny_images).refinement
    assert unasked.refined_heatmaps is None
    torch.testing.assert_close(asked.heatmaps, plain.heatmaps, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(asked.refined_heatmaps, plain.refined_heatmaps, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("views", [2, 3, 4])
@pytest.mark.parametrize("masked", [False, True])
def test_any_views_and_masks(views: int, masked: bool, tiny: Callable[..., ModelSize], rig: Rig) -> None:
    torch.manual_seed(views)
    network = shake(EgoRear(tiny(views), rig.select(rig.views[:views])))
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name.startswith("heatmap_estimator.conv_heatmap_layers") and name.endswith("9.bias"):
                value.fill_(0.6)
        network.pose3d_estimator.mlp_pred[2].bias.view(16, 3).copy_(torch.tensor([0.0, 20.0, 80.0]))
    images = torch.randn(3, views, 3, 64, 64)
    mask = torch.ones(3, views, dtype=torch.bool)
    mask[1, 0] = mask[2, 1] = False
    arguments = (images, None, mask if masked else None)
    with torch.no_grad():
        expected, found = network(*arguments).lift.joints_cm, optimize(network)(*arguments).lift.joints_cm
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-5)


def test_the_small_network_and_the_baseline(tiny: Callable[..., ModelSize], rig: Rig) -> None:
    torch.manual_seed(0)
    small = EgoRearSmall(replace(SMALL, image_size=64, backbone_channels=8, channels=16), rig)
    images = torch.randn(2, 4, 3, 64, 64)
    with torch.no_grad():
        for network in (shake(small), shake(EgoPoseFormer(tiny(), rig))):
            expected, found = network(images), optimize(network)(images)
            if isinstance(network, EgoRearSmall):
                expected, found = expected.lift, found.lift
            assert (found.joints_cm - expected.joints_cm).abs().max() < TOLERANCE_CM


def test_a_third_of_the_published_cost_is_gone(golden_models: Callable[[int], EgoRear]) -> None:
    """Operations of one frame set of four views; what minimal filtering saves besides is not counted."""
    network, images = golden_models(4), torch.zeros(1, 4, 3, 256, 256)
    billions = []
    for form in (network, optimize(network)):
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            form(images)
        billions.append(counter.get_total_flops() / 1e9)
    assert billions[0] == pytest.approx(64.3, abs=0.2)
    assert billions[1] < 0.68 * billions[0]


def test_the_trained_network_stays_as_it_is(tiny_egorear: EgoRear, tiny_images: torch.Tensor) -> None:
    before = {name: value.clone() for name, value in tiny_egorear.state_dict().items()}
    fast = optimize(tiny_egorear)
    with torch.no_grad():
        for value in fast.parameters():
            value.zero_()
    for name, value in tiny_egorear.state_dict().items():
        torch.testing.assert_close(value, before[name], msg=name)


def test_networks_without_poses_are_refused(tiny: Callable[..., ModelSize]) -> None:
    with pytest.raises(TypeError, match="HeatmapNetwork estimates no poses"):
        optimize(HeatmapNetwork(tiny()))


def test_folding_is_exact() -> None:
    torch.manual_seed(0)
    conv, norm = nn.Conv2d(3, 5, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(5)
    shake(norm)
    x = torch.randn(2, 3, 9, 9)
    torch.testing.assert_close(fold_batch_norm(conv, norm)(x), norm(conv(x)), atol=1e-5, rtol=1e-5)


def test_taps_are_bilinear_sampling_also_across_the_border() -> None:
    """Against `grid_sample`: inside, on pixel centres, half outside and far away."""
    torch.manual_seed(0)
    maps = torch.randn(2, 5, 8, 8)
    places = torch.cat(
        [torch.rand(2, 60, 2), torch.rand(2, 60, 2) * 3 - 1, (torch.arange(120).view(2, 30, 2) % 8 + 0.5) / 8], 1
    )
    expected = F.grid_sample(maps, places[:, :, None] * 2 - 1, padding_mode="zeros", align_corners=False)[..., 0].mT
    taps = bilinear_taps(places[:, :, None], torch.ones(2, 150, 1), 8)
    torch.testing.assert_close(gather(maps.flatten(-2).mT, taps), expected, atol=1e-5, rtol=1e-5)


def test_a_sum_of_samples_is_weighted() -> None:
    maps = torch.randn(1, 3, 4, 4)
    places, weights = torch.rand(1, 2, 6, 2), torch.rand(1, 2, 6)
    rows = maps.flatten(-2).mT
    whole = gather(rows, bilinear_taps(places, weights, 4))
    single = [gather(rows, bilinear_taps(places[:, :, p : p + 1], weights[:, :, p : p + 1], 4)) for p in range(6)]
    torch.testing.assert_close(whole, torch.stack(single).sum(dim=0))


def test_a_consumed_network_gives_the_same_form_in_its_own_memory(
    tiny_egorear: EgoRear, tiny_images: torch.Tensor
) -> None:
    shake(tiny_egorear)
    own = {weight.data_ptr() for weight in tiny_egorear.parameters()}
    copied = optimize(tiny_egorear)
    consumed = optimize(tiny_egorear, consume=True)
    assert not own & {weight.data_ptr() for weight in copied.parameters()}
    kept = sum(weight.numel() for weight in consumed.parameters() if weight.data_ptr() in own)
    assert kept > 0.3 * sum(weight.numel() for weight in consumed.parameters()), "only what was rewritten is new"
    with torch.no_grad():
        torch.testing.assert_close(
            consumed(tiny_images).lift.joints_cm, copied(tiny_images).lift.joints_cm, rtol=0, atol=0
        )


@pytest.mark.parametrize("small", [False, True])
def test_masked_views_are_not_encoded(small: bool, tiny: Callable[..., ModelSize], rig: Rig) -> None:
    network = EgoRearSmall(replace(SMALL, image_size=64), rig) if small else EgoRear(tiny(4), rig)
    fast, encoded = optimize(network.eval()), 0

    def count(_: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        nonlocal encoded
        encoded += len(inputs[0])

    for module in fast.modules():
        if type(module).__name__ in ("FastEncoder", "FastSmallEncoder"):
            module.register_forward_pre_hook(count)
    with torch.no_grad():
        fast(torch.randn(1, 4, 3, 64, 64), None, torch.tensor([[True, False, True, True]]))
    assert encoded == 3


@pytest.mark.parametrize("separate", [True, False])
def test_nothing_is_computed_of_masked_views(separate: bool, tiny: Callable[..., ModelSize], rig: Rig) -> None:
    """But a few queries: maps are nearly all of the work."""
    fast = optimize(EgoRear(tiny(4), rig).eval())
    fast = fast if separate else group_refiners(fast, maps=False)
    images, counted = torch.randn(2, 4, 3, 64, 64), 0

    def count(_: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal counted
        counted += output.numel()

    for module in fast.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)

    def work(mask: list[list[bool]]) -> int:
        nonlocal counted
        counted = 0
        with torch.no_grad():
            fast(images, None, torch.tensor(mask), refined_heatmaps=True)
        return counted

    whole = work([[True] * 4] * 2)
    assert work([[True, False, True, True]] * 2) == whole * 3 // 4
    assert work([[True, False, True, True], [True, True, False, False]]) == whole * 5 // 8
