"""The inference form of any pose network."""

from torch import nn

from egorear_ros.models.egoposeformer import EgoPoseFormer, RefinedEgoPoseFormer
from egorear_ros.models.egorear import EgoRear
from egorear_ros.models.egotap.network import EgoTap
from egorear_ros.models.encoder import Encoder
from egorear_ros.models.fast.encoder import FastEncoder
from egorear_ros.models.fast.network import FastEgoRear, for_inference
from egorear_ros.models.fast.plug_in import FastEgoPoseFormer, FastEgoTap, FastRefinedEgoPoseFormer
from egorear_ros.models.fast.small import FastSmallEncoder
from egorear_ros.models.small.encoder import SmallEncoder
from egorear_ros.models.small.network import EgoRearSmall


def optimize(network: nn.Module, *, consume: bool = False) -> nn.Module:
    """Return a network that gives the same joints faster; the one given stays as it is unless it is consumed.

    Args:
        network: `EgoRear`, `EgoRearSmall`, `EgoPoseFormer` or `EgoTap`, trained, in any form. Later
            changes of its weights do not reach the result.
        consume: take the network apart instead of copying it, which saves its size in memory; it is of no use
            afterwards.

    Raises:
        TypeError: another network, for example of stage 1 or 2, which estimates no poses.
    """
    if isinstance(network, EgoRear):
        return FastEgoRear(network, consume=consume)
    if isinstance(network, EgoPoseFormer):
        return FastEgoPoseFormer(network, consume=consume)
    if isinstance(network, RefinedEgoPoseFormer):
        return FastRefinedEgoPoseFormer(network, consume=consume)
    if isinstance(network, EgoTap) and network.refined:
        return FastEgoTap(network, consume=consume)
    if not isinstance(network, EgoRearSmall | EgoTap):
        raise TypeError(
            f"{type(network).__name__} estimates no poses; expected EgoRear, EgoRearSmall, EgoPoseFormer or EgoTap."
        )
    fast = for_inference(network, consume=consume)
    for module in list(fast.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, SmallEncoder):
                setattr(module, name, FastSmallEncoder(child))
            elif isinstance(child, Encoder):
                setattr(module, name, FastEncoder(child))
    return fast
