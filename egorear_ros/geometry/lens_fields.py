"""Lenses as the fields of a rig file, and back; every field checked."""

import difflib
import math
from collections.abc import Collection, Mapping
from typing import Any

from egorear_ros.geometry.fisheye import check_lens
from egorear_ros.structures import EquidistantLens, Lens, OcamLens

_COMMON_KEYS = ("model", "width", "height", "center_px", "max_theta_deg")
_KEYS = {"ocam": (*_COMMON_KEYS, "polynomial"), "equidistant": (*_COMMON_KEYS, "focal_px", "distortion")}

MAX_COEFFICIENTS = 20
"""Longest polynomial in use: 19 terms, in UnrealEgo's calibration, and one to spare."""


class CalibrationError(ValueError):
    """A calibration is missing, incomplete or wrong."""


def lens_from_dict(entry: Any, where: str) -> Lens:
    """Build a lens from the entry `lens` of a view.

    Raises:
        CalibrationError: names `where`, the field, what was expected and found.
    """
    model = entry.get("model") if isinstance(entry, dict) else None
    if not isinstance(model, str) or model not in _KEYS:
        raise CalibrationError(f"{where}: model is {model!r}; expected one of: {', '.join(_KEYS)}.")
    check_keys(entry, _KEYS[model], where)
    missing = [key for key in _KEYS[model] if key not in entry]
    if missing:
        raise CalibrationError(
            f"{where}: {', '.join(missing)} missing; an {model} lens needs {', '.join(_KEYS[model])}."
        )
    width, height = (_size(entry, key, where) for key in ("width", "height"))
    cx, cy = numbers(entry, "center_px", where, 2)
    if not (0.0 <= cx <= width - 1 and 0.0 <= cy <= height - 1):
        raise CalibrationError(
            f"{where}: center_px is ({cx:g}, {cy:g}); expected a pixel of the {width}x{height} image."
        )
    (max_theta_deg,) = numbers(entry, "max_theta_deg", where, 1)
    if not 0.0 < max_theta_deg < 180.0:
        raise CalibrationError(
            f"{where}: max_theta_deg is {max_theta_deg:g}; expected the angle from the optical axis to the edge of the "
            "field of view, between 0 and 180: half of what is called the lens's field of view."
        )
    max_theta = math.radians(max_theta_deg)
    lens: Lens
    if model == "ocam":
        polynomial = numbers(entry, "polynomial", where)
        if not 2 <= len(polynomial) <= MAX_COEFFICIENTS:
            raise CalibrationError(
                f"{where}: polynomial has {len(polynomial)} coefficients; expected 2 to {MAX_COEFFICIENTS}, ascending."
            )
        lens = OcamLens(width, height, (cx, cy), polynomial, max_theta)
    else:
        fx, fy = numbers(entry, "focal_px", where, 2)
        if min(fx, fy) <= 0.0:
            raise CalibrationError(f"{where}: focal_px is ({fx:g}, {fy:g}); expected two positive numbers.")
        k1, k2, k3, k4 = numbers(entry, "distortion", where, 4)
        lens = EquidistantLens(width, height, (fx, fy), (cx, cy), (k1, k2, k3, k4), max_theta)
    return checked_lens(lens, where)


def checked_lens(lens: Lens, where: str) -> Lens:
    """Return a lens that can be inverted over its field of view.

    Raises:
        CalibrationError: it cannot; see `fisheye.check_lens`.
    """
    try:
        check_lens(lens)
    except ValueError as error:
        raise CalibrationError(f"{where}: {error}") from None
    return lens


def lens_to_dict(lens: Lens) -> dict[str, Any]:
    """Return the entry `lens` of a view; `lens_from_dict` reads it."""
    entry: dict[str, Any] = {"model": lens.model, "width": lens.width, "height": lens.height}
    entry["center_px"] = list(lens.center_px)
    if isinstance(lens, OcamLens):
        entry["polynomial"] = list(lens.polynomial)
    else:
        entry |= {"focal_px": list(lens.focal_px), "distortion": list(lens.distortion)}
    entry["max_theta_deg"] = round(math.degrees(lens.max_theta), 12)
    return entry


def check_keys(entry: Mapping[str, Any], known: Collection[str], where: str) -> None:
    """Refuse keys that mean nothing.

    Raises:
        CalibrationError: names the first one, the keys that exist, and the likeliest.
    """
    for key in entry:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise CalibrationError(f"{where}: unknown key {key!r}; expected only {', '.join(known)}.{hint}")


def numbers(entry: Mapping[str, Any], key: str, where: str, count: int | None = None) -> tuple[float, ...]:
    """Return the finite numbers under a key.

    Args:
        entry: a mapping of a calibration file.
        key: one of its keys.
        where: file and place, for errors.
        count: how many numbers there must be; None: one or more.

    Raises:
        CalibrationError: another count, not numbers, or not finite.
    """
    value = entry[key]
    items = value if isinstance(value, (list, tuple)) else [value]
    found = [_number(item) for item in items]
    values = tuple(item for item in found if item is not None and math.isfinite(item))
    if len(values) != len(items) or not values or (count is not None and len(values) != count):
        expected = "finite numbers" if count is None else f"{count} finite number{'s' if count != 1 else ''}"
        raise CalibrationError(f"{where}: {key} is {value!r}; expected {expected}.")
    return values


def _number(item: Any) -> float | None:
    if isinstance(item, bool):
        return None
    try:
        # YAML 1.1, unlike JSON and most people, reads 1e-3 without a point as text.
        return float(item)
    except (TypeError, ValueError):
        return None


def _size(entry: Mapping[str, Any], key: str, where: str) -> int:
    (value,) = numbers(entry, key, where, 1)
    if value < 1.0 or not value.is_integer():
        raise CalibrationError(f"{where}: {key} is {value:g}; expected a whole, positive number of pixels.")
    return int(value)
