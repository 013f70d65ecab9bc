"""Make a network's uncertainty honest on frames that it was not trained on.

A network is surer of itself than it should be, because it knows its training data. One factor on the
scales of its answer, found on held-out frames, corrects that. It goes into the last layer's bias, so nothing else
has to know about it. Scales on the way there stay: `models.small.triangulation` weighs by them.

Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, whose temperature this is
for distances instead of classes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from egorear_ros.estimators.confidence import GOOD_ERROR_CM, within
from egorear_ros.geometry.virtual_camera import virtual_rig
from egorear_ros.models.build import load_network, rig_for
from egorear_ros.models.checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from egorear_ros.models.small.lifter import Regression
from egorear_ros.models.small.network import EgoRearSmall
from egorear_ros.structures import FloatArray
from egorear_train.batch import Batch, collate, normalise_images
from egorear_train.datasets.make import Roots, make_dataset
from egorear_train.probe import probe
from egorear_train.rigs import load_training_rig

SHAPE = 3.0
"""Mean distance over scale where the scales are right: the gamma distribution's shape, see `likelihood`."""

BINS = 10


@dataclass(frozen=True)
class Calibration:
    """What was found.

    Attributes:
        factor: by which the answer's scales were multiplied.
        frames: how many frames it was found on.
        error_before, error_after: mean distance between confidence and share of good joints.
    """

    factor: float
    frames: int
    error_before: float
    error_after: float


def calibrate(
    path: Path, roots: Roots, out: Path, *, rig: str = "ego4view_syn", split: str = "validation", batch_size: int = 32
) -> tuple[Checkpoint, Calibration]:
    """Write weights whose scales are right on average on a split.

    Args:
        path: weights of an `EgoRearSmall`.
        roots: data set, see `datasets.make`.
        out: .safetensors to write; may be `path`.
        rig: of the data.
        split: of the data, not used in training.
        batch_size: frame sets at a time.

    Raises:
        CheckpointError: the weights have no uncertainty.
        DatasetError: there is no such split; or the data are of other cameras, or in other units.
    """
    checkpoint = load_checkpoint(path)
    cameras = rig_for(checkpoint, load_training_rig(rig, checkpoint.header.views))
    network = load_network(checkpoint, cameras)
    if not isinstance(network, EgoRearSmall):
        raise CheckpointError(f"{path}: {checkpoint.header.architecture} has no uncertainty; expected egorear_small.")
    if not network.uncertainty:
        raise CheckpointError(
            f"{path}: was trained without uncertainty, so there is none to calibrate. Train it with model.uncertainty."
        )
    header = checkpoint.header
    network.virtual = None  # samples are what virtual cameras show
    dataset = make_dataset(roots, split, cameras, header.size.image_size, virtual_cameras=header.virtual_cameras)
    probe(dataset, virtual_rig(cameras) if header.virtual_cameras else cameras)
    batches = DataLoader(cast("Dataset[Batch]", dataset), batch_size, collate_fn=collate)
    distances, scales = measure(network, batches)
    factor = float((distances / scales).mean()) / SHAPE
    scale_by(network, factor)
    found = Calibration(
        factor,
        len(distances),
        expected_error(within(scales), distances),
        expected_error(within(factor * scales), distances),
    )
    metrics = {**checkpoint.header.metrics, "calibration_error": found.error_after}
    save_checkpoint(out, network.state_dict(), replace(checkpoint.header, metrics=metrics))
    return load_checkpoint(out), found


@torch.inference_mode()
def measure(network: EgoRearSmall, batches: Iterable[Batch]) -> tuple[FloatArray, FloatArray]:
    """Return (N, 16) distances and scales, cm, of all frames."""
    network.eval()
    distances: list[Tensor] = []
    scales: list[Tensor] = []
    for batch in batches:
        lift = network(normalise_images(batch["images"]), batch["T_camera_device"]).lift
        distances.append((lift.joints_cm - batch["joints_cm"]).norm(dim=-1))
        assert lift.scale_cm is not None  # checked by the caller
        scales.append(lift.scale_cm)
    return torch.cat(distances).double().numpy(), torch.cat(scales).double().numpy()


def scale_by(network: EgoRearSmall, factor: float) -> None:
    """Multiply the scales of a network's answer by a factor; its joints stay where they are."""
    last = cast(Regression, network.lifter.regress[-1]).layers[-1]
    assert isinstance(last, torch.nn.Linear)
    with torch.no_grad():
        last.bias[3] += float(np.log(factor))


def expected_error(confidence: FloatArray, distances_cm: FloatArray) -> float:
    """Return the mean distance of confidence and share of joints within `GOOD_ERROR_CM`, over bins of joints."""
    good = (distances_cm <= GOOD_ERROR_CM).ravel()
    bins = np.minimum((confidence.ravel() * BINS).astype(int), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    gap = np.abs(np.bincount(bins, confidence.ravel(), BINS) - np.bincount(bins, good.astype(float), BINS))
    return float(gap.sum() / counts.sum())
