"""Muon against PyTorch's own for matrices, and against AdamW for the rest."""

from copy import deepcopy

import torch
from torch import nn

from egorear_train.muon import Muon, is_matrix, orthogonalise
from egorear_train.schedule import OptimizerConfig, make_optimizer

CONFIG = OptimizerConfig(method="muon", learning_rate=0.01, weight_decay=0.1)


class Network(nn.Module):
    """A wide kernel, two matrices, a small one, a bias, and weights that never get a gradient."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.kernel = nn.Conv2d(8, 40, 3, bias=False)
        self.tall, self.wide = nn.Linear(40, 64), nn.Linear(64, 48, bias=False)
        self.small = nn.Linear(48, 3)
        self.idle = nn.Linear(64, 64)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found = self.kernel(images).mean(dim=(2, 3))
        return self.small(self.wide(torch.tanh(self.tall(found))))


def _train(network: nn.Module, optimizers: list[torch.optim.Optimizer], steps: int = 5, first: int = 0) -> None:
    for step in range(first, first + steps):
        torch.manual_seed(step)
        loss = network(torch.randn(4, 8, 6, 6)).square().sum()
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()


def test_parts_move_as_by_pytorchs_own_optimisers() -> None:
    ours, theirs = Network(), Network()
    _train(ours, [make_optimizer(ours, CONFIG)])
    matrices = torch.optim.Muon(
        [theirs.tall.weight, theirs.wide.weight], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"
    )
    kernel = nn.Parameter(theirs.kernel.weight.detach().flatten(1).clone())
    theirs.kernel.weight.requires_grad_(False)

    def forward(images: torch.Tensor) -> torch.Tensor:
        found = nn.functional.conv2d(images, kernel.view(40, 8, 3, 3)).mean(dim=(2, 3))
        return theirs.small(theirs.wide(torch.tanh(theirs.tall(found))))

    theirs.forward = forward  # type: ignore[method-assign]
    flat = torch.optim.Muon([kernel], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    rest = torch.optim.AdamW(
        [
            {"params": [theirs.small.weight], "weight_decay": 0.1},
            {"params": [theirs.small.bias, theirs.tall.bias], "weight_decay": 0.0},
        ],
        lr=0.01,
    )
    _train(theirs, [matrices, flat, rest])
    start = Network()
    for found, wanted, was in (
        (ours.tall.weight, theirs.tall.weight, start.tall.weight),
        (ours.wide.weight, theirs.wide.weight, start.wide.weight),
        (ours.kernel.weight.flatten(1), kernel, start.kernel.weight.flatten(1)),
        (ours.small.weight, theirs.small.weight, start.small.weight),
        (ours.tall.bias, theirs.tall.bias, start.tall.bias),
    ):
        moved = (wanted - was).norm()
        assert moved > 0.01
        assert (found - wanted).norm() < 0.02 * moved, "bfloat16 has two to three digits"
    assert torch.equal(ours.idle.weight, start.idle.weight)


def test_directions_are_orthogonal() -> None:
    torch.manual_seed(1)
    for shape in ((40, 72), (72, 40), (64, 64)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)))
        assert values.min() > 0.4, shape
        assert values.max() < 1.3, shape
    assert torch.equal(orthogonalise(torch.zeros(40, 40)), torch.zeros(40, 40)), "a dead layer stays where it is"


def test_kept_state_goes_on_identically() -> None:
    through = Network()
    optimizer = make_optimizer(through, CONFIG)
    _train(through, [optimizer], steps=3)
    resumed = deepcopy(through)
    again = make_optimizer(resumed, CONFIG)
    assert isinstance(again, Muon)
    again.load_state_dict(deepcopy(optimizer.state_dict()))
    _train(through, [optimizer], steps=2, first=3)
    _train(resumed, [again], steps=2, first=3)
    for name, value in through.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_a_closure_is_run_once() -> None:
    network, calls = Network(), []
    optimizer = make_optimizer(network, CONFIG)

    def closure() -> float:
        calls.append(1)
        loss = network(torch.ones(1, 8, 6, 6)).square().sum()
        loss.backward()
        return float(loss.detach())

    assert optimizer.step(closure) > 0.0
    assert len(calls) == 1


def test_small_parameters_are_left_to_adamw() -> None:
    network = Network()
    matrices = [name for name, parameter in network.named_parameters() if is_matrix(parameter)]
    assert matrices == ["kernel.weight", "tall.weight", "wide.weight", "idle.weight"]
