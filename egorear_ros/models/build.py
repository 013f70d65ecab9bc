"""From a checkpoint to the network it describes, with its weights, for a rig."""

from dataclasses import replace

import torch
from torch import nn

from egorear_ros.models.checkpoint import Checkpoint, describe_mismatch
from egorear_ros.models.egoposeformer import EgoPoseFormer, RefinedEgoPoseFormer
from egorear_ros.models.egorear import EgoRear
from egorear_ros.models.egotap.network import EgoTap
from egorear_ros.models.header import ARCHITECTURES, PARTS, CheckpointError, CheckpointHeader
from egorear_ros.models.heatmap_network import HeatmapNetwork
from egorear_ros.models.refinement import RefinementNetwork
from egorear_ros.models.size import ModelSize
from egorear_ros.models.small.flip_test import FlipTestedEgoRearSmall
from egorear_ros.models.small.network import EgoRearSmall
from egorear_ros.models.without_initialisation import WithoutInitialisation
from egorear_ros.structures import Rig

EGO4VIEW_VIEWS = ("front_left", "front_right", "back_left", "back_right")


def build_network(header: CheckpointHeader, rig: Rig, *, flip_test: bool = False) -> nn.Module:
    """Build the network that a header describes, with random weights.

    Args:
        header: architecture and sizes.
        rig: cameras in the model's order; only pose networks look at it.
        flip_test: let EgoRear-small look at everything in a mirror as well, see `models.small.flip_test`.

    Raises:
        CheckpointError: with `flip_test`, another network, or a rig that is not symmetric.
    """
    if flip_test and header.architecture != "egorear_small":
        raise CheckpointError(
            f"estimator.flip_test is for weights of egorear_small; these are of {header.architecture}. "
            "Set it to false, or leave --flip-test out."
        )
    if header.architecture == "egorear":
        return EgoRear(header.size, rig, header.legacy_syn_geometry)
    if header.architecture == "egorear_small":
        has = {part: part not in header.absent for part in PARTS}
        try:
            return (FlipTestedEgoRearSmall if flip_test else EgoRearSmall)(
                replace(header.size, view_count=len(rig.views)),
                rig,
                refine=has["refinement"],
                mask=has["mask"],
                uncertainty=has["uncertainty"],
                virtual_cameras=header.virtual_cameras,
            )
        except ValueError as error:
            if not flip_test:
                raise
            raise CheckpointError(f"estimator.flip_test: {error} Set it to false, or leave --flip-test out.") from error
    if header.architecture == "egoposeformer":
        return EgoPoseFormer(header.size, rig)
    if header.architecture == "egoposeformer_refined":
        return RefinedEgoPoseFormer(header.size, rig, header.legacy_syn_geometry)
    if header.architecture in ("egotap", "egotap_refined"):
        return EgoTap(header.size, rig, refine=header.architecture == "egotap_refined")
    if header.architecture == "egorear_refinement":
        return RefinementNetwork(header.size)
    return HeatmapNetwork(header.size)


def build_untrained(architecture: str, rig: Rig, seed: int = 0) -> nn.Module:
    """Build a published-size network with random weights that depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_network(CheckpointHeader(architecture, ModelSize(view_count=len(rig.views))), rig)


def load_network(checkpoint: Checkpoint, rig: Rig, *, flip_test: bool = False) -> nn.Module:
    """Build the network of a checkpoint and load its weights.

    Args:
        checkpoint: the weights.
        rig: cameras in the model's order, see `rig_for`.
        flip_test: see `build_network`.

    Raises:
        CheckpointError: tensors are missing, unexpected or of other shapes, or it cannot look in a mirror.
    """
    header = checkpoint.header
    with WithoutInitialisation():
        network = build_network(header, rig, flip_test=flip_test)
    what = f"the {header.size.view_count}-view {ARCHITECTURES[header.architecture]}"
    if problem := describe_mismatch(checkpoint.path, checkpoint.state_dict, network.state_dict(), what):
        raise CheckpointError(f"{problem} The file is incomplete or of another version: train or download it again.")
    network.load_state_dict(dict(checkpoint.state_dict))
    return network


def published_id(checkpoint: Checkpoint, *, flip_test: bool = False) -> str:
    """Return what poses of a network and its exported files are named by: its file, and whether it looks twice."""
    return checkpoint.model_id + (" flip test" if flip_test else "")


def check_architecture(checkpoint: Checkpoint, architecture: str) -> None:
    """Raise CheckpointError unless a checkpoint is of the wanted architecture, or its small or refined form."""
    found = checkpoint.header.architecture
    if found.removesuffix("_small").removesuffix("_refined") != architecture:
        raise CheckpointError(
            f"{checkpoint.path}: holds weights of {found}, {ARCHITECTURES[found]}; expected {architecture}, "
            f"{ARCHITECTURES[architecture]}. Choose another file or another estimator.method."
        )


def rig_for(checkpoint: Checkpoint, rig: Rig) -> Rig:
    """Return the rig's cameras in the order of a checkpoint's views.

    Raises:
        CheckpointError: the checkpoint is for other views.
    """
    header = checkpoint.header
    ours = f"rig {rig.name} ({rig.source}) has {', '.join(rig.views)}"
    if header.views:
        if header.architecture == "egorear_small" and set(rig.views) < set(header.views):
            # Its views share their weights, so fewer cameras are a smaller network, not a masked one.
            return rig.select(tuple(view for view in header.views if view in rig.views))
        if set(header.views) != set(rig.views):
            raise CheckpointError(
                f"{checkpoint.path}: is for the views {', '.join(header.views)}, but {ours}. "
                "Choose weights for these views or a calibration with those."
            )
        return rig.select(header.views)
    if header.size.view_count != len(rig.views):
        raise CheckpointError(
            f"{checkpoint.path}: is for {header.size.view_count} views, but {ours}. "
            f"Choose weights for {len(rig.views)} views or a calibration with {header.size.view_count}."
        )
    # Official files do not name their views; they are always in this order.
    known = tuple(view for view in EGO4VIEW_VIEWS if view in rig.views)
    return rig.select(known) if len(known) == len(rig.views) else rig
