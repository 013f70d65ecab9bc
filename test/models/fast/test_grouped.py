"""The refiners of all views at once say what they say one after the other."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from egorear_ros.models.egoposeformer import EgoPoseFormer
from egorear_ros.models.egorear import EgoRear
from egorear_ros.models.fast.grouped import GroupedQueryRefiners, GroupedRefiners, group_refiners
from egorear_ros.models.fast.grouped_layers import group_sequences
from egorear_ros.models.fast.network import FastEgoRear, MapsApart
from egorear_ros.models.fast.optimize import optimize
from egorear_ros.models.size import ModelSize
from egorear_ros.runtimes.precision import reduce_precision
from egorear_ros.structures import Rig

TOLERANCE_CM = 1e-4  # a thousandth of a millimetre


def lively(views: int, tiny: Callable[..., ModelSize], rig: Rig) -> EgoRear:
    """Return a small network in which every weight matters and peaks are trusted."""
    torch.manual_seed(views)
    network = EgoRear(tiny(views), rig.select(rig.views[:views])).eval()
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.add_(0.05 * torch.randn(value.shape))
            if "conv_heatmap_layers_stereo" in name and name.endswith("9.bias"):
                value.fill_(0.6)
        network.pose3d_estimator.mlp_pred[2].bias.view(16, 3).copy_(torch.tensor([0.0, 20.0, 80.0]))
    return network.requires_grad_(False)


@pytest.mark.parametrize("maps", [True, False])
def test_golden_joints(maps: bool, golden_run: Any) -> None:
    grouped = group_refiners(golden_run.optimized(), maps=maps)
    assert isinstance(grouped.refiners, GroupedRefiners if maps else GroupedQueryRefiners)
    with torch.inference_mode():
        joints_cm = grouped(*golden_run.inputs).lift.joints_cm
    assert (joints_cm - golden_run.output.lift.joints_cm).abs().max() < TOLERANCE_CM


@pytest.mark.parametrize("views", [2, 3, 4])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("maps", [False, True])
def test_everything_is_as_in_the_loop(
    views: int, masked: bool, maps: bool, tiny: Callable[..., ModelSize], rig: Rig
) -> None:
    network = lively(views, tiny, rig)
    loop, grouped = optimize(network), group_refiners(optimize(network), maps=maps)
    assert isinstance(loop, FastEgoRear)
    assert isinstance(grouped, FastEgoRear)
    assert isinstance(grouped.refiners, GroupedRefiners if maps else GroupedQueryRefiners)
    images = torch.randn(3, views, 3, 64, 64)
    mask = torch.ones(3, views, dtype=torch.bool)
    mask[1, 0] = mask[2, 1] = False
    arguments = (images, None, mask if masked else None)
    with torch.inference_mode():
        expected, found = (form(*arguments, refined_heatmaps=True) for form in (loop, grouped))
    torch.testing.assert_close(found.lift.joints_cm, expected.lift.joints_cm, atol=TOLERANCE_CM, rtol=1e-6)
    # Features of masked views are nobody's: `refinement.features` has zeros there.
    for one, other in zip(found.refinement.views, expected.refinement.views, strict=True):
        torch.testing.assert_close(one[:2], other[:2], atol=1e-4, rtol=1e-4)
    for name in ("features", "refined_heatmaps"):
        torch.testing.assert_close(
            getattr(found.refinement, name), getattr(expected.refinement, name), atol=1e-4, rtol=1e-4
        )
    assert expected.refinement.peaks.valid.any(), "without a trusted peak nothing would have been sampled"


@pytest.mark.parametrize("maps", [False, True])
def test_fewer_digits(maps: bool, tiny: Callable[..., ModelSize], rig: Rig) -> None:
    """Where the rest is equal to the bit: in convolutions alone."""
    network, device = lively(4, tiny, rig), torch.device("cpu")
    loop = reduce_precision(optimize(network), "bf16", device)
    grouped = reduce_precision(group_refiners(optimize(network), maps=maps), "bf16", device)
    assert isinstance(grouped, FastEgoRear)
    parts = grouped.refiners.map_parts() if isinstance(grouped.refiners, MapsApart) else [grouped.refiners]
    types = {
        value.dtype for part in parts for layers in (part.base, part.refined) for value in layers.state_dict().values()
    }
    assert types == {torch.bfloat16}
    images = torch.randn(2, 4, 3, 64, 64)
    with torch.inference_mode():
        whole = optimize(network)(images).lift.joints_cm
        expected, found = loop(images).lift.joints_cm, grouped(images).lift.joints_cm
    assert (found - expected).norm(dim=-1).mean() < 2.0 * (expected - whole).norm(dim=-1).mean() + 0.01


@pytest.mark.filterwarnings("ignore:.*Dynamo detected a call:UserWarning")
def test_it_is_one_graph(tiny: Callable[..., ModelSize], rig: Rig) -> None:
    """As the compiled engine wants it, with a mask; the graph is run as it is, not compiled."""
    network = reduce_precision(group_refiners(optimize(lively(4, tiny, rig))), "bf16", torch.device("cpu"))
    graph = torch.compile(network, backend="eager", fullgraph=True, dynamic=False)
    images, mask = torch.randn(1, 4, 3, 64, 64), torch.tensor([[True, True, False, True]])
    with torch.inference_mode():
        found, expected = graph(images, None, mask).lift.joints_cm, network(images, None, mask).lift.joints_cm
    torch.testing.assert_close(found, expected, atol=0.5, rtol=1e-3)


def test_convolutions_keep_to_their_channels() -> None:
    torch.manual_seed(0)

    def layers() -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(3, 6, 1), nn.ReLU(), nn.Conv2d(6, 4, 3, stride=2, padding=1), nn.Upsample(scale_factor=2)
        )

    parts = [layers().requires_grad_(False) for _ in range(3)]
    x = torch.randn(2, 9, 8, 10)
    expected = torch.cat([part(block) for part, block in zip(parts, x.chunk(3, dim=1), strict=True)], dim=1)
    torch.testing.assert_close(group_sequences(parts)(x), expected)
    channels_last = group_sequences(parts).to(memory_format=torch.channels_last)
    torch.testing.assert_close(channels_last(x.to(memory_format=torch.channels_last)), expected)


def test_networks_without_refiners_stay_as_they_are(tiny: Callable[..., ModelSize], rig: Rig) -> None:
    network = optimize(EgoPoseFormer(tiny(), rig))
    assert group_refiners(network) is network
