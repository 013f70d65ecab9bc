"""Weights to begin with: of the stage before, of the same stage, or of ImageNet; always strict."""

from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from egorear_ros.models.checkpoint import (
    Checkpoint,
    CheckpointError,
    bundled_weights,
    describe_mismatch,
    load_checkpoint,
)
from egorear_ros.models.header import ARCHITECTURES, CheckpointHeader
from egorear_ros.models.official import load_without_executing
from egorear_ros.models.resnet import ResNet18
from egorear_ros.models.size import ModelSize

ADDED_LATER = {"context_channels": "lifter.context", "sight_channels": "lifter.triangulations"}
"""Sizes of layers that trained weights may be given later, and how their tensors are called.

Until they are trained, those of `models.small.context` change nothing, and those of
`models.small.triangulation` next to nothing.
"""

IMAGENET_URL = "https://download.pytorch.org/models/resnet18-f37072fd.pth"


def read_weights(path: str, architecture: str, size: ModelSize, views: tuple[str, ...], setting: str) -> Checkpoint:
    """Read weights that must be of one architecture, size and set of views.

    Args:
        path: our .safetensors, a .ckpt of our training or an official one.
        architecture: a key of `ARCHITECTURES`.
        size: of the network that takes them.
        views: of the network that takes them, in its order; a file that names none fits any.
        setting: what the path was given as, for the text of errors.

    Raises:
        CheckpointError: the file is missing, damaged, or of another stage, size or other views.
    """
    checkpoint = _read(path, setting)
    check_header(path, checkpoint.header, CheckpointHeader(architecture, size, views), setting)
    return checkpoint


def check_header(path: str, found: CheckpointHeader, wanted: CheckpointHeader, setting: str) -> None:
    """Raise CheckpointError unless a file is what a stage needs."""
    if found.architecture != wanted.architecture:
        raise CheckpointError(
            f"{setting} is {path}, which holds weights of {found.architecture}, {ARCHITECTURES[found.architecture]}; "
            f"expected {wanted.architecture}, {ARCHITECTURES[wanted.architecture]}."
        )
    single = wanted.architecture == "egorear_heatmap"  # knows nothing of views
    if not single and found.size.view_count != wanted.size.view_count:
        names = ", ".join(found.views) or "not named"
        raise CheckpointError(
            f"{setting} is {path}, which is for {found.size.view_count} views ({names}); this run has "
            f"{wanted.size.view_count}: {', '.join(wanted.views)}. {_same_views(setting)}"
        )
    if not single and found.views and found.views != wanted.views:
        raise CheckpointError(
            f"{setting} is {path}, which is for the views {', '.join(found.views)}; this run has "
            f"{', '.join(wanted.views)}. Their order counts. {_same_views(setting)}"
        )
    if found.absent != wanted.absent:
        raise CheckpointError(
            f"{setting} is {path}, which was trained {_without(found)}; this run is {_without(wanted)}. Set "
            "model.refine, model.mask and model.uncertainty to the file's."
        )
    if found.virtual_cameras != wanted.virtual_cameras:
        raise CheckpointError(
            f"{setting} is {path}, which was trained {_through(found)}; this run is {_through(wanted)}. Set "
            "model.virtual_cameras to the file's."
        )
    ours = replace(wanted.size, view_count=found.size.view_count)
    if found.size != ours:
        theirs, mine = found.size.to_dict(), ours.to_dict()
        wrong = [f"{name} {theirs[name]}, here {mine[name]}" for name in mine if theirs.get(name) != mine[name]]
        raise CheckpointError(
            f"{setting} is {path}, a network of another size: {'; '.join(wrong)}. Set model.size to the file's."
        )


def begin_with(path: str, wanted: CheckpointHeader, setting: str) -> Checkpoint:
    """Read weights of the same stage, from which some may be left out.

    EgoRear-small may be given fewer views, whose weights are shared, and lose parts, to be trained on without
    them. It is never given a part that the file was not trained with, except those of `ADDED_LATER`.

    Args:
        path: see `read_weights`.
        wanted: of the network that takes them.
        setting: see `read_weights`.

    Raises:
        CheckpointError: see `read_weights`.
    """
    checkpoint = _read(path, setting)
    found = checkpoint.header
    if found.architecture == wanted.architecture == "egorear_small":
        if set(wanted.views) <= set(found.views):
            found = replace(found, views=wanted.views, size=replace(found.size, view_count=wanted.size.view_count))
        if set(found.absent) <= set(wanted.absent):
            found = replace(found, absent=wanted.absent)
        # The same tensors; what they see is new to them, but not all else.
        found = replace(found, virtual_cameras=wanted.virtual_cameras)
        new = {name: getattr(wanted.size, name) for name in ADDED_LATER if not getattr(found.size, name)}
        found = replace(found, size=replace(found.size, **new))
    check_header(path, found, wanted, setting)
    kept = checkpoint.state_dict
    if "refinement" in wanted.absent:
        kept = {name: value for name, value in kept.items() if not name.startswith("refiner.layers.")}
    return replace(checkpoint, state_dict=kept)


def add_layers(checkpoint: Checkpoint, network: nn.Module) -> dict[str, Tensor]:
    """Return a file's tensors and those of a network's untrained layers that it has none for, of `ADDED_LATER`."""
    lacking = tuple(prefix for name, prefix in ADDED_LATER.items() if not getattr(checkpoint.header.size, name))
    ours = network.state_dict().items()
    new = {name: value for name, value in ours if lacking and name.startswith(lacking)}
    return dict(checkpoint.state_dict) | new


def _read(path: str, setting: str) -> Checkpoint:
    if not Path(path).expanduser().is_file() and path not in bundled_weights():
        raise CheckpointError(f"{setting} is {path}, which does not exist. Train that stage first, or name its file.")
    return load_checkpoint(path)


def _same_views(setting: str) -> str:
    """Return what to do about other views; this same stage's weights are given as one of two settings."""
    own = setting in ("ckpt_path", "model.weights")
    return "Set model.views to the file's." if own else "Train the earlier stage with the same views."


def _without(header: CheckpointHeader) -> str:
    return f"without {', '.join(header.absent)}" if header.absent else "with all parts"


def _through(header: CheckpointHeader) -> str:
    return "with virtual cameras" if header.virtual_cameras else "without virtual cameras"


def load_strictly(module: nn.Module, state_dict: dict[str, Tensor], path: Path, what: str) -> None:
    """Load weights into a module.

    Raises:
        CheckpointError: tensors are missing, unexpected or of other shapes.
    """
    if problem := describe_mismatch(path, state_dict, module.state_dict(), what):
        raise CheckpointError(problem)
    module.load_state_dict(state_dict)


def load_imagenet(backbone: ResNet18, path: str) -> None:
    """Load torchvision's ImageNet weights into a backbone.

    Raises:
        CheckpointError: the file is missing or something else.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise CheckpointError(
            f"model.imagenet is {path}, which does not exist. Download {IMAGENET_URL} there, or train from random "
            'weights with --model.imagenet "".'
        )
    try:
        backbone.load_imagenet_weights(load_without_executing(file))
    except (ValueError, AttributeError) as error:
        raise CheckpointError(f"model.imagenet is {path}: {error}") from error
