"""A pose network as an ONNX file: fixed names, any batch, and metadata that say what it is."""

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from egorear_ros.models.egoposeformer import EgoPoseFormer
from egorear_ros.models.egorear import EgoRear, EgoRearOutput
from egorear_ros.models.fast.optimize import optimize
from egorear_ros.models.lifter import Lift
from egorear_ros.models.small.network import EgoRearSmall, SmallOutput
from egorear_ros.runtimes.identity import ModelIdentity
from egorear_ros.runtimes.install import import_library
from egorear_ros.runtimes.onnx_file import FORMAT, INPUTS, write_onnx
from egorear_ros.runtimes.precision import reduce_precision
from egorear_ros.skeleton import EGO4VIEW

EXPORTED = (EgoRear, EgoRearSmall, EgoPoseFormer)
OPSET = 17
OPSETS = range(16, 21)
"""From the first that has GridSample to the last that the tracing exporter writes."""

TRACED_BATCH = 2
"""Any but 1, which broadcasts where others do not. The file takes all."""


class ExportError(RuntimeError):
    """A file could not be made: says why, and what to do."""


class Portable(nn.Module):
    """A network's inference form with plain tensors on both sides."""

    def __init__(self, network: nn.Module, precision: str = "fp32") -> None:
        """Derive the inference form.

        Args:
            network: trained.
            precision: fp32, or fp16 for half precision where `reduce_precision` puts it.
        """
        super().__init__()
        # A file written on a CPU is for GPUs all the same.
        self.network = reduce_precision(optimize(network), precision, torch.device("cuda"))

    def forward(self, images: Tensor, view_mask: Tensor, T_camera_device: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return what `output_names` names."""
        output: EgoRearOutput | SmallOutput | Lift = self.network(images, T_camera_device, view_mask)
        if isinstance(output, Lift):
            return (output.joints_cm,)
        if isinstance(output, SmallOutput):
            scale = () if output.lift.scale_cm is None else (output.lift.scale_cm,)
            return output.lift.joints_cm, output.peaks.uv, output.peaks.score, *scale
        peaks = output.refinement.peaks
        return output.lift.joints_cm, peaks.uv, peaks.score


def output_names(network: nn.Module) -> tuple[str, ...]:
    """Return the names of a network's outputs."""
    if isinstance(network, EgoPoseFormer):
        return ("joints_cm",)
    scale = ("scale_cm",) if isinstance(network, EgoRearSmall) and network.uncertainty else ()
    return ("joints_cm", "peaks_uv", "peak_scores", *scale)


def export_onnx(
    network: nn.Module,
    identity: ModelIdentity,
    path: Path,
    *,
    extrinsics: bool = True,
    precision: str = "fp32",
    opset: int = OPSET,
    finish: Callable[[Path], None] | None = None,
) -> None:
    """Write a network as ONNX; an existing file is replaced only when the new one is complete.

    Args:
        network: `EgoRear`, `EgoRearSmall` or `EgoPoseFormer`, trained, on the CPU.
        identity: goes into the metadata.
        path: file to write.
        extrinsics: whether the places of the cameras are a third input, `T_camera_device`; otherwise
            they are the rig's, as a constant.
        precision: fp32 or fp16.
        opset: version of ONNX's operators, of `OPSETS`.
        finish: called with the complete file before it gets its name; what it raises keeps the file from
            getting it.

    Raises:
        RuntimeSetupError: the package onnx is not installed.
        ExportError: the network is of another kind, or the file cannot be written, for example because the disk
            is full.
    """
    onnx = import_library("onnx", "onnx")
    if not isinstance(network, EXPORTED):
        raise ExportError(
            f"{type(network).__name__} cannot be exported; {', '.join(kind.__name__ for kind in EXPORTED)} can. Run it "
            "with runtime.name pytorch."
        )
    if opset not in OPSETS:
        raise ExportError(f"opset {opset}: expected {OPSETS[0]} to {OPSETS[-1]}.")
    names = INPUTS if extrinsics else INPUTS[:2]
    with written_aside(path) as partial:
        _trace(Portable(network, precision).eval(), names, output_names(network), identity, partial, opset)
        model = onnx.load(str(partial))
        set_metadata(model, {**_constants(), **identity.to_metadata(), "precision": precision})
        write_onnx(model, partial)
        del model
        if finish is not None:
            finish(partial)


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Yield a path beside another, which gets the other's name at the end, or is removed if something is raised.

    Raises:
        ExportError: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise ExportError(
            f"{path}: could not be written ({error}). What was there before is untouched. Make room or choose another "
            "folder."
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def set_metadata(model: Any, values: Mapping[str, str]) -> None:
    """Give a parsed ONNX file metadata, in place of those of the same names."""
    kept = {entry.key: entry.value for entry in model.metadata_props} | dict(values)
    del model.metadata_props[:]
    for key, value in kept.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value


def example_inputs(identity: ModelIdentity, batch: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return random images and a mask; from the second entry on, a view of each is missing."""
    views, size = len(identity.views), identity.image_size
    images = torch.randn(batch, views, 3, size, size, generator=torch.Generator().manual_seed(seed))
    mask = torch.ones(batch, views, dtype=torch.bool)
    for entry in range(1, batch):
        mask[entry, entry % views] = False
    return images, mask


def _trace(
    network: Portable,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    identity: ModelIdentity,
    path: Path,
    opset: int,
) -> None:
    """Record the network. The tracing exporter: the newer one takes minutes for these networks."""
    arguments: list[Tensor] = list(example_inputs(identity, TRACED_BATCH))
    if len(inputs) == len(INPUTS):
        arguments.append(torch.eye(4).expand(TRACED_BATCH, len(identity.views), 4, 4).contiguous())
    torch.onnx.register_custom_op_symbolic("aten::mT", _transposed, opset)  # type: ignore[attr-defined]
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # the checks of shapes become constants on purpose
            torch.onnx.export(
                network,
                tuple(arguments),
                str(path),
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_axes={name: {0: "batch"} for name in (*inputs, *outputs)},
                opset_version=opset,
                dynamo=False,
            )
    finally:
        exporter.setLevel(level)
        torch.onnx.unregister_custom_op_symbolic("aten::mT", opset)  # type: ignore[attr-defined]


def _transposed(graph: Any, x: Any) -> Any:
    """`Tensor.mT`, which the tracing exporter does not know."""
    axes = list(range(x.type().dim()))
    axes[-2], axes[-1] = axes[-1], axes[-2]
    return graph.op("Transpose", x, perm_i=axes)


def _constants() -> dict[str, str]:
    """Return metadata that are the same for every model."""
    from egorear_ros import __version__

    return {
        "format": FORMAT,
        "egorear_ros": __version__,
        "torch": torch.__version__,
        "skeleton": EGO4VIEW.name,
        "joints": ", ".join(EGO4VIEW.joint_names),
        "heatmap_joints": ", ".join(EGO4VIEW.joint_names[index] for index in EGO4VIEW.heatmap_joints),
        "units": "joints_cm and scale_cm in cm, device frame; peaks_uv as fractions of width and height",
        "images": "RGB, (B, V, 3, H, W), value / 255 minus mean (0.485, 0.456, 0.406) over std (0.229, 0.224, 0.225)",
        "view_mask": "(B, V) bool, false where a view is missing",
        "T_camera_device": "(B, V, 4, 4) device to camera coordinates, translation in m; only in some files",
    }
