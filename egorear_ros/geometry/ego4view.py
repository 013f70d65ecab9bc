"""Calibration as Ego4View publishes it: one JSON per lens, and one per real recording with its extrinsics."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from egorear_ros.geometry.fisheye import theta_at_radius
from egorear_ros.geometry.lens_fields import CalibrationError, lens_from_dict, numbers
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.geometry.transforms import check_transform, invert_transform
from egorear_ros.structures import Camera, FloatArray, OcamLens, Rig

VIEWS = ("front_left", "front_right", "back_left", "back_right")
"""EgoRear's order of the views."""

_MATRICES = "coord_transformation_matrix"
_MATRIX_PREFIX = "device_to_camera_"


def load_sequence_rig(metadata: Path, rig: str = "ego4view_rw") -> Rig:
    """Return the rig as it was worn in one recording.

    Args:
        metadata: the recording's `seq_<n>_metadata.json`.
        rig: name or path of a rig file that leaves the extrinsics to the recording.

    Raises:
        CalibrationError: either file is missing or wrong.
    """
    return load_rig(rig, read_extrinsics(metadata))


def rig_with_metadata(rig: Rig, metadata: Path) -> Rig:
    """Return a rig with its extrinsics replaced by those of one recording.

    Args:
        rig: any rig, with the views of the recording.
        metadata: as in `load_sequence_rig`.

    Raises:
        CalibrationError: the file is missing or wrong, or has no matrix for one of the views.
    """
    extrinsics = read_extrinsics(metadata)
    missing = [view for view in rig.views if view not in extrinsics]
    if missing:
        raise CalibrationError(
            f"{metadata}: {_MATRICES} has no {_MATRIX_PREFIX}{missing[0]}, which rig {rig.name} needs; "
            f"found {', '.join(extrinsics)}."
        )
    cameras = tuple(Camera(camera.view, camera.lens, extrinsics[camera.view]) for camera in rig.cameras)
    return Rig(rig.name, cameras, f"{rig.source} with {metadata}")


def read_extrinsics(metadata: Path) -> dict[str, FloatArray]:
    """Return T_device_camera by view, (4, 4), m, from a recording's metadata.

    Raises:
        CalibrationError: the file is missing, not JSON, or holds no valid matrices.
    """
    content = read_json(metadata)
    matrices = content.get(_MATRICES)
    if not isinstance(matrices, dict):
        raise CalibrationError(
            f"{metadata}: no {_MATRICES}; found {', '.join(content) or 'nothing'}. Expected an Ego4View-RW file "
            "such as S1/seq_1_metadata.json."
        )
    extrinsics = {}
    for key, value in matrices.items():
        if key.startswith(_MATRIX_PREFIX):
            extrinsics[key.removeprefix(_MATRIX_PREFIX)] = invert_transform(_matrix(value, f"{metadata}: {key}"))
    if not extrinsics:
        raise CalibrationError(
            f"{metadata}: {_MATRICES} has no key {_MATRIX_PREFIX}<view>; found {', '.join(matrices)}."
        )
    return extrinsics


def is_metadata(content: Mapping[str, Any]) -> bool:
    """Whether a JSON file's content is a recording's metadata."""
    return _MATRICES in content


def view_of(path: Path) -> str:
    """Return the view of a lens file: camera_front_left.json belongs to front_left."""
    return path.stem.removeprefix("camera_")


def lens_from_json(content: Mapping[str, Any], where: str, max_theta_deg: float | None = None) -> OcamLens:
    """Return the lens of a published calibration.

    The field of view ends where the image circle does, unless `max_theta_deg` says otherwise. `affine`
    is ignored, as the published models were trained without it (it differs from the identity by
    2e-4), and so is `polynomialC2W`: it agrees with the inverse of `polynomialW2C` only to 0.02
    degrees.

    Raises:
        CalibrationError: a field is missing or wrong.
    """
    needed = ("size", "image_center", "polynomialW2C", "imageCircleRadius")
    missing = [key for key in needed if key not in content]
    if missing:
        raise CalibrationError(
            f"{where}: {', '.join(missing)} missing; expected a calibration as Ego4View publishes it."
        )
    width, height = numbers(content, "size", where, 2)
    (radius_px,) = numbers(content, "imageCircleRadius", where, 1)
    entry = {
        "model": "ocam",
        "width": width,
        "height": height,
        "center_px": content["image_center"],
        "polynomial": content["polynomialW2C"],
        "max_theta_deg": 1.0,
    }
    lens = lens_from_dict(entry, where)
    if max_theta_deg is None:
        try:
            # Rounded so that rig files are readable; 0.001 degrees are 0.005 px.
            max_theta_deg = round(math.degrees(theta_at_radius(lens, radius_px)), 3)
        except ValueError as error:
            raise CalibrationError(f"{where}: imageCircleRadius: {error}") from None
    whole = lens_from_dict({**entry, "max_theta_deg": max_theta_deg}, where)
    assert isinstance(whole, OcamLens)
    return whole


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        CalibrationError: it is missing, unreadable, or not a JSON object.
    """
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise CalibrationError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise CalibrationError(f"{path} is not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise CalibrationError(f"{path}: expected a JSON object, found {type(content).__name__}.")
    return content


def _matrix(value: Any, what: str) -> FloatArray:
    try:
        return check_transform(np.array(value, dtype=np.float64), what)
    except TypeError:
        raise CalibrationError(f"{what} is {value!r}; expected 4 rows of 4 numbers, metres.") from None
    except ValueError as error:
        text = str(error)
        raise CalibrationError(text if text.startswith(what) else f"{what}: {text}.") from None
