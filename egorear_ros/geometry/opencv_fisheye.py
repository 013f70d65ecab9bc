"""Read fisheye intrinsics from YAML or XML that OpenCV wrote, and from ROS's calibration files."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from egorear_ros.geometry.equidistant_import import equidistant_lens
from egorear_ros.geometry.lens_fields import CalibrationError
from egorear_ros.structures import EquidistantLens, FloatArray

_MATRIX_KEYS = ("K", "camera_matrix", "cameraMatrix", "Camera_Matrix")
_DISTORTION_KEYS = ("D", "distortion_coefficients", "dist_coeffs", "distCoeffs", "Distortion_Coefficients")
_WIDTH_KEYS = ("image_width", "image_Width", "width")
_HEIGHT_KEYS = ("image_height", "image_Height", "height")
_FISHEYE_NAMES = ("", "equidistant", "fisheye", "kannala_brandt")


def is_opencv(path: Path) -> bool:
    """Whether a file looks like fisheye intrinsics of OpenCV or ROS."""
    text = path.read_text(errors="replace")
    return text.startswith(("%YAML:1.0", "<?xml")) or any(f"{key}:" in text for key in _MATRIX_KEYS)


def read_opencv_lens(path: Path, size: tuple[int, int] | None, max_theta_deg: float | None) -> EquidistantLens:
    """Read one camera's fisheye intrinsics.

    Args:
        path: the file; its camera matrix is called K or camera_matrix, its four coefficients D or
            distortion_coefficients.
        size: (width, height), px, for files that do not say; None: as in the file.
        max_theta_deg: edge of the field of view, which the file does not know; None: the image corner.

    Raises:
        CalibrationError: a missing or wrong field, or another lens model.
    """
    fields = _read(path)
    model = str(fields.get("distortion_model", "")).lower()
    if model not in _FISHEYE_NAMES:
        raise CalibrationError(
            f"{path}: distortion_model is {model}; expected a fisheye model (equidistant). Calibrate again with "
            "cv2.fisheye.calibrate."
        )
    K = _array(fields, _MATRIX_KEYS, path)
    distortion = _array(fields, _DISTORTION_KEYS, path).ravel()
    if K.size != 9:
        raise CalibrationError(f"{path}: the camera matrix has shape {K.shape}; expected 3 rows of 3 numbers.")
    if distortion.size != 4:
        raise CalibrationError(
            f"{path}: {distortion.size} distortion coefficients; expected the 4 of OpenCV's fisheye model. "
            "5 or more are those of its model for narrow lenses: calibrate again with cv2.fisheye.calibrate."
        )
    K = K.reshape(3, 3)
    if abs(K[0, 1]) > 1e-6 * abs(K[0, 0]):
        raise CalibrationError(
            f"{path}: the camera matrix has skew {K[0, 1]:g}; expected 0 (cv2.fisheye.CALIB_FIX_SKEW)."
        )
    return equidistant_lens(
        str(path),
        size=size or _size(fields, path),
        focal_px=(float(K[0, 0]), float(K[1, 1])),
        center_px=(float(K[0, 2]), float(K[1, 2])),
        distortion=[float(value) for value in distortion],
        max_theta_deg=max_theta_deg,
    )


def _read(path: Path) -> dict[str, Any]:
    """Return scalars and matrices by name, from OpenCV's dialect or from plain YAML."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CalibrationError(f"{path} cannot be read: {error}.") from error
    if text.startswith(("%YAML:1.0", "<?xml")):
        return _read_storage(path)
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CalibrationError(f"{path} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise CalibrationError(f"{path}: expected named values, found {type(content).__name__}.")
    return content


def _read_storage(path: Path) -> dict[str, Any]:
    import cv2

    try:
        storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
        root = storage.root()
        fields: dict[str, Any] = {}
        for key in root.keys():  # noqa: SIM118 (not a dict)
            node = root.getNode(key)
            if node.isMap() and not node.getNode("data").empty():
                fields[key] = node.mat()
            elif node.isSeq():
                fields[key] = [node.at(index).real() for index in range(node.size())]
            elif node.isString():
                fields[key] = node.string()
            elif node.isInt() or node.isReal():
                fields[key] = node.real()
    except (cv2.error, SystemError) as error:
        raise CalibrationError(f"{path}: OpenCV cannot read it: {str(error).strip()}") from error
    return fields


def _array(fields: dict[str, Any], names: tuple[str, ...], path: Path) -> FloatArray:
    for name in names:
        if name in fields:
            value = fields[name]
            value = value.get("data") if isinstance(value, dict) else value
            try:
                array = np.array(value, dtype=np.float64)
            except (TypeError, ValueError):
                array = np.array([np.nan])
            if not np.isfinite(array).all():
                raise CalibrationError(f"{path}: {name} is {value!r}; expected finite numbers.")
            return array
    raise CalibrationError(f"{path}: no {' or '.join(names[:2])}; found {', '.join(map(str, fields)) or 'nothing'}.")


def _size(fields: dict[str, Any], path: Path) -> tuple[float, float]:
    width = next((fields[key] for key in _WIDTH_KEYS if key in fields), None)
    height = next((fields[key] for key in _HEIGHT_KEYS if key in fields), None)
    if width is None or height is None:
        raise CalibrationError(
            f"{path}: no image_width and image_height. Give the size of the images: --size 1280x1024."
        )
    return float(width), float(height)
