"""Read Acclaim motion clips: a skeleton (.asf) and its joint angles (.amc)."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.clips.clip import Clip, ClipError
from egorear_synth.clips.text import Lines
from egorear_synth.rotations import rotmat_from_euler

ROOT = "root"


@dataclass
class _Bone:
    """One bone of an ASF file; angles in rad, lengths in the file's unit."""

    name: str
    direction: FloatArray = field(default_factory=lambda: np.zeros(3))
    length: float = 0.0
    axis_order: str = "xyz"
    axis: FloatArray = field(default_factory=lambda: np.zeros(3))
    channels: tuple[str, ...] = ()
    parent: str = ""


def read_amc(path: Path, rate_hz: float) -> Clip:
    """Read a clip; the skeleton is the ASF file beside it.

    Args:
        path: an .amc file. `01_02.amc` is of skeleton `01.asf` (the CMU database's names), else of
            `<same name>.asf`, else of the only .asf in the folder.
        rate_hz: frames per second, which AMC files do not say.

    Raises:
        ClipError: no skeleton, unknown bones, missing channels, no frames, or bad numbers.

    Source: Acclaim skeleton and motion format as the CMU motion capture database uses it: a bone's
    angles turn about its own axes, in the order listed, the first one first.
    """
    lines = Lines(path, comment="#")
    bones = _read_asf(_find_asf(path))
    frames = _read_frames(lines, bones)
    count = len(frames[ROOT])
    if count == 0:
        raise ClipError(f"{path} has no frames; expected lines with frame numbers and joint angles.")
    names = tuple(bones)
    parents = tuple(names.index(bone.parent) if bone.parent else 0 for bone in bones.values())
    heads, tails = np.zeros((len(names), 3)), np.zeros((len(names), 3))
    rotations = np.empty((count, len(names), 3, 3))
    root_positions = np.zeros((count, 3))
    for index, (name, bone) in enumerate(bones.items()):
        angles = np.array(frames[name], dtype=np.float64).reshape(count, len(bone.channels))
        local = _local_rotations(bone, angles)
        if name == ROOT:
            rotations[:, index] = local
            for axis, channel in enumerate(("tx", "ty", "tz")):
                if channel in bone.channels:
                    root_positions[:, axis] = angles[:, bone.channels.index(channel)]
            continue
        parent = parents[index]
        rotations[:, index] = rotations[:, parent] @ local
        heads[index] = tails[parent]
        tails[index] = heads[index] + bone.length * bone.direction
    return Clip(str(path), rate_hz, names, parents, heads, tails, root_positions, rotations)


def _local_rotations(bone: _Bone, angles: FloatArray) -> FloatArray:
    turns = [channel for channel in bone.channels if channel.startswith("r")]
    values = np.deg2rad(angles[:, [bone.channels.index(channel) for channel in turns]])
    # The first angle is applied to the bone first, so it stands last in the product.
    turned = rotmat_from_euler("".join(channel[1] for channel in reversed(turns)), values[:, ::-1])
    axes = rotmat_from_euler(bone.axis_order[::-1], bone.axis[::-1])
    return axes @ turned @ axes.T


def _find_asf(path: Path) -> Path:
    for name in (path.stem.split("_")[0], path.stem):
        candidate = path.with_name(f"{name}.asf")
        if candidate.is_file():
            return candidate
    found = sorted(path.parent.glob("*.asf"))
    if len(found) != 1:
        listed = ", ".join(file.name for file in found) or "none"
        raise ClipError(
            f"{path} needs its skeleton, {path.stem.split('_')[0]}.asf or {path.stem}.asf, in the same folder; "
            f".asf files there: {listed}."
        )
    return found[0]


def _read_asf(path: Path) -> dict[str, _Bone]:
    """Return the bones of a skeleton file, parents first."""
    lines = Lines(path, comment="#")
    bones: dict[str, _Bone] = {}
    degrees = True
    for words in lines:
        if words[0] == ":units":
            degrees = _read_units(lines)
        elif words[0] == ":root":
            bones[ROOT] = _read_root(lines, degrees)
        elif words[0] == ":bonedata":
            while lines.peek()[:1] == ["begin"]:
                bone = _read_bone(lines, degrees)
                bones[bone.name] = bone
        elif words[0] == ":hierarchy":
            return _read_hierarchy(lines, bones)
    raise ClipError(f"{path} has no :hierarchy section; expected a skeleton in ASF format.")


def _section(lines: Lines) -> bool:
    """Whether the next line belongs to the current section."""
    return bool(lines.peek()) and not lines.peek()[0].startswith(":")


def _read_units(lines: Lines) -> bool:
    degrees = True
    while _section(lines):
        words = lines.take()
        if words[0] == "angle":
            degrees = words[1] == "deg"
    return degrees


def _angles(lines: Lines, words: list[str], degrees: bool) -> FloatArray:
    values = np.array(lines.numbers(words, 3))
    return np.deg2rad(values) if degrees else values


def _read_root(lines: Lines, degrees: bool) -> _Bone:
    root = _Bone(ROOT)
    while _section(lines):
        key, *values = lines.take()
        if key == "order":
            root.channels = tuple(value.lower() for value in values)
        elif key == "axis":
            root.axis_order = values[0].lower()
        elif key == "orientation":
            root.axis = _angles(lines, values, degrees)
    return root


def _read_bone(lines: Lines, degrees: bool) -> _Bone:
    lines.take("begin")
    bone = _Bone("")
    while lines.peek()[:1] != ["end"]:
        key, *values = lines.take()
        if key == "name":
            bone.name = values[0]
        elif key == "direction":
            bone.direction = np.array(lines.numbers(values, 3))
        elif key == "length":
            bone.length = lines.numbers(values, 1)[0]
        elif key == "axis":
            bone.axis = _angles(lines, values[:3], degrees)
            bone.axis_order = values[3].lower() if len(values) > 3 else "xyz"
        elif key == "dof":
            bone.channels = tuple(value.lower() for value in values)
    lines.take("end")
    return bone


def _read_hierarchy(lines: Lines, bones: dict[str, _Bone]) -> dict[str, _Bone]:
    lines.take("begin")
    ordered = {ROOT: bones[ROOT]} if ROOT in bones else {}
    while lines.peek()[:1] != ["end"]:
        parent, *children = lines.take()
        for name in (parent, *children):
            if name not in bones:
                raise lines.error(f"bone {name!r} is not in :bonedata")
        for child in children:
            bones[child].parent = parent
            ordered[child] = bones[child]
    lines.take("end")
    if ROOT not in ordered:
        raise lines.error("the skeleton has no :root section")
    return ordered


def _read_frames(lines: Lines, bones: dict[str, _Bone]) -> dict[str, list[list[float]]]:
    """Return per bone the channel values of every frame, as they stand in the file."""
    frames: dict[str, list[list[float]]] = {name: [] for name in bones}
    count = 0
    for words in lines:
        if words[0].startswith(":"):
            if words[0].lower() == ":radians":
                raise lines.error("angles in radians are not supported; expected :DEGREES")
        elif words[0].isdigit() and len(words) == 1:
            _check_complete(lines, frames, bones, count)
            count += 1
        else:
            name, values = words[0], words[1:]
            if name not in bones:
                raise lines.error(f"bone {name!r} is not in the skeleton. Is the .asf file of another person?")
            if len(values) != len(bones[name].channels):
                raise lines.error(
                    f"{name} has {len(values)} values; its skeleton expects {len(bones[name].channels)}: "
                    f"{' '.join(bones[name].channels)}"
                )
            if len(frames[name]) != count - 1:
                raise lines.error(f"{name} stands twice in one frame, or before the first frame number")
            frames[name].append(lines.numbers(values))
    _check_complete(lines, frames, bones, count)
    for name, bone in bones.items():
        if not bone.channels:
            frames[name] = [[] for _ in range(count)]
    return frames


def _check_complete(lines: Lines, frames: dict[str, list[list[float]]], bones: dict[str, _Bone], count: int) -> None:
    missing = [name for name, bone in bones.items() if bone.channels and len(frames[name]) != count]
    if missing:
        raise lines.error(f"frame {count} has no values for {', '.join(missing)}. Is the file complete?")
