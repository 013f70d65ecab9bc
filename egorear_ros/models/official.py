"""PyTorch Lightning files, official ones and those of our own training, read without executing anything from them.

A Lightning file is a pickle, which can run any code when it is opened. Only tensors and a few
containers that cannot do anything are let in; whatever else a file asks for makes it refused.
"""

import logging
import pickle
from argparse import Namespace
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor

from egorear_ros.models.header import CheckpointError, CheckpointHeader
from egorear_ros.models.size import ModelSize

LOG = logging.getLogger(__name__)

PREFIXES = ("network._orig_mod.", "network.", "model._orig_mod.", "model.")
"""What training wrappers put before a network's own names; `_orig_mod` is torch.compile's."""


def _empty_dict(*_: Any) -> dict[Any, Any]:
    """Stand in for `defaultdict`, whose items follow in the file."""
    return {}


HARMLESS: list[Any] = [
    (Namespace, "argparse.Namespace"),
    (Namespace, "jsonargparse._namespace.Namespace"),
    (_empty_dict, "collections.defaultdict"),
    (dict, "builtins.dict"),
    (list, "builtins.list"),
    (PurePosixPath, "pathlib.PosixPath"),
    (PurePosixPath, "pathlib._local.PosixPath"),
    (PurePosixPath, "pathlib.PurePosixPath"),
    (dict, "lightning_fabric.utilities.data.AttributeDict"),
    (dict, "lightning.fabric.utilities.data.AttributeDict"),
    (dict, "pytorch_lightning.utilities.parsing.AttributeDict"),
    (dict, "lightning.pytorch.utilities.parsing.AttributeDict"),
]
"""Containers that appear as hyper-parameters, with what is built instead of them."""


HEADER_KEY = "egorear_header"
"""Where our own training writes a checkpoint's header; official files have none."""


def read_official(path: Path) -> tuple[CheckpointHeader, dict[str, Tensor]]:
    """Read a Lightning checkpoint.

    Returns:
        What the file is, from its header if our training wrote it, else told from its tensors' names
        and shapes (it does not name its views then), and its tensors under the network's own names.

    Raises:
        CheckpointError: damaged, unsafe, or not a network of this project.
    """
    content = load_without_executing(path)
    state_dict = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(state_dict, dict) or not state_dict:
        found = f"a {type(content).__name__}" + (
            f" with {', '.join(map(str, list(content)[:5]))}" if isinstance(content, dict) else ""
        )
        raise CheckpointError(
            f"{path}: expected a Lightning checkpoint with a `state_dict`, found {found}. "
            "Choose the .ckpt that the training wrote."
        )
    tensors = {_strip_prefix(str(name)): value for name, value in state_dict.items() if isinstance(value, Tensor)}
    if HEADER_KEY in content:
        # Beside the network to use, a training may keep others, for example the one whose average it is.
        ours = {str(name) for name in state_dict if str(name).startswith("network.")}
        return _own_header(path, content[HEADER_KEY]), {
            _strip_prefix(name): tensors[_strip_prefix(name)] for name in ours
        }
    architecture, size = detect_architecture(path, tensors)
    if architecture == "egoposeformer":
        LOG.warning(
            "%s: published EgoPoseFormer weights give joints relative to the pelvis, not in the device frame.", path
        )
    return CheckpointHeader(architecture, size, source=f"official file {path.name}"), tensors


def _own_header(path: Path, text: Any) -> CheckpointHeader:
    try:
        return CheckpointHeader.from_json(str(text))
    except (ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path}: cannot use this checkpoint: {error}. Update egorear_ros or train again."
        ) from error


def detect_architecture(path: Path, tensors: dict[str, Tensor]) -> tuple[str, ModelSize]:
    """Tell architecture and view count from tensor names and shapes.

    Raises:
        CheckpointError: no network of this project has such names.
    """
    position = "heatmap_refiner_front_left.frame_feat_multi_view_pos_embed"
    fusion = "layers.0.fuse_mlp.weight"
    for architecture, name, axis, unit in (
        ("egorear", f"heatmap_estimator.{position}", 1, 1),
        ("egorear_refinement", position, 1, 1),
        ("egoposeformer", fusion, 1, ModelSize.channels),
    ):
        if name in tensors and tensors[name].ndim > axis:
            return architecture, _published_size(path, tensors[name].shape[axis] // unit)
    if "conv_heatmap.weight" in tensors:
        return "egorear_heatmap", ModelSize()
    raise CheckpointError(
        f"{path}: none of its {len(tensors)} tensors belongs to a network of this project; they begin with "
        f"{', '.join(sorted(tensors)[:3])}. Expected EgoRear's pose, heatmap-refinement or heatmap network, or "
        "EgoPoseFormer."
    )


def _published_size(path: Path, view_count: int) -> ModelSize:
    try:
        return ModelSize(view_count=view_count)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error} The file is damaged or of another project.") from error


def load_without_executing(path: Path) -> Any:
    """Open a PyTorch file that holds tensors and plain containers.

    Raises:
        CheckpointError: it is damaged, or opening it would run code from the file.
    """
    try:
        with torch.serialization.safe_globals(HARMLESS):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(_refusal(path, str(error))) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        size = path.stat().st_size
        raise CheckpointError(
            f"{path}: not a complete PyTorch file ({size} bytes; {_first_line(error)}). Download or copy it again."
        ) from error


def _refusal(path: Path, reason: str) -> str:
    try:
        unsafe = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except (RuntimeError, OSError, ValueError, pickle.UnpicklingError):
        unsafe = []
    known = {name for _, name in HARMLESS}
    wanted = ", ".join(name for name in unsafe if name not in known)
    if not wanted:
        return f"{path}: not a PyTorch checkpoint ({_cause(reason)}). Download or copy it again."
    return (
        f"{path}: refused, because opening it would run code from the file (it asks for {wanted}). If you trust its "
        "origin, extract the weights where it was trained: "
        "`torch.save({'state_dict': torch.load(FILE, weights_only=False)['state_dict']}, 'weights.ckpt')`."
    )


def _cause(reason: str) -> str:
    """Return the part of PyTorch's long refusal that names the cause."""
    lines = reason.rpartition("WeightsUnpickler error:")[2].strip().splitlines()
    return lines[0] if lines else "no reason given"


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _strip_prefix(name: str) -> str:
    for prefix in PREFIXES:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name
