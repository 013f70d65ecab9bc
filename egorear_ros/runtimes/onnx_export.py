"""A pose network as an ONNX file: fixed names, one frame set at a time, and metadata that say what it is."""

import logging
import os
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from egorear_ros.models.egoposeformer import EgoPoseFormer
from egorear_ros.models.egorear import EgoRearOutput
from egorear_ros.models.fast.optimize import optimize
from egorear_ros.models.lifter import Lift
from egorear_ros.models.small.network import EgoRearSmall, SmallOutput
from egorear_ros.runtimes.identity import ModelIdentity
from egorear_ros.runtimes.install import import_library
from egorear_ros.runtimes.onnx_file import FORMAT
from egorear_ros.skeleton import EGO4VIEW

OPSET = 17
INPUTS = ("images", "view_mask", "T_camera_device")
BATCH = 1
"""Fixed: the tracing exporter takes the batch for a constant in many places."""


class Portable(nn.Module):
    """A network's inference form with plain tensors on both sides."""

    def __init__(self, network: nn.Module) -> None:
        """Derive the inference form."""
        super().__init__()
        self.network = optimize(network)

    def forward(self, images: Tensor, view_mask: Tensor, T_camera_device: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return what `output_names` names."""
        output: EgoRearOutput | SmallOutput | Lift = self.network(images, T_camera_device, view_mask)
        if isinstance(output, Lift):
            return (output.joints_cm,)
        if isinstance(output, SmallOutput):
            return output.lift.joints_cm, output.peaks.uv, output.peaks.score, output.lift.scale_cm
        peaks = output.refinement.peaks
        return output.lift.joints_cm, peaks.uv, peaks.score


def output_names(network: nn.Module) -> tuple[str, ...]:
    """Return the names of a network's outputs."""
    if isinstance(network, EgoPoseFormer):
        return ("joints_cm",)
    scale = ("scale_cm",) if isinstance(network, EgoRearSmall) else ()
    return ("joints_cm", "peaks_uv", "peak_scores", *scale)


def export_onnx(network: nn.Module, identity: ModelIdentity, path: Path, *, extrinsics: bool) -> None:
    """Write a network as ONNX; an existing file is replaced only when the new one is complete.

    Args:
        network: `EgoRear`, `EgoRearSmall` or `EgoPoseFormer`, trained, on the CPU.
        identity: goes into the metadata.
        path: file to write.
        extrinsics: whether the places of the cameras are a third input, `T_camera_device`; otherwise
            they are the rig's, as a constant.

    Raises:
        RuntimeSetupError: the package onnx is not installed.
    """
    onnx = import_library("onnx", "onnx")
    names = INPUTS if extrinsics else INPUTS[:2]
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        _trace(Portable(network).eval(), names, output_names(network), identity, partial)
        model = onnx.load(str(partial))
        for key, value in {**_constants(), **identity.to_metadata()}.items():
            entry = model.metadata_props.add()
            entry.key, entry.value = key, value
        onnx.save(model, str(partial))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def example_inputs(identity: ModelIdentity, batch: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return random images and a mask; from the second entry on, a view of each is missing."""
    views, size = len(identity.views), identity.image_size
    images = torch.randn(batch, views, 3, size, size, generator=torch.Generator().manual_seed(seed))
    mask = torch.ones(batch, views, dtype=torch.bool)
    for entry in range(1, batch):
        mask[entry, entry % views] = False
    return images, mask


def _trace(
    network: Portable, inputs: tuple[str, ...], outputs: tuple[str, ...], identity: ModelIdentity, path: Path
) -> None:
    """Record the network. The tracing exporter: the newer one takes minutes for these networks."""
    arguments: list[Tensor] = list(example_inputs(identity, BATCH))
    if len(inputs) == len(INPUTS):
        arguments.append(torch.eye(4).expand(BATCH, len(identity.views), 4, 4).contiguous())
    torch.onnx.register_custom_op_symbolic("aten::mT", _transposed, OPSET)  # type: ignore[attr-defined]
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # shapes become constants on purpose
            torch.onnx.export(
                network,
                tuple(arguments),
                str(path),
                input_names=list(inputs),
                output_names=list(outputs),
                opset_version=OPSET,
                dynamo=False,
            )
    finally:
        exporter.setLevel(level)
        torch.onnx.unregister_custom_op_symbolic("aten::mT", OPSET)  # type: ignore[attr-defined]


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
        "skeleton": EGO4VIEW.name,
        "joints": ", ".join(EGO4VIEW.joint_names),
        "heatmap_joints": ", ".join(EGO4VIEW.joint_names[index] for index in EGO4VIEW.heatmap_joints),
        "units": "joints_cm and scale_cm in cm, device frame; peaks_uv as fractions of width and height",
        "images": "RGB, (1, V, 3, H, W), value / 255 minus mean (0.485, 0.456, 0.406) over std (0.229, 0.224, 0.225)",
        "view_mask": "(1, V) bool, false where a view is missing",
        "T_camera_device": "(1, V, 4, 4) device to camera coordinates, translation in m; only in some files",
    }
