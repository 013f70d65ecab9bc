"""Where a report gets the pictures of a frame from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from egorear_eval.clip import EvaluationError
from egorear_ros.config import SourceConfig
from egorear_ros.estimators.base import EstimateError
from egorear_ros.estimators.preprocess import decode_frame
from egorear_ros.sources.base import SourceError
from egorear_ros.sources.sequence import SequenceSource, check_sequence, sequence_stems
from egorear_ros.structures import Frame, Rig

Image = NDArray[np.uint8]


class FrameImages(Protocol):
    """Finds again what the cameras saw.

    Attributes:
        rig: the cameras, for drawing joints into their images. Where it differs among clips, that of the first.
    """

    rig: Rig

    def images(self, clip: str, frame: str) -> Mapping[str, Image]:
        """Return (H, W, 3) RGB images by view; a view without an image of this frame is absent.

        Args:
            clip: name of a `Clip`.
            frame: one of its frames.

        Raises:
            EvaluationError: the clip or the frame is not there, or no longer.
        """
        ...


class SequenceImages:
    """The images of annotated sequence folders, whose clips are named by their paths.

    Args:
        rig: the cameras.
        folders: of clips that are elsewhere now, by the name of the clip.
    """

    def __init__(self, rig: Rig, folders: Mapping[str, str] | None = None) -> None:
        self.rig = rig
        self._folders = folders or {}

    @staticmethod
    def is_sequence(folder: Path) -> bool:
        """Return whether a folder is that of a sequence."""
        try:
            check_sequence(str(folder), "report")
        except SourceError:
            return False
        return True

    def images(self, clip: str, frame: str) -> dict[str, Image]:
        """See `FrameImages.images`."""
        folder = self._folders.get(clip, clip)
        config = SourceConfig(kind="sequence", path=folder)
        try:
            stems = sequence_stems(check_sequence(folder, "report"), self.rig.views)
            if frame not in stems:
                raise EvaluationError(f"{folder}: has no frame {frame} any more. Evaluate it again.")
            return {view: self._read(config, view, stems.index(frame)) for view in self.rig.views}
        except (SourceError, EstimateError) as error:
            raise EvaluationError(f"{clip}, frame {frame}: {error}") from error

    def _read(self, config: SourceConfig, view: str, index: int) -> Image:
        source = SequenceSource(config, self.rig, view)
        source.open()
        try:
            picture = source.read(index)
        finally:
            source.close()
        frame = Frame(view, 0, picture.encoding, picture.data)
        return np.asarray(decode_frame(frame, self.rig[view].lens))
