"""Networks to measure: the published size with weights that make poses move, and the one that is shipped."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from egorear_ros.benchmarks.rendered import rendered_images
from egorear_ros.models.build import build_untrained, load_network, rig_for
from egorear_ros.models.checkpoint import load_checkpoint
from egorear_ros.models.size import ModelSize
from egorear_ros.runtimes.identity import ModelIdentity, identify
from egorear_ros.structures import Rig

PAPER = "paper"
"""Name of the published size; any other name is a checkpoint."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A network to measure.

    Attributes:
        network: in evaluation mode.
        identity: of it.
        rig: its cameras.
        trained: whether its weights mean something, so that its images must as well.
    """

    network: nn.Module
    identity: ModelIdentity
    rig: Rig
    trained: bool = False

    def images(self, batch: int, seed: int = 0) -> np.ndarray:
        """Return (B, V, 3, H, W) images in single precision: rendered people if it is trained, else smooth noise.

        On noise a trained network is nowhere sure, and a rounded number moves its joints by decimetres.
        """
        size, views = self.identity.image_size, len(self.identity.views)
        if self.trained:
            return rendered_images(self.rig, size, batch, seed)
        coarse = torch.randn(batch * views, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
        images = nn.functional.interpolate(coarse, size=(size, size), mode="bicubic")
        return images.view(batch, views, 3, size, size).numpy()


def make_subject(name: str, rig: Rig) -> Subject:
    """Build a network for a rig.

    Args:
        name: `PAPER`, or a checkpoint: a file or the name of one that comes with the package.
        rig: cameras.

    Raises:
        CheckpointError: there is no such checkpoint, or it is for other views.
    """
    if name == PAPER:
        network = build_untrained("egorear", rig).eval()
        _enliven(network)
        return Subject(network, identify(network, rig, ModelSize.image_size, "egorear-random"), rig)
    checkpoint = load_checkpoint(name)
    rig = rig_for(checkpoint, rig)
    network = load_network(checkpoint, rig).eval()
    identity = identify(network, rig, checkpoint.header.input_size, checkpoint.model_id)
    return Subject(network, identity, rig, trained=True)


def _bias_of_proposal(value: Tensor) -> Tensor:
    """Return joints from the head to the feet of somebody below the cameras, cm."""
    share = torch.linspace(0.0, 1.0, len(value) // 3)
    return torch.stack((-20 + 40 * share, 5 + 55 * share, 20 + 120 * share), dim=-1).flatten()


GAIN = 6**0.5
"""From the spread of PyTorch's fresh layers to one that keeps the spread of what they rectify."""

# Of fresh weights nothing reaches the joints: peaks that nobody trusts and poses that no image moves would hide every
# deviation. The last rule that fits counts.
RULES: tuple[tuple[str, Callable[[Tensor], Tensor]], ...] = (
    (r"(neck|conv|proj|head_layers|fc_\w+|mlp).*\.weight$", lambda value: GAIN * value if value.ndim > 1 else value),
    (r"conv_heatmap_layers_stereo_\w+\.\d+\.bias$", lambda value: value + 0.5),
    (r"mlp_pred\.2\.bias$", _bias_of_proposal),
    (r"(mlp_pred\.2|reg_mlp\.\d\.2)\.weight$", lambda value: 0.2 * torch.randn(value.shape)),
    (r"pos_embed$", lambda value: 0.1 * torch.randn(value.shape)),
)


def _enliven(network: nn.Module) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        for name, value in network.state_dict().items():
            changes = [change for pattern, change in RULES if re.search(pattern, name) and "backbone" not in name]
            if changes:
                value.copy_(changes[-1](value))
