"""What every image source offers to the camera node."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class SourceError(RuntimeError):
    """A source cannot deliver: it says what was asked of it, what was found and what to do next."""


class SourceLost(SourceError):
    """A source that worked stopped working (unplugged, file vanished); opening it again may help."""


class EndOfSource(Exception):
    """A source that does not loop has no more images."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One image as its source gives it.

    Attributes:
        encoding: as `structures.Frame.encoding`.
        data: as `structures.Frame.data`.
        monotonic_ns: moment of exposure on CLOCK_MONOTONIC for live devices; None when the
            source is paced, because then the node's clock decides.
    """

    encoding: str
    data: bytes | NDArray[np.uint8]
    monotonic_ns: int | None = None


class Source(Protocol):
    """One view's images.

    A paced source is asked for tick `tick` shortly before its time: ticks count frame periods since
    the clock's epoch, so that the views of one rig, also in separate processes, show the same moment.
    A live source ignores `tick` and blocks until the device has an image.
    """

    paced: bool

    def open(self) -> None:
        """Acquire files or the device.

        Raises:
            SourceError: it is missing, unreadable, busy, or of the wrong size.
        """

    def read(self, tick: int) -> Picture:
        """Return the image of a tick (paced) or the next one (live).

        Raises:
            SourceLost: the device or file went away; `open` may work later.
            SourceError: this image is damaged; the next one may be fine.
            EndOfSource: there are no more images.
        """

    def close(self) -> None:
        """Release everything; may be called twice."""
