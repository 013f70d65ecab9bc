"""Parts of a trained network that can be switched off without training it again.

What a part is worth is told by training without it; switched off at inference, the rest of the network meets
what it never saw in training, so the loss is an upper bound. Tables say which of the two a row is.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from egorear_eval.clip import EvaluationError
from egorear_ros.config import RuntimeConfig
from egorear_ros.estimators.base import Estimator
from egorear_ros.estimators.egorear import EgoRearEstimator
from egorear_ros.models.build import check_architecture, load_network, rig_for
from egorear_ros.models.checkpoint import load_checkpoint
from egorear_ros.models.refinement import RefinementNetwork
from egorear_ros.models.refiner import Refiner
from egorear_ros.models.small.network import EgoRearSmall
from egorear_ros.runtimes.pytorch import PyTorchRuntime
from egorear_ros.structures import Rig


def switched_estimator(
    checkpoint: str,
    rig: Rig,
    *,
    method: str = "egorear",
    switch: str = "",
    device: str = "auto",
    legacy_syn_geometry: bool = False,
) -> Estimator:
    """Return the method of a checkpoint, some part of it switched off, by the plain reference engine.

    Args:
        checkpoint: name or path of the weights.
        rig: the cameras; frame sets may lack some. Weights that know only some of them see only these.
        method: that the weights must be of.
        switch: a key of `SWITCHES`; empty: everything is on.
        device: see `runtime.device`.
        legacy_syn_geometry: see `EstimatorConfig`.

    Raises:
        CheckpointError: the weights cannot be used, or not with this rig.
        EvaluationError: the network has no such part.
    """
    loaded = load_checkpoint(checkpoint, legacy_syn_geometry=legacy_syn_geometry)
    check_architecture(loaded, method)
    if loaded.header.views and set(loaded.header.views) < set(rig.views):
        rig = rig.select(loaded.header.views)
    rig = rig_for(loaded, rig)
    network = load_network(loaded, rig)
    model_id = loaded.model_id
    if switch:
        model_id += f" without {switch}"
        SWITCHES[switch](network)
    engine = PyTorchRuntime(network, RuntimeConfig(name="pytorch_plain", device=device))
    return EgoRearEstimator(engine, rig, loaded.header.input_size, model_id, accept_missing_views=True)


def without_refinement(network: nn.Module) -> None:
    """Let the pose be made from each view on its own: first heatmaps and the encoder's features.

    Raises:
        EvaluationError: the network does not refine.
    """
    small, refining = _parts(network, EgoRearSmall), _parts(network, RefinementNetwork)
    used = [part for part in small if part.refine] + [part for part in refining if part.refiner_names]
    if not used:
        raise _nothing_to_switch(network, "refinement")
    for part in used:
        if isinstance(part, EgoRearSmall):
            part.refine = False
        else:
            part.refiner_names = ()


def without_mask(network: nn.Module) -> None:
    """Let views listen to every peak, however weak; views that are missing stay silent.

    Raises:
        EvaluationError: the network masks nothing.
    """
    small = [part for part in _parts(network, EgoRearSmall) if part.mask]
    refiners = _parts(network, Refiner)
    if not small and not refiners:
        raise _nothing_to_switch(network, "mask")
    for part in small:
        part.mask = False
    for refiner in refiners:
        refiner.register_forward_pre_hook(_trust_every_peak)


SWITCHES: dict[str, Callable[[nn.Module], None]] = {"refinement": without_refinement, "mask": without_mask}
"""What can be switched off, by the name that `--ablate` knows."""


def _trust_every_peak(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a refiner's arguments (view, encoded, heatmaps, anchors, valid), every peak valid.

    Heatmaps of missing views are zero, which those of a trained head never are.
    """
    view, encoded, heatmaps, anchors_uv, _ = args
    seen: Tensor = (heatmaps != 0.0).flatten(-2).any(dim=-1)
    return view, encoded, heatmaps, anchors_uv, torch.as_tensor(seen)


def _parts(network: nn.Module, kind: type[Any]) -> list[Any]:
    return [module for module in network.modules() if isinstance(module, kind)]


def _nothing_to_switch(network: nn.Module, part: str) -> EvaluationError:
    return EvaluationError(
        f"--ablate {part}: {type(network).__name__} has no {part} to switch off. Leave it out, or name weights that "
        "were trained both ways with --variant."
    )
