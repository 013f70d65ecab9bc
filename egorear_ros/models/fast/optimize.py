"""The inference form of any pose network."""

from copy import deepcopy
from typing import cast

from torch import nn

from egorear_ros.models.egoposeformer import EgoPoseFormer
from egorear_ros.models.egorear import EgoRear
from egorear_ros.models.encoder import Encoder
from egorear_ros.models.fast.encoder import FastEncoder
from egorear_ros.models.fast.network import FastEgoRear
from egorear_ros.models.fast.small import FastSmallEncoder
from egorear_ros.models.small.encoder import SmallEncoder
from egorear_ros.models.small.network import EgoRearSmall


def optimize(network: nn.Module) -> nn.Module:
    """Return a network that gives the same joints faster; the one given stays as it is.

    Args:
        network: `EgoRear`, `EgoRearSmall` or `EgoPoseFormer`, trained. Later changes of its weights
            do not reach the result.

    Raises:
        TypeError: another network, for example of stage 1 or 2, which estimates no poses.
    """
    if isinstance(network, EgoRear):
        return FastEgoRear(network)
    if not isinstance(network, EgoRearSmall | EgoPoseFormer):
        raise TypeError(
            f"{type(network).__name__} estimates no poses; expected EgoRear, EgoRearSmall or EgoPoseFormer."
        )
    fast = deepcopy(network).eval().requires_grad_(False)
    encoder = cast(nn.Module, fast.encoder)
    if isinstance(encoder, SmallEncoder):
        fast.encoder = FastSmallEncoder(encoder)  # type: ignore[assignment]
    elif isinstance(encoder, Encoder):
        fast.encoder = FastEncoder(encoder)  # type: ignore[assignment]
    return fast
