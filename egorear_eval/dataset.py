"""Which sequences and which sets of views an evaluation covers."""

from itertools import combinations
from pathlib import Path

from egorear_eval.clip import EvaluationError
from egorear_ros.sources.sequence import ANNOTATIONS, IMAGES, SPLIT_FILES
from egorear_ros.structures import Rig


def find_sequences(paths: list[str], split: str) -> list[str]:
    """Return the sequence folders that arguments name.

    Args:
        paths: sequence folders, folders of sequences, or roots of data sets.
        split: for roots: the split whose sequences to use.

    Raises:
        EvaluationError: nothing is there, or a root has no such split, or an empty one.
    """
    found: list[str] = []
    for text in paths:
        path = Path(text).expanduser()
        index = path / f"{split}.txt"
        if (path / IMAGES).is_dir():
            found.append(str(path))
        elif index.is_file():
            lines = [line.strip() for line in index.read_text().splitlines() if line.strip()]
            if not lines:
                others = [name for name in SPLIT_FILES if (path / name).is_file() and (path / name).read_text().strip()]
                raise EvaluationError(
                    f"{index} names no sequence: there are none for the {split} split. Not empty: "
                    f"{', '.join(others) or 'none'}. Choose with --split, or make a larger data set."
                )
            found += [str(sequence) for line in lines for sequence in _below(path / line, index)]
        else:
            found += [str(sequence) for sequence in _below(path, path)]
    return found


def _below(folder: Path, named_by: Path) -> list[Path]:
    if not folder.is_dir():
        raise EvaluationError(f"{named_by}: there is no folder {folder}. Correct the path, or complete the data set.")
    if _is_sequence(folder):
        return [folder]
    sequences = sorted(child for child in folder.iterdir() if child.is_dir() and _is_sequence(child))
    if not sequences:
        raise EvaluationError(
            f"{folder} is no sequence, holds none and has no such split; expected folders with {IMAGES} and "
            f"{' or '.join(ANNOTATIONS)}, or a data set's root with train.txt, validation.txt or test.txt."
        )
    return sequences


def _is_sequence(folder: Path) -> bool:
    return (folder / IMAGES).is_dir() and any((folder / name).is_dir() for name in ANNOTATIONS)


def view_sets(text: str, rig: Rig) -> list[tuple[str, ...]]:
    """Return the sets of views to evaluate, the largest first.

    Args:
        text: "" for all views of the rig; "every" for every set of two and more; else sets separated
            by ";", views by ",": "front_left,front_right;back_left,back_right".
        rig: its views.

    Raises:
        EvaluationError: a view that the rig has not.
    """
    if not text:
        return [rig.views]
    if text == "every":
        sizes = range(len(rig.views), 1, -1)
        return [views for size in sizes for views in combinations(rig.views, size)]
    sets = []
    for part in text.split(";"):
        wanted = [view.strip() for view in part.split(",") if view.strip()]
        unknown = [view for view in wanted if view not in rig.views]
        if unknown or not wanted:
            raise EvaluationError(
                f"--views {part!r}: the rig has no view {', '.join(unknown) or 'of this name'}; it has "
                f"{', '.join(rig.views)}. Write for example front_left,front_right;back_left,back_right."
            )
        sets.append(tuple(view for view in rig.views if view in wanted))
    return sets
