"""Convolutions in 8 bits: post-training quantisation of an exported file on a calibration set.

Weights get a scale per channel, activations one per map, from the range that they have on the
calibration set. Attention, coordinates and the layers that make peaks and poses stay as they are.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egorear_ros.runtimes.base import Float32Array
from egorear_ros.runtimes.install import import_library
from egorear_ros.runtimes.onnx_export import ExportError, set_metadata
from egorear_ros.runtimes.onnx_file import metadata_of, write_onnx

MIN_FRAMES = 8
IMAGE_CHANNELS = 3
Feed = dict[str, NDArray[np.generic]]


class _Reader:
    """Frame sets one at a time, as ONNX Runtime's calibrator asks for them."""

    def __init__(self, feeds: Iterator[Feed]) -> None:
        self._feeds = feeds

    def get_next(self) -> Feed | None:
        return next(self._feeds, None)


def quantise_onnx(
    source: Path, target: Path, images: Sequence[Float32Array], T_camera_device: Float32Array | None
) -> None:
    """Write a quantised copy of an exported file.

    Args:
        source: exported in fp32.
        target: file to write.
        images: (V, 3, H, W) normalised frame sets: the calibration set.
        T_camera_device: (V, 4, 4) the rig's extrinsics, where the file has them as an input.

    Raises:
        ExportError: there are fewer than `MIN_FRAMES` frame sets.
        NotInstalledError: onnx or onnxruntime are not there.
    """
    if len(images) < MIN_FRAMES:
        raise ExportError(f"int8 needs a calibration set of at least {MIN_FRAMES} frame sets; there are {len(images)}.")
    onnx = import_library("onnx", "onnx")
    quantization = import_library("onnxruntime.quantization", "onnx")
    calibrate = import_library("onnxruntime.quantization.calibrate", "onnx")
    kept = metadata_of(onnx.load(str(source), load_external_data=False))
    reader = type("Reader", (_Reader, calibrate.CalibrationDataReader), {})(_feeds(images, T_camera_device))
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it advises a step that changes the file's names
    try:
        quantization.quantize_static(
            str(source),
            str(target),
            reader,
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=_exact_convolutions(onnx.load(str(source)).graph),
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.MinMax,
            extra_options={"CalibMovingAverage": True, "CalibMovingAverageConstant": 0.05},
        )
    finally:
        root.setLevel(level)
    model = onnx.load(str(target))
    set_metadata(model, {**kept, "precision": "int8", "calibration_frame_sets": str(len(images))})
    write_onnx(model, target)


def _feeds(images: Sequence[Float32Array], T_camera_device: Float32Array | None) -> Iterator[Feed]:
    for entry in images:
        feed: Feed = {"images": entry[None], "view_mask": np.ones((1, len(entry)), dtype=bool)}
        if T_camera_device is not None:
            feed["T_camera_device"] = T_camera_device[None]
        yield feed


def _exact_convolutions(graph: Any) -> list[str]:
    """Return the names of convolutions that stay in single precision: the first ones and the last ones.

    The first see images, whose range is far from what most pixels need. Nothing rectifies what the last ones
    make: heatmaps, whose peaks are compared with a threshold.
    """
    from_image = {entry.name for entry in graph.initializer if len(entry.dims) == 4 and entry.dims[1] == IMAGE_CHANNELS}
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    return [
        node.name for node in convolutions if node.input[1] in from_image or not _is_rectified(node.output[0], readers)
    ]


def _is_rectified(name: str, readers: Mapping[str, Sequence[Any]]) -> bool:
    passing = ("Add", "Resize")  # residuals and upsampling come before the ReLU
    return any(
        node.op_type == "Relu" or (node.op_type in passing and _is_rectified(node.output[0], readers))
        for node in readers.get(name, ())
    )
