"""Weights that were trained without a part say so, and never run with it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from egorear_ros.commands.checkpoint import describe
from egorear_ros.config import RuntimeConfig
from egorear_ros.estimators.confidence import joint_confidences, peak_confidences
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.models.build import load_network
from egorear_ros.models.checkpoint import load_checkpoint, save_checkpoint
from egorear_ros.models.header import PARTS, CheckpointError, CheckpointHeader
from egorear_ros.models.small.network import SMALL, EgoRearSmall
from egorear_ros.runtimes.identity import identify
from egorear_ros.runtimes.onnx_export import Portable, output_names
from egorear_ros.runtimes.pytorch import PyTorchRuntime

RIG = load_rig("ego4view_syn")
TINY = replace(SMALL, image_size=64, backbone_channels=8, channels=16, lifter_layers=1)
SWITCHES = {"refinement": "refine", "mask": "mask", "uncertainty": "uncertainty"}


def network(*absent: str) -> EgoRearSmall:
    torch.manual_seed(3)
    net = EgoRearSmall(TINY, RIG, **{SWITCHES[part]: False for part in absent})
    with torch.no_grad():
        # An untrained head is silent; noisy maps, weak and strong, make every path matter.
        net.head.bias.normal_(0.3, 0.3)
        net.refiner.filter.weight.normal_(0.0, 0.5)
    return net.eval().requires_grad_(False)


def images() -> torch.Tensor:
    return torch.randn(2, 4, 3, 64, 64, generator=torch.Generator().manual_seed(4))


def saved(path: Path, *absent: str) -> Path:
    header = CheckpointHeader("egorear_small", TINY, RIG.views, absent=absent)
    save_checkpoint(path, network(*absent).state_dict(), header)
    return path


@pytest.mark.parametrize("part", PARTS)
def test_a_network_runs_as_it_was_trained(part: str, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(saved(tmp_path / "part.safetensors", part))
    found = load_network(checkpoint, RIG).eval()
    assert isinstance(found, EgoRearSmall) and found.absent == (part,)
    expected = network(part)(images())
    torch.testing.assert_close(found(images()).lift.joints_cm, expected.lift.joints_cm)
    assert (expected.lift.scales_cm is None) == (part == "uncertainty")
    assert f"without        {part}" in describe(checkpoint)
    assert "without" not in describe(load_checkpoint(saved(tmp_path / "full.safetensors")))


def test_the_mask_changes_what_the_same_weights_say() -> None:
    """So its absence must be in the header: the tensors alone do not tell."""
    full, unmasked = network(), network("mask")
    assert {name: value.tolist() for name, value in full.state_dict().items()} == {
        name: value.tolist() for name, value in unmasked.state_dict().items()
    }
    assert not torch.equal(full(images()).lift.joints_cm, unmasked(images()).lift.joints_cm)
    assert identify(full, RIG, 64, "a").digest != identify(unmasked, RIG, 64, "a").digest, "engines would be mixed up"


def test_without_uncertainty_there_is_none_to_publish() -> None:
    net = network("uncertainty")
    assert output_names(net) == ("joints_cm", "peaks_uv", "peak_scores")
    portable = Portable(net).eval()
    with torch.no_grad():
        assert len(portable(images(), torch.ones(2, 4, dtype=torch.bool))) == 3
    prediction = PyTorchRuntime(net, RuntimeConfig(device="cpu")).run(images().numpy())
    assert prediction.scales_cm is None
    used = [True] * 4
    np.testing.assert_array_equal(joint_confidences(prediction, used), peak_confidences(prediction, used))


def test_headers_that_lack_nothing_stay_as_they_were() -> None:
    whole = CheckpointHeader("egorear_small", TINY, RIG.views)
    assert "absent" not in json.loads(whole.to_json()), "older programs refuse entries that they do not know"
    without = replace(whole, absent=("refinement", "mask"))
    assert CheckpointHeader.from_json(without.to_json()) == without
    assert CheckpointHeader.from_json(whole.to_json()) == whole


@pytest.mark.parametrize(
    ("architecture", "absent", "message"),
    [
        ("egorear_small", ["legs"], "without legs; parts that egorear_small can be trained without: refinement, mask"),
        ("egorear", ["mask"], "without mask; parts that egorear can be trained without: none"),
    ],
)
def test_parts_that_nothing_can_lack_are_refused(architecture: str, absent: list[str], message: str) -> None:
    text = json.loads(CheckpointHeader(architecture, TINY).to_json())
    with pytest.raises(ValueError, match=message):
        CheckpointHeader.from_json(json.dumps({**text, "absent": absent}))


def test_weights_without_layers_that_the_header_promises_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mismatch.safetensors"
    header = CheckpointHeader("egorear_small", TINY, RIG.views)
    save_checkpoint(path, network("refinement").state_dict(), header)
    with pytest.raises(CheckpointError, match="refiner.layers"):
        load_network(load_checkpoint(path), RIG)
