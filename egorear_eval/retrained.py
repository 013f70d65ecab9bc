"""Weights that were trained otherwise, in words: the rows of an ablation that are fair comparisons."""

from pathlib import Path

from egorear_ros.models.checkpoint import load_checkpoint
from egorear_ros.models.header import CheckpointHeader


def how_trained(checkpoint: str, full: str) -> str:
    """Return how weights were trained, against those of the full method, as their headers say.

    Args:
        checkpoint: name or path of the weights.
        full: of the full method.

    Raises:
        CheckpointError: one of them cannot be read.
    """
    differences = header_differences(load_checkpoint(checkpoint).header, load_checkpoint(full).header)
    return f"{', '.join(['retrained', *differences])}: {Path(checkpoint).name}"


def header_differences(header: CheckpointHeader, full: CheckpointHeader) -> list[str]:
    """Return in words what a header says that another does not."""
    found = [f"without {part}" for part in header.absent if part not in full.absent]
    found += [f"with {part}" for part in full.absent if part not in header.absent]
    if header.views != full.views:
        found.append(f"with {' + '.join(header.views)} alone")
    elif header.trained_with_missing_views != full.trained_with_missing_views:
        found.append("views dropped" if header.trained_with_missing_views else "no views dropped")
    return found
