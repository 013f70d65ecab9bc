"""What a recording remembers of the data set that it was made from: the exact rig and the frames' names.

It is kept in rosbag2's `custom_data`, which other tools carry along or drop without harm.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from egorear_ros.geometry.rig_file import CalibrationError, rig_from_dict, rig_to_yaml
from egorear_ros.structures import Rig

RIG_KEY = "egorear_rig"
SEQUENCE_KEY = "egorear_sequence"

_Run = tuple[str, int, int, int, int]
"""(text before the number, its digits, first number, step, count)."""


@dataclass(frozen=True)
class Origin:
    """A sequence that became a recording.

    Attributes:
        name: the sequence's.
        first_ns: stamp of its first frame, ns.
        period_ns: between frames, ns.
        stems: names of the frames, one per period.
    """

    name: str
    first_ns: int
    period_ns: int
    stems: tuple[str, ...]

    def stem(self, stamp_ns: int) -> str | None:
        """Return the name of the frame with exactly this stamp; None: there is none."""
        index, rest = divmod(stamp_ns - self.first_ns, self.period_ns)
        return self.stems[index] if rest == 0 and 0 <= index < len(self.stems) else None


def pack(rig: Rig, origin: Origin | None) -> dict[str, str]:
    """Return the custom data of a recording."""
    custom = {RIG_KEY: rig_to_yaml(rig)}
    if origin is not None:
        content = {
            "name": origin.name,
            "first_ns": origin.first_ns,
            "period_ns": origin.period_ns,
            "stems": [*_runs(origin.stems)],
        }
        custom[SEQUENCE_KEY] = json.dumps(content)
    return custom


def read_origin(custom: dict[str, str]) -> Origin | None:
    """Return the sequence that a recording was made from; None if it does not say."""
    try:
        content = json.loads(custom[SEQUENCE_KEY])
        stems = tuple(stem for run in content["stems"] for stem in _names(*run))
        return Origin(str(content["name"]), int(content["first_ns"]), max(1, int(content["period_ns"])), stems)
    except (KeyError, TypeError, ValueError):
        return None


def read_rig(custom: dict[str, str], path: Path) -> Rig | None:
    """Return the rig that a recording carries; None if it carries none.

    Args:
        custom: the recording's custom data.
        path: the recording, named in errors.

    Raises:
        CalibrationError: what it carries is no rig.
    """
    if RIG_KEY not in custom:
        return None
    try:
        content = yaml.safe_load(custom[RIG_KEY])
    except yaml.YAMLError as error:
        raise CalibrationError(f"{path}: the rig that it carries is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise CalibrationError(f"{path}: the rig that it carries is {type(content).__name__}; expected named values.")
    return rig_from_dict(content, path)


def _runs(stems: Sequence[str]) -> Iterable[_Run]:
    """Write names as few runs of evenly spaced numbers: 18,000 names of 10 minutes are one."""
    begin = 0
    while begin < len(stems):
        end, step = begin + 1, 1
        first = _split(stems[begin])
        following = _split(stems[begin + 1]) if begin + 1 < len(stems) else None
        if following is not None and following[:2] == first[:2] and following[2] > first[2]:
            step = following[2] - first[2]
        while end < len(stems) and stems[end] == _name(first, first[2] + step * (end - begin)):
            end += 1
        yield (*first, step, end - begin)
        begin = end


def _split(stem: str) -> tuple[str, int, int]:
    """Return (text before the last number, its digits, its value); no digits: the whole name is text."""
    match = re.fullmatch(r"(.*?)(\d+)", stem, re.DOTALL | re.ASCII)
    if match is None:
        return stem, 0, 0
    return match[1], len(match[2]), int(match[2])


def _name(first: tuple[str, int, int], number: int) -> str:
    text, digits, _ = first
    return f"{text}{number:0{digits}d}" if digits else text


def _names(text: str, digits: int, first: int, step: int, count: int) -> Iterable[str]:
    return (_name((text, digits, first), first + step * index) for index in range(count))
