"""Optimiser and learning rate of the published training."""

from collections.abc import Iterable

import torch
from torch import nn

LEARNING_RATE = 1e-3
EPOCHS = 12
DROP_EPOCHS = (8, 10)
WARM_UP_STEPS = 500
CLIP_NORM = 5.0
NOT_DECAYED = ("norm", "bn", "ln", "bias")
"""Parameters with one of these in their name have no weight decay in stage 3."""


def make_optimizer(network: nn.Module, weight_decay: float, decay_everything: bool) -> torch.optim.AdamW:
    """Return AdamW over all parameters.

    Args:
        network: to be trained.
        weight_decay: 5e-3 in stages 1 and 2, 5e-4 in stage 3.
        decay_everything: True in stages 1 and 2; in stage 3 `NOT_DECAYED` are left out, by name.
    """
    decayed, free = split_parameters(network.named_parameters())
    if decay_everything:
        decayed, free = decayed + free, []
    groups: list[dict[str, object]] = [{"params": decayed, "weight_decay": weight_decay}]
    if free:
        groups.append({"params": free, "weight_decay": 0.0})
    return torch.optim.AdamW(groups, lr=LEARNING_RATE)


def split_parameters(named: Iterable[tuple[str, nn.Parameter]]) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return the parameters with and without weight decay, told apart by name as published."""
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in named:
        (free if any(part in name for part in NOT_DECAYED) else decayed).append(parameter)
    return decayed, free


def learning_rate(step: int, epoch: int) -> float:
    """Return the rate of a step.

    The published code sets the warmed-up rate *after* each step, so step 0 runs at the full rate
    and step k at k / 500 of it.

    Args:
        step: optimiser steps taken before this one.
        epoch: epochs finished before this one.
    """
    rate = LEARNING_RATE * 0.1 ** sum(epoch >= drop for drop in DROP_EPOCHS)
    return rate * step / WARM_UP_STEPS if 0 < step < WARM_UP_STEPS else rate
