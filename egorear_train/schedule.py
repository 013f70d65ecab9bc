"""Optimiser and learning rate of the published training."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from egorear_train.muon import Muon, is_matrix

LEARNING_RATE = 1e-3
EPOCHS = 12
DROP_EPOCHS = (8, 10)
WARM_UP_STEPS = 500
CLIP_NORM = 5.0
NOT_DECAYED = ("norm", "bn", "ln", "bias")
"""Parameters with one of these in their name have no weight decay in stage 3."""


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW, or Muon, and its rate; the defaults are those of the published stage 3.

    Attributes:
        method: adamw as published; muon gets further in the same number of steps, see `muon.Muon`.
        learning_rate: the full rate.
        weight_decay: 5e-3 in stages 1 and 2, 5e-4 in stage 3.
        decay_everything: whether norms and biases decay too, as in stages 1 and 2.
        drop_epochs: the rate falls to a tenth after each of these many epochs.
        warm_up_steps: optimiser steps until the full rate.
        decay_steps: optimiser steps until the rate, falling along a straight line from the beginning, is zero; 0: it
            does not fall. For the last stretch of a training whose end is known.
        epsilon: AdamW's, what keeps its steps finite.
    """

    method: Literal["adamw", "muon"] = "adamw"
    learning_rate: float = LEARNING_RATE
    weight_decay: float = 5e-4
    decay_everything: bool = False
    drop_epochs: tuple[int, ...] = DROP_EPOCHS
    warm_up_steps: int = WARM_UP_STEPS
    decay_steps: int = 0
    epsilon: float = 1e-8


HEATMAP_OPTIMIZER = OptimizerConfig(weight_decay=5e-3, decay_everything=True)
"""Of the published stages 1 and 2."""


def make_optimizer(network: nn.Module, config: OptimizerConfig) -> torch.optim.AdamW:
    """Return the optimiser over all parameters, also those that never get a gradient, which it leaves alone."""
    decayed, free = split_parameters(network.named_parameters())
    if config.decay_everything:
        decayed, free = decayed + free, []
    groups: list[dict[str, object]] = [{"params": decayed, "weight_decay": config.weight_decay}]
    if free:
        groups.append({"params": free, "weight_decay": 0.0})
    if config.method == "adamw":
        return torch.optim.AdamW(groups, lr=config.learning_rate, eps=config.epsilon)
    matrices = [parameter for parameter in decayed if is_matrix(parameter)]
    groups[0]["params"] = [parameter for parameter in decayed if not is_matrix(parameter)]
    groups.append({"params": matrices, "weight_decay": config.weight_decay, "matrices": True})
    return Muon(groups, config.learning_rate, config.epsilon)


def split_parameters(named: Iterable[tuple[str, nn.Parameter]]) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return the parameters with and without weight decay, told apart by name as published."""
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in named:
        (free if any(part in name for part in NOT_DECAYED) else decayed).append(parameter)
    return decayed, free


def learning_rate(step: int, epoch: int, config: OptimizerConfig | None = None) -> float:
    """Return the rate of a step.

    The published code sets the warmed-up rate *after* each step, so step 0 runs at the full rate
    and step k at k / 500 of it.

    Args:
        step: optimiser steps taken before this one.
        epoch: epochs finished before this one.
        config: None: the published numbers.
    """
    config = config or OptimizerConfig()
    rate = config.learning_rate * 0.1 ** sum(epoch >= drop for drop in config.drop_epochs)
    if config.decay_steps:
        rate *= max(1.0 - step / config.decay_steps, 0.0)
    return rate * step / config.warm_up_steps if 0 < step < config.warm_up_steps else rate


def cosine_rate(step: int, warm_up_steps: int, total_steps: float, full: float) -> float:
    """Return a rate that rises over the warm-up and falls along half a cosine to zero at the end.

    Args:
        step: optimiser steps taken before this one.
        warm_up_steps: steps until the full rate.
        total_steps: of the whole run; infinite: the rate stays full.
        full: the highest rate.
    """
    if step < warm_up_steps:
        return full * (step + 1) / warm_up_steps
    share = (step - warm_up_steps) / max(total_steps - warm_up_steps, 1)
    return full * 0.5 * (1.0 + math.cos(math.pi * min(share, 1.0)))
