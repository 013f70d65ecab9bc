"""The stage of EgoRear-small: losses, dropped views, averaged weights."""

import numpy as np
import pytest
import torch

pytest.importorskip("lightning")

from egorear_train.augment import drop_views, jitter_colours, soften, turn_hues
from egorear_train.likelihood import pose_likelihood, weighted_heatmap_error


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_likelihood_is_best_where_the_scale_is_right() -> None:
    """For errors of a known distribution the best scale is the mean distance over three."""
    torch.manual_seed(0)
    distance = torch.distributions.Gamma(3.0, 1.0 / 2.0).sample((1, 20000, 1))
    target = torch.zeros(20000, 1, 3)
    poses = torch.zeros(1, 20000, 1, 3)
    poses[..., 0] = distance
    values = {b: float(pose_likelihood(poses, torch.full((1, 20000, 1), b), target)) for b in (1.0, 1.5, 2.0, 2.7, 4.0)}
    assert min(values, key=lambda b: values[b]) == 2.0


def test_likelihood_sums_over_stages_and_averages_over_joints() -> None:
    poses, scales = torch.ones(3, 2, 16, 3), torch.full((3, 2, 16), 2.0)
    one = 3**0.5 / 2 + 3 * np.log(2)
    assert float(pose_likelihood(poses, scales, torch.zeros(2, 16, 3))) == pytest.approx(3 * one, rel=1e-5)


def test_heatmap_error_ignores_missing_views() -> None:
    target = torch.rand(2, 4, 15, 8, 8)
    predicted = target.clone()
    predicted[:, 2] += 1.0
    mask = torch.tensor([True, True, False, True]).expand(2, -1)
    assert float(weighted_heatmap_error(predicted, target, mask)) == 0.0
    assert float(weighted_heatmap_error(predicted, target)) > 1.0


def test_dropped_views_are_of_every_number_and_never_all() -> None:
    mask = drop_views(4000, 4, generator(), 0.5)
    assert mask is not None
    kept = mask.sum(dim=1)
    shares = torch.bincount(kept, minlength=5) / 4000
    assert shares[0] == 0.0
    np.testing.assert_allclose(shares[1:], [1 / 6, 1 / 6, 1 / 6, 0.5], atol=0.03)
    np.testing.assert_allclose(mask[kept < 4].float().mean(dim=0), 0.5, atol=0.05)
    assert drop_views(4000, 4, generator(), 0.0) is None


def test_jitter_differs_between_views_and_repeats() -> None:
    images = torch.randn(2, 4, 3, 8, 8)
    changed = jitter_colours(images, generator(1), 0.2)
    torch.testing.assert_close(changed, jitter_colours(images, generator(1), 0.2))
    difference = (changed - images).flatten(2).abs().mean(dim=-1)
    assert difference.flatten().unique().numel() == 8
    assert jitter_colours(images, generator(1), 0.0) is images


def test_hues_turn_alike_in_all_views_and_greys_stay() -> None:
    images = torch.rand(64, 1, 3, 4, 4).expand(64, 2, 3, 4, 4)
    turned = turn_hues(images, generator(1), 0.5)
    torch.testing.assert_close(turned, turn_hues(images, generator(1), 0.5))
    torch.testing.assert_close(turned[:, 0], turned[:, 1])
    torch.testing.assert_close(turned.mean(dim=2), images.mean(dim=2))  # as bright as before
    ratio = (turned - turned.mean(2, True)).norm(dim=2) / (images - images.mean(2, True)).norm(dim=2)
    assert (ratio > 0.499).all() and (ratio < 2.001).all()
    torch.testing.assert_close(ratio, ratio[:, :1, :1, :1].expand_as(ratio))  # one saturation for a frame set
    changed = (turned - images).flatten(1).abs().amax(dim=1) > 1e-3
    assert 16 < int(changed.sum()) < 48
    assert turn_hues(images, generator(1), 0.0) is images


