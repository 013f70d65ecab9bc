"""Read and write rigs: one YAML file with the lens and the place of every camera.

The format is described in docs/conventions.md.
"""

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from egorear_ros.geometry.lens_fields import CalibrationError, check_keys, lens_from_dict, lens_to_dict, numbers
from egorear_ros.geometry.transforms import check_transform, rotmat_from_quat_xyzw
from egorear_ros.paths import share_dir
from egorear_ros.structures import Camera, FloatArray, Rig

__all__ = [
    "FORMAT",
    "CalibrationError",
    "find_rig_file",
    "load_rig",
    "read_extrinsics_file",
    "read_yaml",
    "rig_from_dict",
    "rig_to_yaml",
    "save_rig",
]

FORMAT = "egorear_rig/1"

PER_SEQUENCE = "per_sequence"
"""Value of `extrinsics` in a rig whose cameras sit differently in each recording."""

_RIG_KEYS = ("format", "name", "note", "extrinsics", "views")
_VIEW_KEYS = ("lens", "T_device_camera", "translation_m", "quat_xyzw", "note")
_VIEW_NAME = re.compile(r"[a-z][a-z0-9_]*")


def load_rig(name_or_path: str, extrinsics: Mapping[str, FloatArray] | None = None) -> Rig:
    """Read a rig.

    Args:
        name_or_path: a name in `calib/` ("ego4view_syn") or the path of a YAML file.
        extrinsics: T_device_camera by view, (4, 4), m; for a rig that leaves them to the recording.

    Raises:
        CalibrationError: names file, view, what was expected and found, and what to do next.
    """
    path = find_rig_file(name_or_path)
    return rig_from_dict(read_yaml(path), path, extrinsics)


def load_whole_rig(name_or_path: str) -> Rig:
    """Read a rig with all its views.

    A rig whose cameras sit differently in each recording has places of NaN: every sample brings its
    own, and a computation that forgets to use them cannot go unnoticed.

    Args:
        name_or_path: as in `load_rig`.

    Raises:
        CalibrationError: the file is missing or wrong.
    """
    content = read_yaml(find_rig_file(name_or_path))
    if content.get("extrinsics") != PER_SEQUENCE:
        return load_rig(name_or_path)
    rig = load_rig(name_or_path, dict.fromkeys(content.get("views") or (), np.eye(4)))
    unknown = np.full((4, 4), np.nan)
    return replace(rig, cameras=tuple(replace(camera, T_device_camera=unknown) for camera in rig.cameras))


def find_rig_file(name_or_path: str) -> Path:
    """Return the file of a rig given by name or path.

    Raises:
        CalibrationError: there is none; lists the names that exist.
    """
    folder = share_dir() / "calib"
    path = Path(name_or_path).expanduser()
    if path.suffix not in (".yaml", ".yml") and "/" not in name_or_path:
        path = folder / f"{name_or_path}.yaml"
    if path.is_file():
        return path
    names = sorted(file.stem for file in folder.glob("*.yaml"))
    close = difflib.get_close_matches(path.stem, names, n=1)
    raise CalibrationError(
        f"no rig calibration {name_or_path!r}: there is no file {path}. "
        + (f"Did you mean {close[0]}? " if close and close[0] != path.stem else "")
        + f"Give the path of a YAML file or one of: {', '.join(names)}. "
        "`egorear calib import` makes one from other formats."
    )


def rig_from_dict(content: Mapping[str, Any], path: Path, extrinsics: Mapping[str, FloatArray] | None = None) -> Rig:
    """Build a rig from a rig file's content.

    Args:
        content: the parsed file.
        path: where it came from; named in errors.
        extrinsics: as in `load_rig`.

    Raises:
        CalibrationError: see `load_rig`.
    """
    if content.get("format") != FORMAT:
        raise CalibrationError(
            f"{path}: format is {content.get('format')!r}; expected {FORMAT}. "
            "Is it a rig file? `egorear calib import` converts others."
        )
    check_keys(content, _RIG_KEYS, str(path))
    moving = _is_per_sequence(content, path)
    if moving and extrinsics is None:
        raise CalibrationError(
            f"{path}: the cameras of this rig sit differently in each recording (extrinsics: {PER_SEQUENCE}), and no "
            "recording was given. Make its calibration with `egorear calib import .../seq_1_metadata.json --out "
            "seq_1.yaml` and use that."
        )
    if not moving and extrinsics is not None:
        raise CalibrationError(f"{path}: this rig has its own extrinsics; expected extrinsics: {PER_SEQUENCE}.")
    views = content.get("views")
    if not isinstance(views, dict) or len(views) < 2:
        found = f"{len(views)}" if isinstance(views, dict) else f"{views!r}"
        raise CalibrationError(f"{path}: views: expected two or more by name, found {found}. One view shows no depth.")
    cameras = tuple(_camera(view, entry, path, extrinsics) for view, entry in views.items())
    return Rig(str(content.get("name", path.stem)), cameras, str(path))


def read_extrinsics_file(name_or_path: str) -> dict[str, FloatArray]:
    """Return T_device_camera by view, (4, 4), m, from a rig or from a file with places only.

    Args:
        name_or_path: as in `load_rig`; the entries of `views` need no lens.

    Raises:
        CalibrationError: the file or a place is missing or wrong.
    """
    path = find_rig_file(name_or_path)
    views = read_yaml(path).get("views")
    if not isinstance(views, dict) or not views:
        raise CalibrationError(f"{path}: expected views with T_device_camera by name, found {views!r}.")
    places = {}
    for view, entry in views.items():
        where = f"{path}: view {view}"
        if not isinstance(entry, dict):
            raise CalibrationError(f"{where}: expected T_device_camera, found {entry!r}.")
        check_keys(entry, _VIEW_KEYS, where)
        places[str(view)] = _own_transform(entry, where)
    return places


