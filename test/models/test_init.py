"""Fresh networks start as the published ones do; torchvision's ImageNet weights fit the backbone."""

import math
import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from egorear_ros.models.egorear import EgoRear
from egorear_ros.models.resnet import ResNet18
from egorear_ros.models.size import ModelSize
from egorear_ros.models.transformer import SelfAttention
from egorear_ros.structures import Rig


def _torchvision_name(ours: str) -> str:
    name = ours.replace("layer_s2.0", "conv1").replace("layer_s2.1", "bn1").replace("layer_s4.1", "layer1")
    return name.replace("layer_s8", "layer2").replace("layer_s16", "layer3").replace("layer_s32", "layer4")


@pytest.fixture
def imagenet() -> dict[str, Tensor]:
    """State dictionary of a torchvision resnet18, with numbers of our own."""
    ours = ResNet18().state_dict()
    weights = {_torchvision_name(name): torch.rand_like(value.float()) for name, value in ours.items()}
    return weights | {"fc.weight": torch.rand(1000, 512), "fc.bias": torch.rand(1000)}


def test_imagenet_weights_are_taken_over(imagenet: dict[str, Tensor]) -> None:
    backbone = ResNet18()
    backbone.load_imagenet_weights(imagenet)
    assert torch.equal(backbone.layer_s2[0].weight, imagenet["conv1.weight"])
    assert torch.equal(backbone.layer_s4[1][1].conv2.weight, imagenet["layer1.1.conv2.weight"])
    assert torch.equal(backbone.layer_s32[0].downsample[1].running_var, imagenet["layer4.0.downsample.1.running_var"])


def test_other_weights_are_refused(imagenet: dict[str, Tensor]) -> None:
    del imagenet["layer3.0.conv1.weight"]
    with pytest.raises(ValueError, match=r"not torchvision's resnet18 .*layer_s16.0.conv1.weight.*Save them with"):
        ResNet18().load_imagenet_weights(imagenet)


def test_backbone_starts_as_torchvision_does() -> None:
    torch.manual_seed(0)
    weight = ResNet18().layer_s32[1].conv1.weight
    assert weight.std().item() == pytest.approx(math.sqrt(2.0 / (512 * 9)), rel=0.01)


def test_attention_starts_as_published() -> None:
    torch.manual_seed(0)
    attention = SelfAttention(128, 4)
    for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
        limit = math.sqrt(6.0 / 256)
        assert 0.99 * limit < projection.weight.abs().max() <= limit
    assert attention.out_proj.weight.abs().max() <= 1.0 / math.sqrt(128)
    assert all((part.bias == 0.0).all() for part in attention.children())


def test_everything_else_starts_as_published(tiny: Callable[..., ModelSize], rig: Rig) -> None:
    torch.manual_seed(0)
    network = EgoRear(tiny(), rig)
    zero = re.compile(r"pos_embed|sampling_offsets.weight|attention_weights|(value|output)_proj.bias")
    for name, value in network.named_parameters():
        assert bool((value == 0.0).all()) == bool(zero.search(name) or _starts_at_zero(network, name)), name
    embedding = network.heatmap_estimator.refiners[0].joint_query_embed.weight
    assert embedding.std().item() == pytest.approx(1.0, abs=0.15)


def _starts_at_zero(network: nn.Module, name: str) -> bool:
    owner, kind = name.rpartition(".")[::2]
    module = network.get_submodule(owner)
    normalises = isinstance(module, nn.BatchNorm2d | nn.LayerNorm)
    return kind == "bias" and (normalises or "spatial_attn" in owner)
