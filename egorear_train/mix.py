"""Weights between those of before and those that went on with other data.

Fine-tuned weights know the new data and forget some of the old; on a straight line between the two there are
often weights that are better than both on data of either kind. Source: Wortsman et al., Robust fine-tuning of
zero-shot models, 2022.
"""

from dataclasses import replace
from pathlib import Path

from torch import Tensor

from egorear_ros.models.checkpoint import (
    Checkpoint,
    CheckpointError,
    describe_mismatch,
    load_checkpoint,
    save_checkpoint,
)
from egorear_train.weights import check_header


def mix(before: Path, after: Path, out: Path, *, share: float, force: bool = False) -> Checkpoint:
    """Write a weighted mean of two sets of weights, tensor by tensor.

    Args:
        before: weights that a training began with.
        after: what became of them; a .safetensors, or the .ckpt of a run.
        out: .safetensors to write.
        share: of `after`, from 0 to 1.
        force: replace `out` if it exists.

    Returns:
        The file as it is read back; its header is that of `after`, without its accuracy.

    Raises:
        CheckpointError: the two are not of one network, the share is no share, or the file exists or cannot be
            written.
    """
    if not 0.0 <= share <= 1.0:
        raise CheckpointError(f"--share is {share}; expected 0 (all of {before}) to 1 (all of {after}).")
    if out.exists() and not force:
        raise CheckpointError(f"{out}: exists already. Choose another name, or replace it with --force.")
    old, new = load_checkpoint(before), load_checkpoint(after)
    check_header(str(before), old.header, new.header, "the first file")
    if problem := describe_mismatch(old.path, old.state_dict, new.state_dict, f"the network of {after}"):
        raise CheckpointError(problem)
    mixed = {name: _between(old.state_dict[name], value, share) for name, value in new.state_dict.items()}
    save_checkpoint(out, mixed, replace(new.header, metrics={}))
    return load_checkpoint(out)


def _between(before: Tensor, after: Tensor, share: float) -> Tensor:
    """Return a weighted mean; counters, which are no weights, are those of after."""
    return before.lerp(after, share).contiguous() if after.is_floating_point() else after
