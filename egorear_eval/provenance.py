"""What a run says about how it was made: versions, cameras, and the card of its data."""

import json
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from egorear_ros import __version__
from egorear_ros.geometry.rig_difference import rig_difference
from egorear_ros.geometry.rig_file import load_whole_rig, rig_to_yaml
from egorear_ros.sources.sequence import own_rig_file
from egorear_ros.structures import Rig

RIG_FILE = "rig.yaml"
"""The cameras of a run, beside its results."""

CARD_FILE = "dataset.json"
SHOWN_PACKAGES = ("torch", "numpy", "opencv-python-headless", "pillow", "onnxruntime", "openvino")


def versions() -> dict[str, str]:
    """Return the versions of this package, Python, and of what a pose depends on."""
    found = {"egorear_ros": __version__, "python": platform.python_version()}
    for package in SHOWN_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def save_run_rig(folder: Path, rig: Rig) -> None:
    """Write the cameras of a run beside its results, over those of an earlier run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RIG_FILE).write_text(rig_to_yaml(rig, "The cameras of this run."))


def data_cards(sequences: Iterable[str]) -> dict[str, Any]:
    """Return the cards of the data sets that sequences are in, by their folder; damaged ones say so.

    Args:
        sequences: paths of sequence folders.
    """
    cards: dict[str, Any] = {}
    for sequence in sequences:
        folder = next((parent for parent in Path(sequence).resolve().parents if (parent / CARD_FILE).is_file()), None)
        if folder is None or str(folder) in cards:
            continue
        try:
            cards[str(folder)] = json.loads((folder / CARD_FILE).read_text())
        except (OSError, ValueError) as error:
            cards[str(folder)] = f"{CARD_FILE} cannot be read: {error}"
    return cards


def other_cameras(sequences: Iterable[str], rig: Rig) -> list[str]:
    """Return a sentence for each rig file of the data whose cameras are not those of a rig.

    Args:
        sequences: paths of sequence folders.
        rig: used in the evaluation.
    """
    files = sorted({path for path in map(own_rig_file, map(Path, sequences)) if path is not None})
    return [
        f"{path.parent} was made with other cameras than those of {rig.source}: {path} has {different}. "
        f"If that is not meant, evaluate with --calib {path}."
        for path in files
        if (different := rig_difference(rig, load_whole_rig(str(path))))
    ]
