"""Rigs from the calibration files of other programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from egorear_ros.geometry import ego4view
from egorear_ros.geometry.kalibr import read_camchain
from egorear_ros.geometry.lens_fields import CalibrationError, lens_to_dict
from egorear_ros.geometry.opencv_fisheye import is_opencv, read_opencv_lens
from egorear_ros.geometry.rig_file import FORMAT, load_rig, read_extrinsics_file, read_yaml, rig_from_dict
from egorear_ros.structures import FloatArray, Lens, Rig

FORMATS = ("auto", "ego4view", "kalibr", "opencv")


@dataclass(frozen=True)
class ImportOptions:
    """What calibration files leave open.

    Attributes:
        format: one of `FORMATS`.
        name: of the rig; "": the output's or first file's stem.
        views: names of the views in the order of the files' cameras; (): the files' own names.
        extrinsics: a rig name, rig file, or YAML file with the cameras' places; "": from the files.
        max_theta_deg: edge of the field of view; None: Ego4View: its image circle, others: the image corner.
        size: (width, height) of the images, px, for OpenCV files that do not say.
    """

    format: str = "auto"
    name: str = ""
    views: tuple[str, ...] = ()
    extrinsics: str = ""
    max_theta_deg: float | None = None
    size: tuple[int, int] | None = None


@dataclass
class _Found:
    """What the files gave."""

    lenses: dict[str, Lens]
    extrinsics: dict[str, FloatArray] | None = None
    remarks: list[str] = field(default_factory=list)


def import_rig(files: Sequence[Path], options: ImportOptions) -> tuple[Rig, list[str]]:
    """Convert calibration files to a rig.

    Args:
        files: Ego4View: the JSON files or their folder, a recording's metadata, or both. Kalibr: one
            camchain YAML. OpenCV: one file per camera, named after its view.
        options: what the files leave open.

    Returns:
        rig: checked as a rig file would be.
        remarks: what was assumed, for people.

    Raises:
        CalibrationError: names file, what was expected and found, and the next step.
    """
    files = _expand(files)
    kind = options.format if options.format != "auto" else _detect(files)
    found = _READERS[kind](files, options)
    if options.views:
        found = _renamed(found, options.views, files)
    if options.extrinsics:
        found.extrinsics = read_extrinsics_file(options.extrinsics)
        found.remarks.append(f"Places of the cameras: from {options.extrinsics}.")
    if found.extrinsics is None:
        raise CalibrationError(
            f"{files[0]}: nothing says where the cameras are, only what their lenses are. Give --extrinsics: "
            "a rig (ego4view_syn for Ego4View-Syn), or a YAML file with T_device_camera by view "
            "(docs/conventions.md); for Ego4View-RW give the recording's metadata JSON as another file."
        )
    source = files[0]
    unplaced = [view for view in found.lenses if view not in found.extrinsics]
    if unplaced:
        raise CalibrationError(
            f"{options.extrinsics or source}: no place for view {unplaced[0]}; found {', '.join(found.extrinsics)}. "
            "Rename the views with --views, in the order of the files."
        )
    views = {
        view: {"lens": lens_to_dict(lens), "T_device_camera": found.extrinsics[view].tolist()}
        for view, lens in found.lenses.items()
    }
    content = {"format": FORMAT, "name": options.name or source.stem, "views": views}
    return rig_from_dict(content, source), found.remarks


def _expand(files: Sequence[Path]) -> list[Path]:
    """Replace folders by the JSON files in them, and check that all exist."""
    expanded: list[Path] = []
    for path in files:
        if path.is_dir():
            inside = sorted(path.glob("*.json"))
            if not inside:
                raise CalibrationError(f"{path} has no .json files. Name the calibration files themselves.")
            expanded += inside
        elif path.is_file():
            expanded.append(path)
        else:
            raise CalibrationError(f"there is no file {path}.")
    if not expanded:
        raise CalibrationError("no calibration files given.")
    return expanded


def _detect(files: Sequence[Path]) -> str:
    if all(path.suffix == ".json" for path in files):
        return "ego4view"
    first = files[0]
    if is_opencv(first):
        return "opencv"
    content = read_yaml(first)
    if "cam0" in content:
        return "kalibr"
    if content.get("format") == FORMAT:
        raise CalibrationError(f"{first} is a rig file already; `egorear calib check {first}` checks it.")
    raise CalibrationError(
        f"{first}: not recognised; found {', '.join(map(str, content))}. Expected Ego4View's JSON, Kalibr's camchain "
        "YAML (cam0: ...) or OpenCV's YAML (K, D). Say which with --format."
    )


def _read_ego4view(files: Sequence[Path], options: ImportOptions) -> _Found:
    found = _Found({})
    for path in files:
        content = ego4view.read_json(path)
        if ego4view.is_metadata(content):
            found.extrinsics = ego4view.read_extrinsics(path)
            found.remarks.append(f"Places of the cameras: from {path}.")
        else:
            lens = ego4view.lens_from_json(content, str(path), options.max_theta_deg)
            found.lenses[ego4view.view_of(path)] = lens
    if not found.lenses and found.extrinsics is not None:
        rig = load_rig("ego4view_rw", found.extrinsics)
        found.lenses = {camera.view: camera.lens for camera in rig.cameras}
        found.remarks.append("Lenses: those of calib/ego4view_rw.yaml.")
    order = [*ego4view.VIEWS, *found.lenses]
    found.lenses = {view: found.lenses[view] for view in order if view in found.lenses}
    return found


def _read_kalibr(files: Sequence[Path], options: ImportOptions) -> _Found:
    if len(files) != 1:
        raise CalibrationError(f"{len(files)} files; expected one camchain YAML, which holds all cameras of the rig.")
    lenses, extrinsics = read_camchain(read_yaml(files[0]), files[0], options.max_theta_deg)
    found = _Found(dict(lenses), extrinsics, _edge_remarks(lenses, options))
    if extrinsics is not None:
        found.remarks.append(
            "Device frame: midway between the first two cameras, with the axes of the first (Kalibr has none). "
            "The joints come out in it; with tilted cameras, put the tilt into the matrices."
        )
    return found


def _read_opencv(files: Sequence[Path], options: ImportOptions) -> _Found:
    lenses: dict[str, Lens] = {}
    for path in files:
        if path.stem in lenses:
            raise CalibrationError(f"{path}: another file is called {path.stem} too. Name each file after its view.")
        lenses[path.stem] = read_opencv_lens(path, options.size, options.max_theta_deg)
    return _Found(lenses, None, _edge_remarks(lenses, options))


_READERS = {"ego4view": _read_ego4view, "kalibr": _read_kalibr, "opencv": _read_opencv}


def _edge_remarks(lenses: Mapping[str, Any], options: ImportOptions) -> list[str]:
    if options.max_theta_deg is not None:
        return []
    edges = ", ".join(f"{view} {np.degrees(lens.max_theta):.1f}" for view, lens in lenses.items())
    remark = (
        f"Edge of the field of view, degrees from the optical axis: {edges}. That is the image corner, as the file "
        "does not say; if the image circle is smaller, give --max-theta-deg."
    )
    return [remark]


def _renamed(found: _Found, views: tuple[str, ...], files: Sequence[Path]) -> _Found:
    if len(views) != len(found.lenses) or len(set(views)) != len(views):
        raise CalibrationError(
            f"{files[0]}: --views names {', '.join(views)}; expected {len(found.lenses)} different names, for "
            f"{', '.join(found.lenses)}."
        )
    names = dict(zip(found.lenses, views, strict=True))
    extrinsics = found.extrinsics and {names[old]: T for old, T in found.extrinsics.items() if old in names}
    return _Found({names[old]: lens for old, lens in found.lenses.items()}, extrinsics, found.remarks)
