"""Where lines of sight meet: against a solver of NumPy's, and at the ends of trust."""

import numpy as np
import pytest
import torch

from egorear_ros.models.size import ModelSize
from egorear_ros.models.small.triangulation import MAX_LOG_TRUST, Sights, Triangulation, posterior_shift
from egorear_ros.skeleton import EGO4VIEW

SIZE = ModelSize(channels=16, sight_channels=16, image_size=64)
MAPPED = list(EGO4VIEW.heatmap_joints)
CENTRES_M = torch.tensor([[0.1, 0.0, 0.0], [-0.1, 0.0, 0.0], [0.1, -0.2, 0.1], [-0.1, -0.2, 0.1]])


def layer(log_trust: float = 0.0) -> Triangulation:
    torch.manual_seed(1)
    built = Triangulation(SIZE).requires_grad_(False)
    torch.nn.init.constant_(built.trust[-1].bias, log_trust)
    return built


def pose_cm(batch: int = 3) -> torch.Tensor:
    torch.manual_seed(2)
    return torch.tensor([0.0, 20.0, 80.0]) + 25.0 * torch.randn(batch, 16, 3)


def sights(joints_cm: torch.Tensor, valid: torch.Tensor | None = None) -> Sights:
    """What four views say that see every joint exactly."""
    batch, centres = len(joints_cm), CENTRES_M[None, :, None]
    directions = torch.nn.functional.normalize(joints_cm[:, None, MAPPED] / 100.0 - centres, dim=-1)
    everything = torch.ones(batch, 4, len(MAPPED), dtype=torch.bool)
    tokens = torch.zeros(batch, 4, len(MAPPED), 16)
    return Sights(tokens, directions, centres, everything if valid is None else valid)


@pytest.mark.parametrize("seed", range(5))
def test_the_solution_is_that_of_least_squares(seed: int) -> None:
    rng = np.random.default_rng(seed)
    d = rng.normal(size=(2, 3, 4, 3))
    d /= np.linalg.norm(d, axis=-1, keepdims=True)
    towards, w = rng.normal(size=d.shape), np.exp(rng.uniform(-6.0, 6.0, d.shape[:-1]))
    across = np.eye(3) - d[..., :, None] * d[..., None, :]
    offsets = (across @ towards[..., None])[..., 0]
    matrix = np.eye(3) + (w[..., None, None] * across).sum(axis=1)
    expected = np.linalg.solve(matrix, (w[..., None] * offsets).sum(axis=1)[..., None])[..., 0]
    ours = posterior_shift(*(torch.from_numpy(value) for value in (d, offsets, w)))
    np.testing.assert_allclose(ours.numpy(), expected, atol=1e-9)
    single = posterior_shift(*(torch.from_numpy(value).float() for value in (d, offsets, w)))
    np.testing.assert_allclose(single.numpy(), expected, atol=1e-3)


def test_lines_that_are_trusted_pull_an_unsure_pose_to_where_they_meet() -> None:
    truth = pose_cm()
    start = truth + torch.tensor([6.0, -4.0, 9.0])
    query, unsure = torch.zeros(3, 16, 16), torch.full((3, 16), 20.0)
    found = start + layer(MAX_LOG_TRUST)(query, start, unsure, sights(truth))
    assert (found - truth)[:, MAPPED].norm(dim=-1).median() < 0.5
    rest = sorted(set(range(16)) - set(MAPPED))
    torch.testing.assert_close(found[:, rest], start[:, rest], atol=0, rtol=0, msg="no heatmap, no line")


def test_a_sure_pose_and_a_distrusted_line_change_nothing() -> None:
    truth = pose_cm()
    start, query = truth + 5.0, torch.zeros(3, 16, 16)
    assert layer()(query, start, torch.full((3, 16), 1e-4), sights(truth)).abs().max() < 1e-3
    assert layer(-20.0)(query, start, torch.full((3, 16), 20.0), sights(truth)).abs().max() < 1e-3


def test_lines_that_are_not_listened_to_do_not_count() -> None:
    truth, query, unsure = pose_cm(), torch.zeros(3, 16, 16), torch.full((3, 16), 10.0)
    two = torch.ones(3, 4, len(MAPPED), dtype=torch.bool)
    two[:, 2:] = False
    seen = sights(truth, two)
    astray = seen._replace(directions=seen.directions.clone())
    astray.directions[:, 2:] = torch.tensor([0.0, 0.0, -1.0])
    moved = layer()(query, truth + 5.0, unsure, seen)
    assert moved[:, MAPPED].abs().min() > 0.0
    torch.testing.assert_close(layer()(query, truth + 5.0, unsure, astray), moved, atol=0, rtol=0)
    nobody = seen._replace(valid=torch.zeros_like(two))
    assert not layer()(query, truth + 5.0, unsure, nobody).any()


def test_one_line_says_nothing_along_itself() -> None:
    truth, query, unsure = pose_cm(), torch.zeros(3, 16, 16), torch.full((3, 16), 5.0)
    one = torch.zeros(3, 4, len(MAPPED), dtype=torch.bool)
    one[:, 0] = True
    seen = sights(truth, one)
    shift = layer(MAX_LOG_TRUST)(query, truth + 5.0, unsure, seen)[:, MAPPED]
    along = (shift * seen.directions[:, 0]).sum(dim=-1)
    torch.testing.assert_close(along, torch.zeros_like(along), atol=1e-2, rtol=0)
    assert shift.norm(dim=-1).median() > 3.0


def test_a_joint_at_a_camera_has_a_finite_answer_and_gradient() -> None:
    start = (CENTRES_M[0] * 100.0).expand(1, 16, 3).clone().requires_grad_(True)
    seen = sights(pose_cm(1))
    shift = layer()(torch.zeros(1, 16, 16), start, torch.full((1, 16), 10.0), seen)
    shift.square().sum().backward()
    assert shift.isfinite().all()
    assert start.grad is not None and start.grad.isfinite().all()
