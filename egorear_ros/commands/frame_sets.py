"""Frame sets of data sets, for what needs images and no truth: calibration of small integers, benchmarks."""

from collections.abc import Iterator, Sequence

from egorear_ros.config import SourceConfig
from egorear_ros.sources.sequence import SequenceSource, check_sequence, sequence_stems
from egorear_ros.structures import Frame, Rig


def read_frame_sets(paths: Sequence[str], split: str, rig: Rig, count: int) -> Iterator[dict[str, Frame]]:
    """Yield `count` frame sets, or as many as there are, evenly spread over sequences and time.

    Args:
        paths: roots of data sets, sequence folders, or folders of these.
        split: of a data set's root.
        rig: the views to read.
        count: how many.

    Raises:
        EvaluationError: nothing is there.
        SourceError: an image cannot be read.
    """
    for path, indices in choose_frame_sets(paths, split, rig, count).items():
        yield from read_frames(path, indices, rig)


def choose_frame_sets(paths: Sequence[str], split: str, rig: Rig, count: int) -> dict[str, list[int]]:
    """Return which frames to read of which sequence folder; see `read_frame_sets`."""
    from egorear_eval.dataset import find_sequences

    places = [
        (path, index)
        for path in find_sequences(list(paths), split)
        for index in range(len(sequence_stems(check_sequence(path, "calibration", setting=""), rig.views)))
    ]
    chosen: dict[str, list[int]] = {}
    for place in range(min(count, len(places))):
        path, index = places[place * len(places) // min(count, len(places))]
        chosen.setdefault(path, []).append(index)
    return chosen


def read_frames(path: str, indices: Sequence[int], rig: Rig) -> Iterator[dict[str, Frame]]:
    """Yield some frame sets of a sequence folder."""
    config = SourceConfig(kind="sequence", path=path)
    sources = {view: SequenceSource(config, rig, view) for view in rig.views}
    try:
        for source in sources.values():
            source.open()
        for index in indices:
            pictures = {view: source.read(index) for view, source in sources.items()}
            yield {view: Frame(view, 0, picture.encoding, picture.data) for view, picture in pictures.items()}
    finally:
        for source in sources.values():
            source.close()
