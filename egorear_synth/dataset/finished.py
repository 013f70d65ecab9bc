"""The finished part of a data set: its sequences, and the split files that name them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from egorear_ros.sources.sequence import SPLITS
from egorear_synth.dataset.errors import SynthError
from egorear_synth.dataset.writer import SEQUENCE_FILE, write_whole


def sequence_folders(root: Path) -> list[Path]:
    """Return the folders of all finished sequences, in order."""
    return sorted(path.parent for path in root.glob(f"[!.]*/[!.]*/{SEQUENCE_FILE}"))


def read_sequence(folder: Path) -> dict[str, Any]:
    """Return what is known of a sequence.

    Raises:
        SynthError: its file is missing or damaged.
    """
    path = folder / SEQUENCE_FILE
    try:
        content = json.loads(path.read_text())
        if content["split"] not in SPLITS or content["summary"] is None:
            raise ValueError(f"split {content['split']!r}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SynthError(
            f"{path} cannot be used ({type(error).__name__}: {error}). Remove {folder} and generate it again."
        ) from error
    return dict(content)


class SplitFiles:
    """Keeps train.txt, validation.txt and test.txt in step with the finished sequences.

    Args:
        root: the data set.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._splits: dict[Path, str] = {}

    def update(self) -> None:
        """Name every character with a finished sequence, also those that other machines made."""
        found = sequence_folders(self._root)
        self._splits = {folder: self._splits.get(folder) or read_sequence(folder)["split"] for folder in found}
        for split in SPLITS:
            names = sorted({folder.parent.name for folder, own in self._splits.items() if own == split})
            self._write(split, names)

    def _write(self, split: str, names: Sequence[str]) -> None:
        data = "".join(f"{name}\n" for name in names).encode()
        path = self._root / f"{split}.txt"
        if not path.is_file() or path.read_bytes() != data:
            write_whole(path, data)
