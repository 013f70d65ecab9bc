"""A sequence folder of Ego4View-Syn or Ego4View-RW, or of our own data sets in that layout.

Images are `<sequence>/fisheye_rgb/camera_<view>/<stem>.jpg` or `.png`, annotations
`<sequence>/json_smplx_gendered/<stem>.json` (Syn) or `json_smplx` (RW).
"""

from pathlib import Path

from egorear_ros.sources.base import SourceError
from egorear_ros.sources.folder import FolderSource, list_images, name_some, natural_order, view_folder

IMAGES = "fisheye_rgb"
ANNOTATIONS = ("json_smplx_gendered", "json_smplx")
SPLITS = ("train", "validation", "test")
SPLIT_FILES = tuple(f"{split}.txt" for split in SPLITS)
"""One or more of them are in the folder of a data set."""

RIG_FILE = "rig.yaml"
"""The cameras that a data set or a sequence was made with, in its folder; the published ones have none."""

_DEEPEST = 3


class SequenceSource(FolderSource):
    """Play one view of a sequence.

    All views share the frame index: the stems of the annotations, as the data set defines its
    frames; without annotations the stems of all views' images.
    """

    def find(self) -> tuple[Path, list[tuple[str, Path | None]]]:
        """Return the view's folder and files; see `FolderSource.find`."""
        sequence = check_sequence(self._config.path, self._view)
        folder = view_folder(sequence / IMAGES, self._view)
        if folder is None:
            found = name_some(sorted(path.name for path in (sequence / IMAGES).iterdir() if path.is_dir()))
            raise SourceError(
                f"{self._view}: {sequence / IMAGES} has no folder camera_{self._view}; it has: {found}. "
                "Choose a rig whose views this sequence has (calib), or another sequence (source.path)."
            )
        own = list_images(folder)
        stems = sequence_stems(sequence, self._rig.views)
        files = [(stem, own.get(stem)) for stem in stems]
        if not any(path for _, path in files):
            raise SourceError(
                f"{self._view}: {folder} has {len(own)} images ({name_some(natural_order(own), 3)}), none of them for "
                f"the {len(stems)} frames of the sequence ({name_some(stems, 3)}). Is the download complete?"
            )
        return folder, files


def check_sequence(path: str, view: str, setting: str = "source.path") -> Path:
    """Return the sequence folder.

    Args:
        path: what the user named.
        view: for whom, for words.
        setting: where the user named it; empty: as an argument of a command.

    Raises:
        SourceError: there is none; the message names what is there instead.
    """
    give, correct = (f"Set {setting} to", f"Correct {setting}.") if setting else ("Give", "Give another folder.")
    if not path:
        raise SourceError(f"{view}: {setting or 'the name'} is empty; expected the folder of an Ego4View sequence.")
    sequence = Path(path).expanduser()
    if (sequence / IMAGES).is_dir():
        return sequence
    if not sequence.is_dir():
        raise SourceError(f"{view}: there is no folder {sequence}. {correct}")
    if sequence.name == IMAGES:
        raise SourceError(f"{view}: {sequence} is a sequence's image folder. {give} {sequence.parent}.")
    inside = sorted(child.parent.relative_to(sequence) for child in sequence.glob(f"*/{IMAGES}"))
    inside += sorted(child.parent.relative_to(sequence) for child in sequence.glob(f"*/*/{IMAGES}"))
    hint = correct
    if inside:
        hint = f"{give} one of the sequences in it: {name_some(map(str, inside))}."
    raise SourceError(f"{view}: {sequence} is not an Ego4View sequence, because it has no folder {IMAGES}. {hint}")


def sequence_stems(sequence: Path, views: tuple[str, ...]) -> list[str]:
    """Return the stems of a sequence's frames, in order."""
    for name in ANNOTATIONS:
        stems = [path.stem for path in (sequence / name).glob("*.json")]
        if stems:
            return natural_order(stems)
    folders = [view_folder(sequence / IMAGES, view) for view in views]
    return natural_order({stem for folder in folders if folder is not None for stem in list_images(folder)})


def own_rig_file(sequence: Path) -> Path | None:
    """Return the file of the cameras that a sequence was made with, its own or its data set's; None without one."""
    sequence = sequence.absolute()
    above = [folder for folder in sequence.parents[:_DEEPEST] if any((folder / name).is_file() for name in SPLIT_FILES)]
    files = [folder / RIG_FILE for folder in (sequence, *above[:1])]
    return next((path for path in files if path.is_file()), None)
