"""Finds the recording or the sequences of a run again, for the pictures of its report."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egorear_eval.clip import Clip, EvaluationError, load_clips
from egorear_eval.provenance import RIG_FILE
from egorear_eval.recording_images import RecordingImages
from egorear_eval.report.images import FrameImages, SequenceImages
from egorear_eval.report.results import load_facts
from egorear_eval.track import ESTIMATES_FILE, load_view_stamps
from egorear_ros.bags.bag import open_bag
from egorear_ros.bags.base import BagError
from egorear_ros.bags.views import rig_topics
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.structures import Rig


@dataclass(frozen=True)
class Found:
    """What came of the search.

    Attributes:
        images: the pictures; None: there are none.
        words: where they are from, or why there are none.
    """

    images: FrameImages | None
    words: str


@dataclass(frozen=True)
class _Run:
    """A folder of results, as far as pictures need it."""

    folder: Path
    facts: Mapping[str, Any]
    clips: Sequence[Clip]
    rig: Rig

    def place(self, name: str) -> Path:
        """Return where a file was that the run named, seen from the folder that the run was started in."""
        return Path(str(self.facts.get("folder", ""))) / Path(name).expanduser()


@contextmanager
def find_images(folder: Path, bag: Path | None = None, dataset: Path | None = None) -> Iterator[Found]:
    """Find the pictures of a run; a recording is open as long as the context lasts.

    Args:
        folder: of the results.
        bag: where the recording is; None: where it was when it was evaluated.
        dataset: a folder that the sequences are in, however deep, or that is the sequence; None: where they were.

    Raises:
        EvaluationError: the results are damaged, or `bag` or `dataset` is not what was evaluated. What is no
            longer at its old place raises nothing: the words say so.
        BagError: `bag` is no recording.
        CalibrationError: the rig beside the results is damaged.
    """
    run = _load_run(folder)
    of_recording = "recording" in run.facts
    if (bag if not of_recording else dataset) is not None:
        option, other = ("--dataset", "--bag") if of_recording else ("--bag", "--dataset")
        kind = "a recording" if of_recording else "data sets"
        raise EvaluationError(f"{folder} holds the results of {kind}. Use {other} instead of {option}.")
    with ExitStack() as stack:
        yield _of_recording(run, bag, stack) if of_recording else _of_sequences(run, dataset)


def _load_run(folder: Path) -> _Run:
    clips = [clip for clip in load_clips(folder) if len(clip)]
    path = folder / RIG_FILE
    if not path.is_file():
        raise EvaluationError(f"{path} is missing: the cameras of the run. Evaluate again, or use --no-pictures.")
    return _Run(folder, load_facts(folder), clips, load_rig(str(path)))


def _of_recording(run: _Run, bag: Path | None, stack: ExitStack) -> Found:
    if bag is not None:
        return Found(_open_recording(run, bag, stack), f"Pictures of {bag}.")
    facts = run.facts["recording"]
    place = run.place(str(facts.get("path", "")))
    if not place.exists():
        return Found(None, f"No pictures: there is no recording {place} any more. --bag says where it is.")
    try:
        return Found(_open_recording(run, place, stack), f"Pictures of {place}.")
    except (BagError, EvaluationError) as error:
        return Found(None, f"No pictures: {error} --bag says where the recording is.")


def _open_recording(run: _Run, place: Path, stack: ExitStack) -> RecordingImages:
    """Open a recording and see that it has the images of the run's first frame."""
    facts = run.facts["recording"]
    what_if = facts.get("what_if") or {}
    bag = stack.enter_context(open_bag(place, run.facts.get("remap")))
    topics = rig_topics(bag.topics, facts.get("namespace"), run.rig.views)
    stamps_ns = load_view_stamps(run.folder / ESTIMATES_FILE)
    images = RecordingImages(bag, topics, run.rig, stamps_ns, float(what_if.get("noise", 0.0)))
    for clip in run.clips[:1]:
        if not images.images(clip.name, clip.frames[0]):
            raise EvaluationError(
                f"{place} has no image of {clip.frames[0]} ns, the first moment in {run.folder}: "
                "it is another recording."
            )
    return images


def _of_sequences(run: _Run, dataset: Path | None) -> Found:
    """Find the sequence folders of the clips, which are named by their paths."""
    found: dict[str, str] = {}
    for clip in run.clips:
        name = Path(clip.name).expanduser()
        places = [run.place(clip.name)] if dataset is None else [dataset / ending for ending in _endings(name)]
        if dataset is not None and len(run.clips) == 1:
            places.append(dataset)
        place = next((place for place in places if SequenceImages.is_sequence(place)), None)
        if place is not None:
            found[clip.name] = str(place)
    if found:
        some = "" if len(found) == len(run.clips) else f" {len(found)} of {len(run.clips)} sequences are there."
        return Found(SequenceImages(run.rig, found), f"Pictures of {dataset or 'the evaluated sequences'}.{some}")
    first = run.clips[0].name if run.clips else "none"
    if dataset is not None:
        raise EvaluationError(
            f"{dataset} holds none of the {len(run.clips)} sequences of {run.folder}, the first of which is {first}. "
            "Name a folder above them."
        )
    return Found(None, f"No pictures: {first} is not there any more. --dataset says where the sequences are.")


def _endings(path: Path) -> Iterator[Path]:
    """Yield a path without its first, its first two, ... folders; the longest first."""
    parts = path.parts[1:] if path.is_absolute() else path.parts
    for begin in range(len(parts)):
        yield Path(*parts[begin:])