def test_a_third_of_a_circle_exchanges_the_three_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda *_, **__: torch.tensor([0.0, 1 / 3, 0.5]).reshape(3, 1, 1, 1))
    images = torch.arange(3.0).reshape(1, 1, 3, 1, 1)
    torch.testing.assert_close(turn_hues(images, generator(), 1.0).flatten(), torch.tensor([2.0, 0.0, 1.0]))


def test_views_are_softened_each_by_its_own_share_and_flat_ones_not_at_all() -> None:
    dots = torch.zeros(3, 4, 3, 9, 9)
    dots[..., 4, 4] = 1.0
    soft = soften(dots, generator(1), 0.25)
    torch.testing.assert_close(soft, soften(dots, generator(1), 0.25))
    torch.testing.assert_close(soft.sum(dim=(-2, -1)), dots.sum(dim=(-2, -1)))
    share = soft[..., 4, 3] / soft[..., 4, 4]  # a / (1 - 2 a) for a share a of each neighbour
    assert ((share > 0.0) & (share <= 0.5)).all()
    assert len(share[:, :, 0].unique()) == 12
    torch.testing.assert_close(soft[..., 3, 3] / soft[..., 4, 4], share**2)
    torch.testing.assert_close(soften(torch.full_like(dots, 0.7), generator(1), 0.25), torch.full_like(dots, 0.7))
    assert soften(dots, generator(1), 0.0) is dots


def test_a_network_that_went_astray_is_stopped_before_the_gradient() -> None:
    """On a CPU the gradient of sampling at places that are no numbers would crash the process."""
    from dataclasses import replace

    from dotted_frames import dotted_frames

    from egorear_ros.geometry.rig_file import load_rig
    from egorear_ros.models.small.network import SMALL
    from egorear_train.batch import collate
    from egorear_train.stages.base import TrainingDiverged
    from egorear_train.stages.small import SmallPoseStage

    tiny = replace(SMALL, image_size=64, backbone_channels=8, channels=16, lifter_layers=1)
    stage = SmallPoseStage(size=tiny).train()
    with torch.no_grad():
        stage.trained.lifter.mean_pose_cm.fill_(float("nan"))
    with pytest.raises(TrainingDiverged, match=r"step 0, epoch 0: the loss is nan\. Frames: dotted/clip/0, dotted"):
        stage.training_step(collate(dotted_frames(load_rig("ego4view_syn"), count=2)), 0)


def test_what_is_trained_is_what_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from egorear_ros.models.small.network import SMALL
    from egorear_train.stages.small import SmallPoseStage

    compiled: list[torch.nn.Module] = []

    def note(module: torch.nn.Module) -> None:
        compiled.append(module)

    monkeypatch.setattr(torch.nn.Module, "compile", note)
    tiny = replace(SMALL, image_size=64, backbone_channels=8, channels=16, lifter_layers=1)
    stage = SmallPoseStage(size=tiny, compile_network=True)
    assert compiled == [stage.network, stage.trained]


def test_the_average_follows_the_trained_network() -> None:
    from dataclasses import replace

    from egorear_ros.models.small.network import SMALL
    from egorear_train.stages.small import SmallPoseStage

    tiny = replace(SMALL, image_size=64, backbone_channels=8, channels=16, lifter_layers=1)
    stage = SmallPoseStage(size=tiny)
    optimised = {id(parameter) for group in stage.configure_optimizers().param_groups for parameter in group["params"]}
    assert optimised == {id(parameter) for parameter in stage.trained.parameters()}
    assert not any(parameter.requires_grad for parameter in stage.network.parameters())
    with torch.no_grad():
        for parameter in stage.trained.parameters():
            parameter.add_(1.0)
    before = stage.average.head.bias.clone()
    stage.after_step()
    torch.testing.assert_close(stage.average.head.bias, before + 0.9)  # at step 0 a tenth of the old remains
    assert stage.header().trained_with_missing_views
