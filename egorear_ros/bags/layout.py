"""Which files a recording has, and what its metadata.yaml says."""

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from egorear_ros.bags.base import BagError
from egorear_ros.bags.compression import ZSTD_MAGIC
from egorear_ros.bags.mcap_records import MAGIC

METADATA = "metadata.yaml"
ROOT_KEY = "rosbag2_bagfile_information"
SUFFIXES = (".mcap", ".db3", ".mcap.zstd", ".db3.zstd")
SQLITE_MAGIC = b"SQLite format 3\0"
ROS1_MAGIC = b"#ROSBAG"


@dataclass
class Layout:
    """A recording on disk.

    Attributes:
        path: as it was given.
        files: its storage files, in order.
        by_message: messages are compressed one by one (zstd).
        declared: number of messages according to metadata.yaml; None: unknown.
        custom: what the writer added (rosbag2's custom_data).
        problems: what is wrong, one sentence each.
    """

    path: Path
    files: list[Path]
    by_message: bool = False
    declared: int | None = None
    custom: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def find_layout(path: Path) -> Layout:
    """Return what a path holds: a rosbag2 folder, or one of its files.

    Raises:
        BagError: nothing, or no recording.
    """
    if not path.exists():
        raise BagError(f"there is no recording {path.absolute()}.")
    if path.is_dir():
        return _folder(path)
    if path.name == METADATA:
        return _folder(path.parent)
    return Layout(path, [path])


def is_finished(layout: Layout) -> bool:
    """Return whether a recorder has ended the recording and all of it is there: `ros2 bag play` reads no other."""
    return not layout.problems and all(path.suffix != ".mcap" or _has_end(path) for path in layout.files)


def storage_kind(path: Path) -> str:
    """Return "mcap", "sqlite3" or "zstd" by a file's first bytes, or its name where it is empty.

    Raises:
        BagError: something else.
    """
    with path.open("rb") as file:
        start = file.read(16)
    if start.startswith(MAGIC) or (len(start) < len(MAGIC) and path.suffix == ".mcap"):
        return "mcap"
    if start == SQLITE_MAGIC or (len(start) < len(SQLITE_MAGIC) and path.suffix == ".db3"):
        return "sqlite3"
    if start.startswith(ZSTD_MAGIC):
        return "zstd"
    if start.startswith(ROS1_MAGIC):
        raise BagError(
            f"{path} is a recording of ROS 1. Convert it with `rosbags-convert --src {path.name} --dst {path.stem}`."
        )
    raise BagError(
        f"{path} is no recording: it is neither MCAP nor sqlite3. Give a rosbag2 folder, .mcap or .db3 file."
    )


def parse_information(text: str) -> dict[str, Any]:
    """Return rosbag2's information from YAML, with or without its root key; empty if it is none."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    if isinstance(content, dict) and ROOT_KEY in content:
        content = content[ROOT_KEY]
    return content if isinstance(content, dict) else {}


def custom_data(information: dict[str, Any]) -> dict[str, str]:
    """Return what the writer of a recording added to its metadata."""
    custom = information.get("custom_data")
    return {str(key): str(value) for key, value in custom.items()} if isinstance(custom, dict) else {}


def _folder(path: Path) -> Layout:
    metadata = path / METADATA
    present = _storage_files(path)
    if not metadata.is_file():
        if not present:
            inside = ", ".join(sorted(child.name for child in path.iterdir())[:8]) or "nothing"
            raise BagError(f"{path} is no recording: it has no {METADATA} and no .mcap or .db3 file, only: {inside}.")
        problem = (
            f"{METADATA} is missing: the recording was not finished. Its files are read as they are; "
            "`ros2 bag reindex` makes the file."
        )
        return Layout(path, present, problems=[problem])
    information = parse_information(metadata.read_text(encoding="utf-8", errors="replace"))
    names = information.get("relative_file_paths")
    if not isinstance(names, list) or not names:
        if not present:
            raise BagError(f"{path} is no recording: {METADATA} names no files, and there are none.")
        return Layout(path, present, problems=[f"{METADATA} is damaged; all files of the folder are read."])
    files = [path / PurePosixPath(str(name)).name for name in names]
    layout = Layout(path, [file for file in files if file.is_file()], custom=custom_data(information))
    layout.problems += [
        f"{file.name} is missing, which {METADATA} names; it is left out." for file in files if not file.is_file()
    ]
    if not layout.files:
        raise BagError(f"{path}: none of the files that {METADATA} names is there: {', '.join(map(str, names))}.")
    layout.by_message = str(information.get("compression_mode", "")).lower() == "message"
    count = information.get("message_count")
    layout.declared = count if isinstance(count, int) else None
    return layout


def _has_end(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-min(len(MAGIC), path.stat().st_size), 2)
        return file.read() == MAGIC


def _storage_files(folder: Path) -> list[Path]:
    """Return the storage files of a folder, bag_2 before bag_10."""

    def key(path: Path) -> list[tuple[int, int | str]]:
        return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.findall(r"\d+|\D+", path.name)]

    found = {path.name: path for path in folder.iterdir() if path.name.endswith(SUFFIXES)}
    # rosbag2's recorder packs a file beside itself, and its player unpacks it there.
    single = (path for name, path in found.items() if name.removesuffix(".zstd") == name or path.stem not in found)
    return sorted(single, key=key)
