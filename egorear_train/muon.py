"""Muon: the steps of weight matrices are made orthogonal, everything else moves by AdamW."""

from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic whose repeated use brings all singular values of a matrix near to 1."""
STEPS = 5
ADAMW_RMS = 0.2
"""Typical size of AdamW's steps at a rate of 1: with it both kinds of parameters share one rate and one decay."""
SMALLEST_SIDE = 32
"""Matrices with fewer rows or columns have too few directions to be worth it."""


class Muon(torch.optim.AdamW):
    """Muon for matrices, AdamW for the rest, as one optimiser with one rate.

    A kernel of a convolution is the matrix of its output channels times everything that one of them sees.

    Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; size of the steps after
    Liu et al., "Muon is scalable for LLM training", arXiv 2502.16982. PyTorch's own Muon knows plain matrices alone and
    leaves everything else to a second optimiser.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], learning_rate: float, epsilon: float) -> None:
        """Prepare.

        Args:
            groups: parameter groups; in those with `matrices` true every parameter passes `is_matrix`.
            learning_rate: of all groups.
            epsilon: AdamW's.
        """
        super().__init__(groups, lr=learning_rate, eps=epsilon)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take a step; gradients of matrices are None afterwards, so that AdamW leaves them alone."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if group.get("matrices"):
                self._move_matrices(group)
        super().step()
        return loss

    @torch.no_grad()
    def _move_matrices(self, group: dict[str, Any]) -> None:
        for weight in group["params"]:
            if weight.grad is None:
                continue
            if not self.state[weight]:
                # AdamW wants a count of steps in every state that it reads back.
                self.state[weight] = {"step": torch.tensor(0.0), "momentum": torch.zeros_like(weight)}
            momentum = self.state[weight]["momentum"]
            momentum.lerp_(weight.grad, 1.0 - MOMENTUM)
            direction = orthogonalise(weight.grad.lerp(momentum, MOMENTUM).flatten(1))
            size = ADAMW_RMS * max(direction.shape) ** 0.5
            weight.mul_(1.0 - group["lr"] * group["weight_decay"])
            weight.add_(direction.reshape(weight.shape), alpha=-group["lr"] * size)
            weight.grad = None


def is_matrix(parameter: nn.Parameter) -> bool:
    """Return whether a parameter is a matrix, or a kernel, of enough rows and columns for Muon."""
    return parameter.ndim > 1 and min(len(parameter), parameter[0].numel()) >= SMALLEST_SIDE


def orthogonalise(matrix: Tensor) -> Tensor:
    """Return the matrix with all its singular values near to 1 (0.7 to 1.2).

    Args:
        matrix: (M, N); computed in bfloat16, of which nothing here needs more digits.

    Source: Newton-Schulz iteration with the quintic of Jordan et al. 2024.
    """
    wide = matrix.T if len(matrix) > matrix.shape[1] else matrix
    found = wide.bfloat16()
    found = found / found.norm().clamp(min=1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(STEPS):
        gram = found @ found.T
        found = torch.addmm(found, torch.addmm(gram, gram, gram, beta=b, alpha=c), found, beta=a)
    return (found.T if wide is not matrix else found).to(matrix.dtype)
