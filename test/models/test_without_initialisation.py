"""Networks that are loaded draw no random numbers and hold exactly what the file holds."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from egorear_ros.models.build import build_network, load_network
from egorear_ros.models.checkpoint import Checkpoint
from egorear_ros.models.header import ARCHITECTURES, CheckpointHeader
from egorear_ros.models.size import ModelSize
from egorear_ros.structures import Rig


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_loading_draws_nothing_and_leaves_nothing_undefined(
    architecture: str, tiny: Callable[..., ModelSize], rig: Rig
) -> None:
    header = CheckpointHeader(architecture, tiny(view_count=len(rig.views)))
    before = torch.get_rng_state()
    network = build_network(header, rig)
    assert not torch.equal(torch.get_rng_state(), before), "built alone it has random weights"
    before = torch.get_rng_state()
    again = load_network(Checkpoint(Path("some.safetensors"), "0" * 8, header, network.state_dict()), rig)
    assert torch.equal(torch.get_rng_state(), before), "a distribution that WithoutInitialisation does not know"
    expected = dict(network.named_parameters()) | dict(network.named_buffers())
    found = dict(again.named_parameters()) | dict(again.named_buffers())
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert torch.equal(value, expected[name]), f"{name} is not in the file and was not computed"
