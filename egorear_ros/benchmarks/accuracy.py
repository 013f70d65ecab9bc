"""What fewer digits and smaller JPEGs cost in accuracy: every mode on the same annotated frames."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from egorear_ros import __version__
from egorear_ros.benchmarks.report import NOT_MEASURED, Row
from egorear_ros.config import RuntimeConfig, SourceConfig
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.runtimes.base import NotInstalledError, RuntimeSetupError
from egorear_ros.structures import FloatArray, Frame, Rig

if TYPE_CHECKING:
    from egorear_ros.benchmarks.networks import Subject
    from egorear_ros.runtimes.base import Float32Array, Runtime

MODES = (
    ("pytorch", "bf16"),
    ("pytorch", "fp16"),
    ("pytorch_compiled", "bf16"),
    ("pytorch_compiled", "fp16"),
    ("onnxruntime", "fp32"),
    ("onnxruntime", "fp16"),
    ("onnxruntime", "int8"),
    ("openvino", "fp32"),
    ("openvino", "bf16"),
    ("openvino", "int8"),
    ("tensorrt", "fp16"),
)
DECODINGS = {"exact": 0, "reduced": 2, "smallest": 1}
"""How large JPEGs are decoded (`estimator.jpeg_decoding`), in sizes of the network's input; 0: their own size."""

LIMIT_MM = 1.0
MM_PER_CM = 10.0
CM_PER_M = 100.0
CALIBRATION = 64


@dataclass(frozen=True, eq=False)
class Sample:
    """One annotated frame set.

    Attributes:
        inputs: (1, V, 3, H, W) network input by how JPEGs were decoded, keys of `DECODINGS`.
        joints_cm: (J, 3) the truth, device frame.
    """

    inputs: "Mapping[str, Float32Array]"
    joints_cm: FloatArray


def measure_accuracy(
    calib: str, checkpoint: str, dataset: str, split: str, count: int, calibration: str, folder: Path
) -> list[Row]:
    """Estimate the same frames in every mode that this machine has.

    Args:
        calib: rig calibration, name or path.
        checkpoint: weights.
        dataset: root of a data set or sequences, with truth.
        split: of a data set's root.
        count: frame sets, evenly spread.
        calibration: split of the same data set that sets the ranges of int8; must not be `split`.
        folder: for the quantised file.

    Raises:
        ValueError: `calibration` is `split`, or nothing is there.
    """
    from egorear_ros.benchmarks.networks import make_subject
    from egorear_ros.runtimes.factory import make_runtime

    if calibration == split:
        raise ValueError(f"int8 would be calibrated on the frames it is measured on, {split}: choose another split.")
    subject = make_subject(checkpoint, load_rig(calib))
    samples = list(_samples(subject, dataset, split, count))
    reference = make_runtime(subject.network, RuntimeConfig(name="pytorch", fallback=False), subject.identity)
    plain_mm = _errors_mm(reference, samples)
    rows = [Row(f"{len(samples)} frame sets, pytorch fp32", f"MPJPE {plain_mm.mean():.2f} mm")]
    rows += [
        _row(f"JPEGs decoded {decoding}, pytorch fp32", _errors_mm(reference, samples, decoding), plain_mm)
        for decoding in list(DECODINGS)[1:]
    ]
    for name, precision in MODES:
        title = f"{name} {precision}"
        try:
            model = str(_quantised(subject, dataset, calibration, folder)) if precision == "int8" else ""
            config = RuntimeConfig(name=name, precision=precision, model=model, fallback=False)
            runtime = make_runtime(subject.network, config, subject.identity)
        except (NotInstalledError, RuntimeSetupError) as error:
            rows.append(Row(title, f"{NOT_MEASURED}: {str(error).partition('. ')[0]}"))
            continue
        rows.append(_row(title, _errors_mm(runtime, samples), plain_mm))
    return rows


def _row(title: str, errors_mm: FloatArray, plain_mm: FloatArray) -> Row:
    change = float(errors_mm.mean() - plain_mm.mean())
    text = f"MPJPE {errors_mm.mean():.2f} mm ({change:+.3f} mm)"
    return Row(title, text, f"at most +{LIMIT_MM:g} mm", change <= LIMIT_MM)


def _errors_mm(runtime: "Runtime", samples: Sequence[Sample], decoding: str = "exact") -> FloatArray:
    """Return (N, J) distances from the truth."""
    rows = []
    for sample in samples:
        joints_cm = runtime.run(sample.inputs[decoding]).joints_cm[0]
        rows.append(MM_PER_CM * np.linalg.norm(joints_cm - sample.joints_cm, axis=-1))
    return np.stack(rows)


def _samples(subject: "Subject", dataset: str, split: str, count: int) -> Iterator[Sample]:
    from egorear_ros.estimators.preprocessor import Preprocessor

    size = subject.identity.image_size
    decoders = {
        name: Preprocessor(subject.rig, size, least_jpeg_px=factor * size) for name, factor in DECODINGS.items()
    }
    for frames, joints_device in read_annotated(dataset, split, subject.rig, count):
        inputs = {name: prepare.array(frames) for name, prepare in decoders.items()}
        yield Sample(inputs, CM_PER_M * joints_device)


def read_annotated(dataset: str, split: str, rig: Rig, count: int) -> Iterator[tuple[dict[str, Frame], FloatArray]]:
    """Yield frame sets and their (J, 3) joints, m, device frame, evenly spread over a data set."""
    from egorear_ros.commands.frame_sets import choose_frame_sets, read_frames
    from egorear_ros.sources.truth import SequenceTruth

    for path, indices in choose_frame_sets([dataset], split, rig, count).items():
        truth = SequenceTruth(SourceConfig(kind="sequence", path=path), rig)
        for index, frames in zip(indices, read_frames(path, indices, rig), strict=True):
            yield frames, np.asarray(truth.joints_device(index))


def _quantised(subject: "Subject", dataset: str, split: str, folder: Path) -> Path:
    """Return a file of 8 bits, kept under a name of all that decides it.

    That is the network with its rig, and the calibration's frames themselves: another data set, split or number of
    them is another file, and so is a data set that was made again in the same place.
    """
    from egorear_ros.commands.frame_sets import read_frame_sets
    from egorear_ros.estimators.preprocessor import Preprocessor
    from egorear_ros.runtimes.factory import own_extrinsics
    from egorear_ros.runtimes.onnx_cache import cached_onnx
    from egorear_ros.runtimes.quantise import quantise_onnx

    prepare = Preprocessor(subject.rig, subject.identity.image_size)
    images = [prepare.array(frames)[0] for frames in read_frame_sets([dataset], split, subject.rig, CALIBRATION)]
    path = folder / f"{subject.identity.digest}-{_digest(images)}-{__version__}-int8.onnx"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        quantise_onnx(cached_onnx(subject.network, subject.identity), partial, images, own_extrinsics(subject.network))
        partial.replace(path)
    return path


def _digest(images: "Sequence[Float32Array]") -> str:
    digest = hashlib.sha256()
    for image in images:
        digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()[:16]
