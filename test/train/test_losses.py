"""Losses and schedule against values worked out by hand."""

import pytest
import torch

from egorear_train.losses import heatmap_mse, heatmap_row_norm, pose_distance
from egorear_train.schedule import HEATMAP_OPTIMIZER, OptimizerConfig, learning_rate, make_optimizer, split_parameters


def test_mse_sums_views_and_averages_everything_else() -> None:
    predicted = torch.zeros(2, 3, 15, 8, 8)
    target = torch.zeros_like(predicted)
    target[:, 1] = 2.0
    assert heatmap_mse(predicted, target).item() == pytest.approx(10.0 * 4.0)


def test_row_norm_is_the_length_of_rows() -> None:
    predicted = torch.zeros(1, 1, 1, 2, 4)
    target = torch.zeros_like(predicted)
    target[0, 0, 0, 0] = torch.tensor([3.0, 0.0, 4.0, 0.0])
    assert heatmap_row_norm(predicted, target).item() == pytest.approx(10.0 * 5.0 / 2)


def test_pose_distance_adds_proposal_and_layers() -> None:
    target = torch.zeros(2, 16, 3)
    poses = torch.zeros(4, 2, 16, 3)
    poses[0, ..., 0] = 3.0
    poses[0, ..., 1] = 4.0
    poses[3, ..., 2] = 1.0
    assert pose_distance(poses, target).item() == pytest.approx(0.1 * (5.0 + 1.0))


def test_losses_move_predictions_to_the_target() -> None:
    torch.manual_seed(0)
    for loss, shape in ((heatmap_mse, (1, 2, 3, 8, 8)), (heatmap_row_norm, (1, 2, 3, 8, 8))):
        target = torch.rand(shape)
        predicted = torch.zeros(shape, requires_grad=True)
        before = loss(predicted, target)
        before.backward()
        assert predicted.grad is not None
        assert loss(predicted.detach() - 1e-2 * predicted.grad, target) < before


def test_first_step_runs_at_the_full_rate_then_warms_up() -> None:
    assert learning_rate(0, 0) == pytest.approx(1e-3)
    assert learning_rate(1, 0) == pytest.approx(2e-6)
    assert learning_rate(499, 0) == pytest.approx(1e-3 * 499 / 500)
    assert learning_rate(500, 0) == pytest.approx(1e-3)


def test_rate_drops_at_epochs_8_and_10() -> None:
    assert [learning_rate(10_000, epoch) for epoch in (7, 8, 9, 10, 11)] == pytest.approx(
        [1e-3, 1e-4, 1e-4, 1e-5, 1e-5]
    )


def test_rate_falls_along_a_line_to_zero_at_a_known_end() -> None:
    config = OptimizerConfig(learning_rate=2.0, warm_up_steps=10, drop_epochs=(), decay_steps=100)
    rates = [learning_rate(step, 5, config) for step in (0, 5, 10, 50, 99, 100, 200)]
    assert rates == pytest.approx([2.0, 0.95, 1.8, 1.0, 0.02, 0.0, 0.0])


def test_weight_decay_is_split_by_name() -> None:
    network = torch.nn.ModuleDict({"conv": torch.nn.Conv2d(1, 1, 1), "norm": torch.nn.LayerNorm(2)})
    decayed, free = split_parameters(network.named_parameters())
    assert (len(decayed), len(free)) == (1, 3)
    assert [group["weight_decay"] for group in make_optimizer(network, OptimizerConfig()).param_groups] == [
        5e-4,
        0.0,
    ]
    assert [group["weight_decay"] for group in make_optimizer(network, HEATMAP_OPTIMIZER).param_groups] == [5e-3]