def rig_to_yaml(rig: Rig, note: str = "") -> str:
    """Return the text of a rig file; see `save_rig`."""
    views = {
        camera.view: {"lens": lens_to_dict(camera.lens), "T_device_camera": camera.T_device_camera.tolist()}
        for camera in rig.cameras
    }
    content = {"format": FORMAT, "name": rig.name, **({"note": note} if note else {}), "views": views}
    text = "# Lenses and places of a rig's cameras; lengths in metres, see docs/conventions.md.\n"
    return text + yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=110)


def save_rig(rig: Rig, path: Path, note: str = "", overwrite: bool = False) -> None:
    """Write a rig; the file appears whole or not at all.

    Args:
        rig: what to write.
        path: a new .yaml file.
        note: free text kept in the file, for example where the numbers come from.
        overwrite: replace a file that exists.

    Raises:
        CalibrationError: the file exists and `overwrite` is False, or its folder does not.
    """
    if path.exists() and not overwrite:
        raise CalibrationError(f"{path} exists. Choose another name, or replace it with --force.")
    if not path.parent.is_dir():
        raise CalibrationError(f"{path}: there is no folder {path.parent}. Make it first.")
    text = rig_to_yaml(rig, note)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _is_per_sequence(content: Mapping[str, Any], path: Path) -> bool:
    value = content.get("extrinsics")
    if value not in (None, PER_SEQUENCE):
        raise CalibrationError(f"{path}: extrinsics is {value!r}; expected {PER_SEQUENCE}, or no such key.")
    return value is not None


def _camera(view: Any, entry: Any, path: Path, extrinsics: Mapping[str, FloatArray] | None) -> Camera:
    where = f"{path}: view {view}"
    if not isinstance(view, str) or not _VIEW_NAME.fullmatch(view):
        raise CalibrationError(
            f"{where}: expected a name of lower-case letters, digits and underscores that starts with a letter; "
            "it becomes a ROS topic."
        )
    if not isinstance(entry, dict):
        raise CalibrationError(f"{where}: expected lens and T_device_camera, found {entry!r}.")
    check_keys(entry, _VIEW_KEYS, where)
    lens = lens_from_dict(entry.get("lens"), f"{where}: lens")
    if extrinsics is None:
        return Camera(view, lens, _own_transform(entry, where))
    placed = sorted(set(entry) & {"T_device_camera", "translation_m", "quat_xyzw"})
    if placed:
        raise CalibrationError(
            f"{where}: {placed[0]} is given although extrinsics is {PER_SEQUENCE}. Remove one of the two."
        )
    if view not in extrinsics:
        raise CalibrationError(f"{where}: the recording has no extrinsics for it, only for {', '.join(extrinsics)}.")
    return Camera(view, lens, _checked(extrinsics[view], f"{where}: T_device_camera"))


def _own_transform(entry: Mapping[str, Any], where: str) -> FloatArray:
    """Return a view's T_device_camera from its matrix, or from translation_m and quat_xyzw."""
    parts = [key for key in ("translation_m", "quat_xyzw") if key in entry]
    if "T_device_camera" in entry:
        if parts:
            raise CalibrationError(f"{where}: both T_device_camera and {parts[0]} are given. Remove one of the two.")
        return _checked(entry["T_device_camera"], f"{where}: T_device_camera")
    if len(parts) != 2:
        found = f"found only {parts[0]}" if parts else "found neither"
        raise CalibrationError(
            f"{where}: expected T_device_camera (4 rows of 4 numbers, metres) or translation_m and quat_xyzw; {found}."
        )
    T_device_camera = np.eye(4)
    T_device_camera[:3, 3] = numbers(entry, "translation_m", where, 3)
    quat_xyzw = np.array(numbers(entry, "quat_xyzw", where, 4))
    norm = float(np.linalg.norm(quat_xyzw))
    if abs(norm - 1.0) > 1e-3:
        raise CalibrationError(f"{where}: quat_xyzw has length {norm:.4g}; expected 1. The order is x, y, z, w.")
    T_device_camera[:3, :3] = rotmat_from_quat_xyzw(quat_xyzw)
    return T_device_camera


def _checked(value: Any, what: str) -> FloatArray:
    try:
        T = np.array(value, dtype=np.float64)
    except (ValueError, TypeError):
        raise CalibrationError(f"{what} is {value!r}; expected 4 rows of 4 numbers, metres.") from None
    try:
        return check_transform(T, what)
    except ValueError as error:
        raise CalibrationError(str(error)) from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file.

    Raises:
        CalibrationError: it is missing, unreadable, not YAML, has a key twice, or is no mapping.
    """
    try:
        content = yaml.load(path.read_text(), _UniqueKeyLoader)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CalibrationError(f"{path} is not YAML: {error}") from error
    except OSError as error:
        raise CalibrationError(f"{path} cannot be read: {error.strerror}.") from error
    if not isinstance(content, dict):
        raise CalibrationError(f"{path}: expected named values, found {type(content).__name__}.")
    return content


# The parser in C is ten times as fast, and every node of a process reads its rig; not every PyYAML has it.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _UniqueKeyLoader(_SafeLoader):
    """YAML says that keys are unique; PyYAML silently keeps the last, and a copied view would vanish."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    "while reading a mapping", node.start_mark, f"the key {key.value!r} is there twice", key.start_mark
                )
            seen.add(str(key.value))
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping
