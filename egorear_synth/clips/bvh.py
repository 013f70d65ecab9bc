"""Read Biovision (BVH) motion clips."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.clips.clip import Clip, ClipError
from egorear_synth.clips.text import Lines
from egorear_synth.rotations import rotmat_from_euler

_POSITIONS = {"Xposition": 0, "Yposition": 1, "Zposition": 2}
_ROTATIONS = {"Xrotation": "x", "Yrotation": "y", "Zrotation": "z"}


@dataclass
class _Joint:
    name: str
    parent: int
    offset: FloatArray = field(default_factory=lambda: np.zeros(3))
    channels: tuple[str, ...] = ()
    end: FloatArray | None = None


def read_bvh(path: Path) -> Clip:
    """Read a clip.

    Args:
        path: a .bvh file.

    Raises:
        ClipError: not a BVH file, unknown channels, a frame with missing channels, or bad numbers.

    Source: Meredith and Maddock, "Motion capture file formats explained", 2001: a joint's rotation
    is the product of its channels in the order listed.
    """
    lines = Lines(path)
    lines.take("HIERARCHY")
    joints: list[_Joint] = []
    words = lines.take("ROOT")
    _read_joint(lines, joints, " ".join(words[1:]), 0)
    values, rate_hz = _read_motion(lines, sum(len(joint.channels) for joint in joints))
    heads = np.zeros((len(joints), 3))
    rotations = np.empty((len(values), len(joints), 3, 3))
    root_positions = np.zeros((len(values), 3))
    column = 0
    for index, joint in enumerate(joints):
        own = values[:, column : column + len(joint.channels)]
        column += len(joint.channels)
        local = _local_rotations(joint, own)
        if index == 0:
            rotations[:, 0] = local
            root_positions = joint.offset + _positions(joint, own)
        else:
            rotations[:, index] = rotations[:, joint.parent] @ local
            heads[index] = heads[joint.parent] + joint.offset
    names, parents = tuple(joint.name for joint in joints), tuple(joint.parent for joint in joints)
    return Clip(str(path), rate_hz, names, parents, heads, _tails(joints, heads), root_positions, rotations)


def _read_joint(lines: Lines, joints: list[_Joint], name: str, parent: int) -> None:
    index = len(joints)
    joint = _Joint(name, parent)
    joints.append(joint)
    lines.take("{")
    while True:
        words = lines.take()
        if words[0] == "OFFSET":
            joint.offset = np.array(lines.numbers(words[1:], 3))
        elif words[0] == "CHANNELS":
            joint.channels = tuple(words[2:])
            unknown = [channel for channel in joint.channels if channel not in _POSITIONS and channel not in _ROTATIONS]
            if unknown or str(len(joint.channels)) != words[1]:
                raise lines.error(f"joint {name} announces {words[1]} channels and lists: {' '.join(joint.channels)}")
        elif words[0] == "JOINT":
            _read_joint(lines, joints, " ".join(words[1:]), index)
        elif words[0] == "End":
            lines.take("{")
            joint.end = np.array(lines.numbers(lines.take("OFFSET")[1:], 3))
            lines.take("}")
        elif words[0] == "}":
            return
        else:
            raise lines.error(f"unknown word {words[0]!r} in joint {name}")


def _read_motion(lines: Lines, channel_count: int) -> tuple[FloatArray, float]:
    lines.take("MOTION")
    count = int(lines.numbers(lines.take("Frames:")[1:], 1)[0])
    words = lines.take("Frame")
    frame_time_s = lines.numbers(words[2:], 1)[0]
    if frame_time_s <= 0:
        raise lines.error(f"the frame time is {frame_time_s}; expected seconds above 0")
    rows = [lines.numbers(words, channel_count) for words in lines]
    if len(rows) != count or count == 0:
        raise ClipError(f"{lines.path} announces {count} frames and has {len(rows)}. Is the file complete?")
    return np.array(rows), 1.0 / frame_time_s


def _local_rotations(joint: _Joint, values: FloatArray) -> FloatArray:
    turns = [index for index, channel in enumerate(joint.channels) if channel in _ROTATIONS]
    order = "".join(_ROTATIONS[joint.channels[index]] for index in turns)
    return np.broadcast_to(rotmat_from_euler(order, np.deg2rad(values[:, turns])), (len(values), 3, 3))


def _positions(joint: _Joint, values: FloatArray) -> FloatArray:
    positions = np.zeros((len(values), 3))
    for index, channel in enumerate(joint.channels):
        if channel in _POSITIONS:
            positions[:, _POSITIONS[channel]] = values[:, index]
    return positions


def _tails(joints: list[_Joint], heads: FloatArray) -> FloatArray:
    tails = heads.copy()
    for index, joint in enumerate(joints):
        children = [child for child, other in enumerate(joints) if other.parent == index and child != index]
        if children:
            tails[index] = heads[children[0]]
        elif joint.end is not None:
            tails[index] = heads[index] + joint.end
    return tails
