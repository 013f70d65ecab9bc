"""Which frames a split of Ego4View has, and where their files are.

<root>/{train,validation,test}.txt      Syn: one character folder per line, its children are
                                        sequences; RW: one sequence folder per line
<sequence>/json_smplx_gendered/*.json   annotations (RW: json_smplx), cm and px
<sequence>/fisheye_rgb/camera_<view>/<stem>.jpg or .png
<recording>_metadata.json               RW: extrinsics of all sequences <recording>-*
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from egorear_ros.sources.folder import natural_order
from egorear_ros.sources.sequence import ANNOTATIONS, IMAGES, SPLIT_FILES, SPLITS
from egorear_train.datasets.errors import DamagedFrame, DatasetError

FIRST_LINE_ONLY = "first_line_only"
QUIRKS = {
    FIRST_LINE_ONLY: "use only the first line of a split's file, as the published code does in Syn's first stage",
}
"""What the published readers do by mistake, by the name that asks for it."""

IMAGE_SUFFIXES = (".jpg", ".png", ".jpeg")
RW_ANNOTATIONS = "json_smplx"


@dataclass(frozen=True)
class SequenceFolder:
    """One recording, or a part of one.

    Attributes:
        folder: where it is.
        name: its path inside the data set, with the name of the data set's folder before it.
        annotations: name of its folder of annotations.
    """

    folder: Path
    name: str
    annotations: str

    @property
    def metadata(self) -> Path | None:
        """Where its extrinsics are: beside it, shared by all parts of a recording; None in Ego4View-Syn.

        The recording's name ends at the first "-" of the folder's own name: S1/seq_3-0 belongs to
        S1/seq_3_metadata.json.
        """
        if self.annotations != RW_ANNOTATIONS:
            return None
        return self.folder.with_name(f"{self.folder.name.partition('-')[0]}_metadata.json")


@dataclass(frozen=True)
class FrameFiles:
    """Where one frame is.

    Attributes:
        sequence: it belongs to.
        stem: name of its files without suffix.
    """

    sequence: SequenceFolder
    stem: str

    @property
    def name(self) -> str:
        """What errors and tables call it: <root>/<sequence>/<stem>."""
        return f"{self.sequence.name}/{self.stem}"

    @property
    def annotation(self) -> Path:
        """The annotation file."""
        return self.sequence.folder / self.sequence.annotations / f"{self.stem}.json"

    def image(self, view: str) -> Path:
        """One view's image, whichever suffix it has.

        Raises:
            DamagedFrame: there is none.
        """
        folder = self.sequence.folder / IMAGES / f"camera_{view}"
        for suffix in IMAGE_SUFFIXES:
            path = folder / f"{self.stem}{suffix}"
            if path.is_file():
                return path
        raise DamagedFrame(f"{folder} has no image {self.stem}.jpg or .png.")


def is_dataset(root: Path) -> bool:
    """Whether a folder has the file of any split."""
    return any((root / name).is_file() for name in SPLIT_FILES)


def splits_in(root: Path) -> tuple[str, ...]:
    """Return the splits whose file names a folder; our own small data sets may leave a split empty."""
    return tuple(split for split in SPLITS if (root / f"{split}.txt").is_file() and _lines(root / f"{split}.txt"))


def list_frames(root: Path, split: str, quirks: Collection[str] = ()) -> list[FrameFiles]:
    """Return the frames of a split: of every line of its file, in its order; frames by name.

    Args:
        root: the data set's folder.
        split: train, validation or test.
        quirks: names of `QUIRKS`.

    Raises:
        DatasetError: no such split or quirk, or a folder that it names is missing or has no sequence.
    """
    unknown = [quirk for quirk in quirks if quirk not in QUIRKS]
    if unknown:
        raise DatasetError(f"there is no quirk {unknown[0]!r}; expected some of {', '.join(QUIRKS)}.")
    index = root / f"{split}.txt"
    if not index.is_file():
        raise DatasetError(f"{index} is missing; expected one of {', '.join(SPLIT_FILES)} in the data set's root.")
    lines = _lines(index)
    used = lines[:1] if FIRST_LINE_ONLY in quirks else lines
    frames = [frame for line in used for sequence in _sequences(root, line, index) for frame in _frames(sequence)]
    if not frames:
        raise DatasetError(f"{index} names {len(lines)} folders, and none has frames. Is the download complete?")
    return frames


def _lines(index: Path) -> list[str]:
    return [line.strip() for line in index.read_text(encoding="utf-8-sig").splitlines() if line.strip()]


def _sequences(root: Path, line: str, index: Path) -> list[SequenceFolder]:
    """Return the folder of a line if it is a sequence, else the sequences in it."""
    folder = root / line
    if not folder.is_dir():
        raise DatasetError(f"{index} names {folder}, which is no folder. Is the download complete?")
    found = [_sequence(root, path) for path in (folder, *sorted(folder.iterdir()))]
    sequences = found[:1] if found[0] else found[1:]
    kept = [sequence for sequence in sequences if sequence]
    if not kept:
        raise DatasetError(
            f"{index} names {folder}, but neither it nor a folder in it has annotations "
            f"({' or '.join(ANNOTATIONS)}). Is the download complete?"
        )
    return kept


def _sequence(root: Path, folder: Path) -> SequenceFolder | None:
    for name in ANNOTATIONS:
        if (folder / name).is_dir():
            inside = folder.relative_to(root).as_posix()
            return SequenceFolder(folder, f"{root.name or root.resolve().name}/{inside}", name)
    return None


def _frames(sequence: SequenceFolder) -> list[FrameFiles]:
    stems = (path.stem for path in (sequence.folder / sequence.annotations).glob("*.json"))
    return [FrameFiles(sequence, stem) for stem in natural_order(stems)]
