"""Networks that run in milliseconds, whose every weight matters."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.models.egoposeformer import EgoPoseFormer
from egorear_ros.models.egorear import EgoRear
from egorear_ros.models.size import ModelSize
from egorear_ros.models.small.network import SMALL, EgoRearSmall
from egorear_ros.runtimes.identity import ModelIdentity, identify
from egorear_ros.structures import Rig

RIG = load_rig("ego4view_syn")
SIZE = 64
TINY = {"image_size": SIZE, "backbone_channels": 8, "channels": 16}
BUILDERS: dict[str, Callable[[Rig], nn.Module]] = {
    "egorear": lambda rig: EgoRear(ModelSize(**TINY), rig),
    "small": lambda rig: EgoRearSmall(replace(SMALL, **TINY), rig),
    "egoposeformer": lambda rig: EgoPoseFormer(ModelSize(**TINY), rig),
}


def tiny_network(name: str = "egoposeformer", seed: int = 0) -> nn.Module:
    """Return a network with random weights; zeros and ones would hide mistakes."""
    torch.manual_seed(seed)
    made = BUILDERS[name](RIG).eval()
    with torch.no_grad():
        for value in made.parameters():
            value.add_(0.05 * torch.randn(value.shape))
        if isinstance(made, EgoRearSmall):
            for layer in made.lifter.triangulations:
                # Random heatmaps have their peaks anywhere, and elsewhere with fewer digits.
                layer.trust[-1].bias.fill_(-6.0)
    return made


def tiny_identity(network: nn.Module, model_id: str = "test") -> ModelIdentity:
    """Return its identity."""
    return identify(network, RIG, SIZE, model_id)


def tiny_images(batch: int, seed: int = 0) -> np.ndarray:
    """Return (B, 4, 3, 64, 64) random images."""
    return np.random.default_rng(seed).normal(size=(batch, 4, 3, SIZE, SIZE)).astype(np.float32)
