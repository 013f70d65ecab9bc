"""From a training checkpoint to weights for use: our .safetensors, whose header says what they are."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from egorear_ros.models.build import load_network, rig_for
from egorear_ros.models.checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from egorear_train.rigs import load_training_rig


def export(
    path: Path,
    out: Path,
    *,
    rig: str = "ego4view_syn",
    training_data: str = "",
    metrics: Mapping[str, float] | None = None,
    force: bool = False,
) -> Checkpoint:
    """Write a checkpoint's weights without optimiser and trainer state.

    Args:
        path: `last.ckpt` or `best.ckpt` of a run.
        out: .safetensors to write.
        rig: any rig with the checkpoint's views, to prove that the network can be built.
        training_data: what it was trained on, in words; "" keeps what the recipe said.
        metrics: measured accuracy; None keeps that of the last validation.
        force: replace `out` if it exists.

    Returns:
        The file as it is read back.

    Raises:
        CheckpointError: the checkpoint cannot be used, or the file exists or cannot be written.
    """
    if out.exists() and not force:
        raise CheckpointError(f"{out}: exists already. Choose another name, or replace it with --force.")
    checkpoint = load_checkpoint(path)
    header = checkpoint.header
    if header.source:
        raise CheckpointError(f"{path}: is an official file. `egorear checkpoint convert` turns it into ours.")
    if header.architecture != "egorear_heatmap":
        views = header.views
        load_network(checkpoint, rig_for(checkpoint, load_training_rig(rig, views)))
    changed = replace(
        header,
        training_data=training_data or header.training_data,
        metrics=header.metrics if metrics is None else dict(metrics),
    )
    save_checkpoint(out, checkpoint.state_dict, changed)
    return load_checkpoint(out)
