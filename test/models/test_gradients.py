"""Gradients are finite, and reach in each stage what the published training reaches."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from egorear_ros.models.egoposeformer import EgoPoseFormer
from egorear_ros.models.egorear import EgoRear
from egorear_ros.models.heatmap_network import HeatmapNetwork
from egorear_ros.models.size import ModelSize
from egorear_ros.structures import Rig


def _reached(network: nn.Module, loss: Tensor) -> set[str]:
    """Return the names of the parameters that a loss moves."""
    network.zero_grad(set_to_none=True)
    loss.backward()
    gradients = {name: parameter.grad for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert all(gradient.isfinite().all() for gradient in gradients.values())
    return {name for name, gradient in gradients.items() if bool((gradient != 0.0).any())}


def _parts(names: set[str]) -> set[str]:
    """Reduce parameter names to the parts of the network that the stages treat differently."""
    parts = {
        ".encoder.": "encoders",
        ".conv_heatmap.": "first stage's head",
        "conv_heatmap_layers_stereo": "first heatmap heads",
        "frame_feat_proj_layers": "base path",
        ".conv_heatmap_layers.": "refined heatmap heads",
        "heatmap_refiner": "refiners",
        ".mlp_pred.": "proposal",
        ".conv_frame_feat.": "proposal",
        "pose3d_estimator.": "correction",
    }
    return {next(part for pattern, part in parts.items() if pattern in f".{name}") for name in names}


def test_stage_1_trains_everything(tiny: Callable[..., ModelSize]) -> None:
    network = HeatmapNetwork(tiny())
    reached = _reached(network, network(torch.randn(3, 3, 64, 64)).square().mean())
    assert reached == {name for name, _ in network.named_parameters()}


def test_stage_2_trains_heads_and_refiners(tiny_egorear: EgoRear, tiny_images: Tensor) -> None:
    network = tiny_egorear.heatmap_estimator.train()
    output = network(tiny_images)
    before = _parts(_reached(network, output.heatmaps.square().mean()))
    assert before == {"first heatmap heads"}
    output = network(tiny_images)
    # The refined heatmaps reach the first heads through the queries.
    assert _parts(_reached(network, output.refined_heatmaps.square().mean())) == {
        "first heatmap heads",
        "refiners",
        "refined heatmap heads",
    }


@pytest.mark.parametrize(
    ("loss", "parts"),
    [
        (lambda output: output.refinement.heatmaps, {"first heatmap heads"}),
        (lambda output: output.refinement.refined_heatmaps, {"refined heatmap heads"}),
        (lambda output: output.lift.poses_cm[0], {"proposal", "refiners"}),
        (lambda output: output.lift.poses_cm[1:], {"correction", "encoders"}),
    ],
    ids=["first heatmaps", "refined heatmaps", "proposal", "corrections"],
)
def test_stage_3(tiny_egorear: EgoRear, tiny_images: Tensor, loss: Callable[..., Tensor], parts: set[str]) -> None:
    output = tiny_egorear.train()(tiny_images)
    assert _parts(_reached(tiny_egorear, loss(output).square().mean())) == parts


def test_gradients_are_finite_for_a_joint_on_an_optical_axis(
    tiny_egorear: EgoRear, tiny_images: Tensor, rig: Rig
) -> None:
    center_cm = 100.0 * torch.from_numpy(rig["front_left"].T_device_camera[:3, 3]).float()
    last = tiny_egorear.pose3d_estimator.get_submodule("mlp_pred.2")
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_((center_cm + torch.tensor([0.0, 0.0, 40.0])).repeat(16))
    output = tiny_egorear.train()(tiny_images)
    assert output.lift.anchors.uv.isfinite().all()
    assert _reached(tiny_egorear, output.lift.poses_cm.square().mean())


def test_baseline_trains_everything(tiny: Callable[..., ModelSize], rig: Rig, tiny_images: Tensor) -> None:
    torch.manual_seed(0)
    network = EgoPoseFormer(tiny(), rig).train()
    with torch.no_grad():  # a body in front of the cameras, so that the views are looked at
        network.get_submodule("mlp_pred.2").bias.copy_(torch.tensor([0.0, 20.0, 80.0]).repeat(16))
    reached = _reached(network, network(tiny_images).poses_cm.square().mean())
    missed = {name for name, _ in network.named_parameters()} - reached
    # The softmax over joints ignores a constant added to every key.
    assert all(name.endswith("k_proj.bias") for name in missed)
