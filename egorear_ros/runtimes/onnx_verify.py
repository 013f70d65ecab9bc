"""An exported file computes what PyTorch computes, or it is not kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from egorear_ros.config import RuntimeConfig
from egorear_ros.runtimes.base import Float32Array
from egorear_ros.runtimes.factory import own_extrinsics
from egorear_ros.runtimes.identity import ModelIdentity
from egorear_ros.runtimes.install import import_library
from egorear_ros.runtimes.onnx_export import ExportError, example_inputs
from egorear_ros.runtimes.onnx_file import check_content
from egorear_ros.runtimes.pytorch import PyTorchRuntime

BATCHES = (1, 3)
WORST_MM = 0.01
"""In whole precision: largest distance of any joint from PyTorch's."""

MEAN_MM = {"fp16": 1.0, "int8": 10.0}
"""With fewer digits: mean distance. A peak of a heatmap that moves on takes its joint along, so there is no bound for
the worst one; what a file costs in accuracy is measured on an evaluation set."""


@dataclass(frozen=True)
class Verification:
    """How far an exported file's joints are from those of the trained module.

    Attributes:
        worst_mm: the largest distance of a joint.
        mean_mm: the mean distance.
        frame_sets: how many were compared.
    """

    worst_mm: float
    mean_mm: float
    frame_sets: int

    def __str__(self) -> str:
        """Return it as one line."""
        return (
            f"joints of {self.frame_sets} frame sets are {self.worst_mm:.2g} mm off PyTorch's at most, "
            f"{self.mean_mm:.2g} mm on average"
        )


def verify_onnx(
    path: Path,
    network: nn.Module,
    identity: ModelIdentity,
    precision: str,
    images: Sequence[Float32Array] = (),
) -> Verification:
    """Run a file in ONNX Runtime, on the CPU, and the trained module in PyTorch, and compare their joints.

    Args:
        path: the file.
        network: trained.
        identity: says what inputs look like.
        precision: of the file.
        images: (V, 3, H, W) normalised frame sets to compare on; none: random, black and shaded ones, some
            of them with views missing, in batches of one and three.

    Raises:
        ModelFileError: its checksum is another one.
        ExportError: they differ by more than `WORST_MM` or `MEAN_MM` allow.
        NotInstalledError: ONNX Runtime is not there.
    """
    library = import_library("onnxruntime", "onnx")
    options = library.SessionOptions()
    options.log_severity_level = 3
    check_content(path)
    session = library.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = [entry.name for entry in session.get_inputs()]
    plain = PyTorchRuntime(network, RuntimeConfig(device="cpu"))
    extrinsics = own_extrinsics(network)
    distances_mm = []
    for batch, mask in _batches(identity, images):
        feed = {"images": batch, "view_mask": mask, "T_camera_device": np.tile(extrinsics, (len(batch), 1, 1, 1))}
        (found,) = session.run(["joints_cm"], {name: feed[name] for name in inputs})
        expected = plain.run(batch, view_mask=mask).joints_cm
        if found.shape != expected.shape:
            raise ExportError(f"verification failed: the file answers {found.shape}, PyTorch {expected.shape}.")
        distances_mm.append(10.0 * np.linalg.norm(found - expected, axis=-1))
    distances = np.concatenate(distances_mm)
    result = Verification(float(distances.max()), float(distances.mean()), len(distances))
    limited, limit_mm = ("mean", MEAN_MM[precision]) if precision in MEAN_MM else ("worst", WORST_MM)
    value_mm = result.mean_mm if limited == "mean" else result.worst_mm
    if not value_mm <= limit_mm:  # NaN as well
        raise ExportError(
            f"verification failed: {result}; for {precision} the {limited} may be {limit_mm:g} mm. The file is not "
            "kept. "
            + ("Give another --calibration, or export in fp32." if precision == "int8" else "Try another --opset.")
        )
    return result


def _batches(identity: ModelIdentity, images: Sequence[Float32Array]) -> list[tuple[Float32Array, np.ndarray]]:
    if images:
        stacked = np.stack(list(images)).astype(np.float32)
        return [(entry[None], np.ones((1, entry.shape[0]), dtype=bool)) for entry in stacked]
    made = []
    for batch in BATCHES:
        random, mask = example_inputs(identity, batch, seed=batch)
        made.append((random.numpy(), mask.numpy()))
    views, size = len(identity.views), identity.image_size
    shade = np.broadcast_to(np.linspace(-2.0, 2.0, size, dtype=np.float32), (2, views, 3, size, size)).copy()
    shade[0] = -2.0
    made.append((shade, np.ones((2, views), dtype=bool)))
    return made
