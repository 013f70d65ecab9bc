"""Weights between two others."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

pytest.importorskip("lightning")

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.models.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from egorear_ros.models.header import CheckpointHeader
from egorear_ros.models.size import ModelSize
from egorear_ros.models.small.network import SMALL, EgoRearSmall
from egorear_train.mix import mix

RIG = load_rig("ego4view_syn")
TINY = replace(SMALL, image_size=64, backbone_channels=8, channels=16, lifter_layers=1)


def saved(path: Path, seed: int, size: ModelSize = TINY) -> Path:
    torch.manual_seed(seed)
    network = EgoRearSmall(size, RIG)
    for name, value in network.named_buffers():
        if name.endswith("num_batches_tracked"):
            value.fill_(seed)
    header = CheckpointHeader("egorear_small", size, RIG.views, metrics={"mpjpe_mm": 1.0})
    save_checkpoint(path, network.state_dict(), header)
    return path


def test_a_share_of_each(tmp_path: Path) -> None:
    before, after = saved(tmp_path / "before.safetensors", 1), saved(tmp_path / "after.safetensors", 2)
    mixed = mix(before, after, tmp_path / "mixed.safetensors", share=0.25)
    old, new = load_checkpoint(before).state_dict, load_checkpoint(after).state_dict
    for name, value in mixed.state_dict.items():
        wanted = 0.75 * old[name] + 0.25 * new[name] if value.is_floating_point() else new[name]
        torch.testing.assert_close(value, wanted)
    assert mixed.header.metrics == {}
    assert mixed.header.views == RIG.views


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_ends_are_the_two(share: float, tmp_path: Path) -> None:
    files = saved(tmp_path / "before.safetensors", 1), saved(tmp_path / "after.safetensors", 2)
    mixed = mix(*files, tmp_path / "mixed.safetensors", share=share).state_dict
    end = load_checkpoint(files[int(share)]).state_dict
    assert all(torch.equal(value, end[name]) for name, value in mixed.items() if value.is_floating_point())


def test_what_does_not_belong_together_is_refused_and_nothing_lost(tmp_path: Path) -> None:
    before, after = saved(tmp_path / "before.safetensors", 1), saved(tmp_path / "after.safetensors", 2)
    wide = saved(tmp_path / "wide.safetensors", 3, replace(TINY, sight_channels=32))
    out = tmp_path / "mixed.safetensors"
    with pytest.raises(CheckpointError, match=r"the first file is .*wide.*another size: sight_channels 32, here 64"):
        mix(wide, after, out, share=0.5)
    with pytest.raises(CheckpointError, match=r"--share is 1\.5; expected 0 .*before.* to 1"):
        mix(before, after, out, share=1.5)
    with pytest.raises(CheckpointError, match="exists already"):
        mix(before, after, after, share=0.5)
    assert not out.exists()
