"""Read the camera chains that Kalibr writes (`camchain-*.yaml`).

Source: https://github.com/ethz-asl/kalibr/wiki/yaml-formats
"""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from egorear_ros.geometry.equidistant_import import equidistant_lens
from egorear_ros.geometry.lens_fields import CalibrationError, numbers
from egorear_ros.geometry.transforms import check_transform, invert_transform
from egorear_ros.structures import EquidistantLens, FloatArray


def read_camchain(
    content: Mapping[str, Any], path: Path, max_theta_deg: float | None
) -> tuple[dict[str, EquidistantLens], dict[str, FloatArray] | None]:
    """Read a camera chain.

    Args:
        content: the parsed file.
        path: where it came from; named in errors.
        max_theta_deg: edge of the field of view, which Kalibr does not know; None: the image corner.

    Returns:
        lenses: by Kalibr's camera name, in order: cam0, cam1, ...
        T_device_camera: by camera name; None if the file places none of its cameras. The device frame
            has the first camera's axes and lies midway between the first two.

    Raises:
        CalibrationError: another lens model, a missing or wrong field, or a broken chain.
    """
    names = sorted((name for name in content if name.startswith("cam")), key=_camera_number)
    if not names:
        raise CalibrationError(
            f"{path}: no cam0; found {', '.join(map(str, content))}. Expected Kalibr's camchain YAML."
        )
    lenses = {name: _lens(content[name], f"{path}: {name}", max_theta_deg) for name in names}
    if not any("T_cn_cnm1" in content[name] for name in names):
        return lenses, None
    T_cam0_camera = {names[0]: np.eye(4)}
    for previous, name in pairwise(names):
        T_camera_previous = _transform(content[name], f"{path}: {name}")
        T_cam0_camera[name] = T_cam0_camera[previous] @ invert_transform(T_camera_previous)
    T_device_cam0 = np.eye(4)
    T_device_cam0[:3, 3] = -T_cam0_camera[names[1]][:3, 3] / 2
    return lenses, {name: T_device_cam0 @ T for name, T in T_cam0_camera.items()}


def _camera_number(name: str) -> tuple[int, str]:
    digits = name.removeprefix("cam")
    return (int(digits) if digits.isdigit() else 0, name)


def _lens(entry: Any, where: str, max_theta_deg: float | None) -> EquidistantLens:
    if not isinstance(entry, dict):
        raise CalibrationError(f"{where}: expected camera_model, intrinsics and so on, found {entry!r}.")
    keys = ("camera_model", "intrinsics", "distortion_model", "distortion_coeffs", "resolution")
    missing = [key for key in keys if key not in entry]
    if missing:
        raise CalibrationError(f"{where}: {', '.join(missing)} missing; expected {', '.join(keys)}.")
    model, distortion = entry["camera_model"], entry["distortion_model"]
    supported = model in ("pinhole", "omni") and distortion == "equidistant"
    # Omni is pinhole with the projection centre shifted by xi before it; without a shift it is the same lens.
    if supported and model == "omni":
        xi, *rest = numbers(entry, "intrinsics", where, 5)
        supported, entry = xi == 0.0, {**entry, "intrinsics": rest}
    if not supported:
        raise CalibrationError(
            f"{where}: the lens model is {model} with {distortion} distortion"
            + (" and a shifted centre (xi is not 0)" if model == "omni" and distortion == "equidistant" else "")
            + "; expected pinhole with equidistant, the only Kalibr model here that holds for fisheye lenses. "
            "Calibrate again with `--models pinhole-equi`."
        )
    fx, fy, cx, cy = numbers(entry, "intrinsics", where, 4)
    return equidistant_lens(
        where,
        size=numbers(entry, "resolution", where, 2),
        focal_px=(fx, fy),
        center_px=(cx, cy),
        distortion=numbers(entry, "distortion_coeffs", where, 4),
        max_theta_deg=max_theta_deg,
    )


def _transform(entry: Mapping[str, Any], where: str) -> FloatArray:
    if "T_cn_cnm1" not in entry:
        raise CalibrationError(f"{where}: T_cn_cnm1 missing, so its place relative to the camera before is unknown.")
    try:
        return check_transform(np.array(entry["T_cn_cnm1"], dtype=np.float64), f"{where}: T_cn_cnm1")
    except (TypeError, ValueError) as error:
        raise CalibrationError(f"{where}: T_cn_cnm1: {error}") from None
