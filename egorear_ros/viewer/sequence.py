"""Moments of a sequence of a data set."""

from collections.abc import Iterator
from pathlib import Path

from egorear_ros.config import SourceConfig
from egorear_ros.sources.base import SourceError
from egorear_ros.sources.sequence import SequenceSource, check_sequence, sequence_stems
from egorear_ros.sources.truth import SequenceTruth
from egorear_ros.structures import FloatArray, Frame, FrameSet, Rig
from egorear_ros.viewer.frame import Moment, Thinner
from egorear_ros.viewer.library import ViewError


class SequenceMoments:
    """A sequence folder in Ego4View's layout; see `Moments`.

    Args:
        folder: the sequence.
        rig: its cameras.
        source_hz: frames per second at which it was recorded.
        shown_hz: most frames per second to show; 0: all.

    Raises:
        SourceError: it is no sequence, or lacks a view.
    """

    clock = False

    def __init__(self, folder: Path, rig: Rig, source_hz: float, shown_hz: float) -> None:
        self._config = SourceConfig(kind="sequence", path=str(folder), rate_hz=source_hz)
        self._stems = sequence_stems(check_sequence(str(folder), "view", setting=""), rig.views)
        self._shown = Thinner(shown_hz)
        self._sources = {view: SequenceSource(self._config, rig, view) for view in rig.views}
        self._truth = self._open_truth(rig)
        self.rig = rig
        self.title = folder.absolute().name
        self.remarks: list[str] = []
        if self._truth is None:
            self.remarks.append(f"{folder} has no ground truth.")

    @property
    def has_truth(self) -> bool:
        """Whether there are annotations."""
        return self._truth is not None

    def __len__(self) -> int:
        """Return the number of frames, shown or not."""
        return len(self._stems)

    def __iter__(self) -> Iterator[Moment]:
        """Yield moments; see `Moments`."""
        if not self._stems:
            raise ViewError(f"{self._config.path} has no frames to show.")
        try:
            for source in self._sources.values():
                source.open()
            for index in range(len(self._stems)):
                stamp_ns = round(index * 1e9 / self._config.rate_hz)
                if self._shown(stamp_ns):
                    yield self._moment(index, stamp_ns)
        finally:
            for source in self._sources.values():
                source.close()

    def _moment(self, index: int, stamp_ns: int) -> Moment:
        frames = {}
        for view, source in self._sources.items():
            try:
                picture = source.read(index)
            except SourceError as error:
                self.remarks.append(str(error))
                continue
            frames[view] = Frame(view, stamp_ns, picture.encoding, picture.data)
        return Moment(stamp_ns, FrameSet(stamp_ns, self.rig.views, frames), truth=self._true_joints(index))

    def _open_truth(self, rig: Rig) -> SequenceTruth | None:
        try:
            return SequenceTruth(self._config, rig)
        except SourceError:
            return None

    def _true_joints(self, index: int) -> FloatArray | None:
        if self._truth is None:
            return None
        try:
            return self._truth.joints_device(index)
        except SourceError as error:
            self.remarks.append(str(error))
            return None
