"""Checkpoints: weights in a .safetensors file whose header says everything needed to use them.

The header is one JSON text in the file's metadata. Loading executes nothing from the file.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from egorear_ros.models.header import CheckpointError, CheckpointHeader
from egorear_ros.models.official import read_official
from egorear_ros.paths import share_dir

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "CheckpointHeader",
    "bundled_weights",
    "describe_mismatch",
    "load_checkpoint",
    "read_header",
    "save_checkpoint",
]

_METADATA_KEY = "egorear"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Weights in memory.

    Attributes:
        path: the file.
        digest: first 8 hexadecimal digits of the file's SHA-256.
        header: what the weights are for.
        state_dict: tensors by name, on the CPU.
    """

    path: Path
    digest: str
    header: CheckpointHeader
    state_dict: Mapping[str, Tensor]

    @property
    def model_id(self) -> str:
        """Architecture, file name and content, to be written beside every result."""
        return f"{self.header.architecture}/{self.path.stem}@{self.digest}"


def bundled_weights() -> dict[str, Path]:
    """Return the weights that come with the package, by name."""
    return {path.stem: path for path in sorted((share_dir() / "assets").glob("*.safetensors"))}


def load_checkpoint(path: str | Path, *, legacy_syn_geometry: bool = False) -> Checkpoint:
    """Read our own .safetensors or an official Lightning .ckpt.

    Args:
        path: the file, or the name of weights that come with the package, see `bundled_weights`.
        legacy_syn_geometry: whether an official file's weights expect the published synthetic
            geometry, which such files do not say. Our own files know it themselves.

    Raises:
        CheckpointError: the file is missing, damaged, unsafe, not a checkpoint of this project, or
            has weights that are not finite.
    """
    bundled = bundled_weights()
    path = bundled.get(str(path)) or Path(path).expanduser()
    if not path.is_file():
        raise CheckpointError(
            f"{path}: no such file. Set estimator.checkpoint to a .safetensors or .ckpt file, or to one that comes "
            f"with the package: {', '.join(bundled) or 'there are none'}."
        )
    if path.suffix == ".onnx":
        raise CheckpointError(
            f"{path}: an exported network, which runs beside the checkpoint that it was made from. Set runtime.model "
            "to it (--onnx), runtime.name to onnxruntime, openvino or tensorrt (--runtime), and estimator.checkpoint "
            "(--checkpoint) to the weights."
        )
    if path.suffix == ".safetensors":
        header, state_dict = _read_safetensors(path)
    else:
        header, state_dict = read_official(path)
        if header.source:  # official: it does not say
            header = replace(header, legacy_syn_geometry=legacy_syn_geometry)
    if legacy_syn_geometry and not header.legacy_syn_geometry:
        raise CheckpointError(
            f"{path}: was trained with correct geometry, but estimator.legacy_syn_geometry is set. Leave it false: it "
            "is for official Ego4View-Syn files only."
        )
    _check_finite(path, state_dict)
    return Checkpoint(path, file_digest(path), header, state_dict)


def read_header(path: str | Path) -> CheckpointHeader:
    """Read only the header of our own .safetensors.

    Raises:
        CheckpointError: the file is damaged or has no header.
    """
    path = Path(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: not a complete safetensors file ({error}). Copy it again.") from error
    if _METADATA_KEY not in metadata:
        raise CheckpointError(
            f"{path}: a safetensors file without the header of this project. "
            "Convert the original file with `egorear checkpoint convert`."
        )
    try:
        return CheckpointHeader.from_json(metadata[_METADATA_KEY])
    except (ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path}: cannot use this checkpoint: {error}. Update egorear_ros or convert it again."
        ) from error


def save_checkpoint(path: str | Path, state_dict: Mapping[str, Tensor], header: CheckpointHeader) -> None:
    """Write a checkpoint; an existing file is replaced only when the new one is complete.

    Raises:
        CheckpointError: the file cannot be written, for example because the disk is full.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise CheckpointError(f"{path}: checkpoints are written as .safetensors. Choose a name that ends so.")
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state_dict.items()}
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        save_file(tensors, partial, metadata={_METADATA_KEY: header.to_json()})
        partial.chmod(0o644)  # safetensors lets nobody else read, but weights are installed for everybody
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: could not be written ({error}). What was there before is untouched.") from error
    finally:
        partial.unlink(missing_ok=True)


def file_digest(path: Path) -> str:
    """Return the first 8 hexadecimal digits of a file's SHA-256."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:8]


def _read_safetensors(path: Path) -> tuple[CheckpointHeader, dict[str, Tensor]]:
    header = read_header(path)
    with safe_open(path, framework="pt") as file:
        return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)


def _check_finite(path: Path, state_dict: Mapping[str, Tensor]) -> None:
    bad = [name for name, value in state_dict.items() if value.is_floating_point() and not _is_finite(value)]
    if bad:
        raise CheckpointError(
            f"{path}: {len(bad)} of {len(state_dict)} tensors hold NaN or infinity, first {bad[0]}. "
            "Training diverged or the file is damaged: use an earlier checkpoint."
        )


def _is_finite(value: Tensor) -> bool:
    # NaN and infinity stay in a sum, which takes a sixth of the time; a sum of large numbers can overflow by itself.
    return bool(torch.isfinite(value.sum())) or bool(torch.isfinite(value).all())


def describe_mismatch(path: Path, state_dict: Mapping[str, Tensor], expected: Mapping[str, Any], what: str) -> str:
    """Return why weights do not fit a network, or "" if they do.

    Args:
        path: the file, for the text.
        state_dict: the file's tensors.
        expected: the network's tensors.
        what: names the network in the text.
    """
    problems = []
    for title, names in (
        ("missing", sorted(set(expected) - set(state_dict))),
        ("unexpected", sorted(set(state_dict) - set(expected))),
        (
            "of another shape",
            sorted(n for n in set(expected) & set(state_dict) if expected[n].shape != state_dict[n].shape),
        ),
    ):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            problems.append(f"{len(names)} tensors {title} ({', '.join(names[:3])}{more})")
    return f"{path}: does not fit {what}: {'; '.join(problems)}." if problems else ""
