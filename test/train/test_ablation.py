"""Training EgoRear-small without a part: what it begins with, what it trains, what its files say."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from dotted_frames import dotted_frames

pytest.importorskip("lightning")

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.models.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from egorear_ros.models.header import PARTS
from egorear_ros.models.size import ModelSize
from egorear_ros.models.small.network import SMALL
from egorear_train.batch import collate
from egorear_train.calibrate import calibrate
from egorear_train.likelihood import TYPICAL_SCALE_CM, pose_distance, pose_likelihood
from egorear_train.stages.small import SmallPoseStage
from egorear_train.weights import check_header

TINY = replace(
    SMALL, image_size=64, backbone_channels=8, channels=16, lifter_layers=1, context_channels=0, sight_channels=0
)
SWITCHES = {"refinement": "refine", "mask": "mask", "uncertainty": "uncertainty"}
FRONT = ("front_left", "front_right")


def stage(*absent: str, size: ModelSize = TINY, **options: Any) -> SmallPoseStage:
    torch.manual_seed(5)
    return SmallPoseStage(size=size, **{SWITCHES[part]: False for part in absent}, **options)


def saved(path: Path, *absent: str, **options: Any) -> str:
    made = stage(*absent, **options)
    save_checkpoint(path, made.network.state_dict(), made.header())
    return str(path)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_left_out_of_whole_weights(part: str, tmp_path: Path) -> None:
    whole = saved(tmp_path / "whole.safetensors")
    without = stage(part, weights=whole)
    assert without.header().absent == (part,)
    theirs = load_checkpoint(whole).state_dict
    for name, value in without.trained.state_dict().items():
        torch.testing.assert_close(value, theirs[name])
    assert (len(theirs) > len(without.trained.state_dict())) == (part == "refinement")


@pytest.mark.parametrize("part", PARTS)
def test_weights_without_a_part_are_never_run_with_it(part: str, tmp_path: Path) -> None:
    without = saved(tmp_path / "without.safetensors", part)
    with pytest.raises(CheckpointError, match=rf"trained without {part}; this run is with all parts.*model\.refine"):
        stage(weights=without)
    assert stage(part, weights=without).header().absent == (part,)


def test_a_run_goes_on_with_the_parts_it_began_with(tmp_path: Path) -> None:
    whole, without = stage().header(), stage("mask").header()
    for found, wanted in ((whole, without), (without, whole)):
        with pytest.raises(CheckpointError, match="this run is"):
            check_header("last.ckpt", found, wanted, "ckpt_path")
    check_header("last.ckpt", without, without, "ckpt_path")


@pytest.mark.parametrize(
    ("setting", "modules"),
    [("context_channels", {"context", "context_layers"}), ("sight_channels", {"triangulations"})],
)
def test_weights_are_gone_on_with_in_a_network_with_more_but_nothing_is_ever_lost(
    setting: str, modules: set[str], tmp_path: Path
) -> None:
    more, most = (replace(TINY, **{setting: channels}) for channels in (16, 32))
    plain, whole = saved(tmp_path / "plain.safetensors"), saved(tmp_path / "more.safetensors", size=more)
    grown, theirs = stage(size=more, weights=plain).network.state_dict(), load_checkpoint(plain).state_dict
    assert all(torch.equal(grown[name], value) for name, value in theirs.items())
    assert {name.split(".")[1] for name in grown.keys() - theirs.keys()} == modules
    with pytest.raises(CheckpointError, match=rf"another size: {setting} 16, here 0\. Set model\.size"):
        stage(weights=whole)
    with pytest.raises(CheckpointError, match=f"another size: {setting} 16, here 32"):
        stage(size=most, weights=whole)


def test_whole_weights_serve_two_views_but_not_the_other_way_round(tmp_path: Path) -> None:
    whole, pair = saved(tmp_path / "4.safetensors"), saved(tmp_path / "2.safetensors", views=FRONT)
    assert stage(views=FRONT, weights=whole).header().views == FRONT
    with pytest.raises(CheckpointError, match=r"for 2 views .*this run has 4.*Set model\.views to the file's"):
        stage(weights=pair)


@pytest.mark.parametrize("absent", [(), *((part,) for part in PARTS)])
def test_exactly_what_is_trained_gets_gradients(absent: tuple[str, ...]) -> None:
    """With several GPUs, a parameter that is waited for and gets no gradient stops everything."""
    made = stage(*absent, view_drop=0.0).train()
    batch = collate(dotted_frames(load_rig("ego4view_syn"), count=3))
    torch.stack(list(made.losses(made.run(batch), batch).values())).sum().backward()
    trained = {name for name, parameter in made.trained.named_parameters() if parameter.requires_grad}
    reached = {name for name, parameter in made.trained.named_parameters() if parameter.grad is not None}
    assert trained == reached
    assert ("refiner.filter.weight" in trained) == ("refinement" not in absent)


def test_the_loss_is_likelihood_or_distance_or_both() -> None:
    poses, target = torch.randn(2, 3, 16, 3), torch.randn(3, 16, 3)
    scales = torch.full((2, 3, 16), TYPICAL_SCALE_CM)
    constant = 2 * 3.0 * torch.tensor(TYPICAL_SCALE_CM).log()
    torch.testing.assert_close(pose_distance(poses, target), pose_likelihood(poses, scales, target) - constant)
    made = stage("uncertainty").eval()
    batch = collate(dotted_frames(load_rig("ego4view_syn"), count=3))
    output = made.run(batch)
    expected = made.pose_weight * pose_distance(output.lift.poses_cm, batch["joints_cm"])
    torch.testing.assert_close(made.losses(output, batch)["poses"], expected)
    both = stage(distance_weight=0.5).eval()
    output = both.run(batch)
    distance = pose_distance(output.lift.poses_cm, batch["joints_cm"])
    assert output.lift.scales_cm is not None
    likelihood = pose_likelihood(output.lift.poses_cm, output.lift.scales_cm, batch["joints_cm"])
    expected = both.pose_weight * likelihood + 0.5 * distance
    torch.testing.assert_close(both.losses(output, batch)["poses"], expected)
    assert "error_over_scale" not in made.metrics(made.run(batch), batch)
    assert set(made.predict_step(batch, 0)) == {"meta", "joints_device"}
    assert "error_over_scale" in stage().eval().metrics(stage().eval().run(batch), batch)


def test_there_is_no_uncertainty_to_calibrate(tmp_path: Path) -> None:
    path = Path(saved(tmp_path / "sure.safetensors", "uncertainty"))
    with pytest.raises(CheckpointError, match="trained without uncertainty, so there is none to calibrate"):
        calibrate(path, "nowhere", path)
