"""The thread of a camera node: takes pictures from a source, and gets a lost source back."""

from collections.abc import Callable
from enum import Enum
from threading import Event, Thread
from typing import Protocol

from egorear_ros.config import SourceConfig
from egorear_ros.nodes.clock_offset import ClockOffset
from egorear_ros.nodes.pacer import Pacer
from egorear_ros.sources.base import EndOfSource, Picture, Source, SourceError, SourceLost

LONGEST_REOPEN_S = 30.0
PAUSE_S = 0.02
"""After a damaged picture of a live device, so that one that fails at once does not take a whole core."""


class CaptureState(Enum):
    """What the thread is doing."""

    RUNNING = "running"
    LOST = "lost"
    FINISHED = "finished"


class Listener(Protocol):
    """Whom the thread tells; all calls come from the thread."""

    def on_picture(self, picture: Picture, stamp_ns: int) -> None:
        """Take one picture, exposed at `stamp_ns` on the ROS clock."""

    def on_damaged(self, error: Exception) -> None:
        """One picture could not be had or used; the next may be fine."""

    def on_lost(self, error: SourceError, wait_s: float) -> None:
        """The source is gone; it will be opened again after `wait_s`."""

    def on_back(self) -> None:
        """The source works again."""

    def on_finished(self) -> None:
        """There are no more pictures."""


class Capture:
    """Reads an open source in a thread of its own until `stop`.

    Publishing from this thread, and not from an executor's, keeps the frame rate that the device has.

    Args:
        source: open.
        config: its `rate_hz` and `reopen_s` are used.
        listener: see `Listener`.
        pacer: ticks for paced sources.
        offset: stamps for live ones.
        now_ns: the ROS clock, ns.
        name: of the thread.
    """

    def __init__(
        self,
        source: Source,
        config: SourceConfig,
        listener: Listener,
        pacer: Pacer,
        offset: ClockOffset,
        now_ns: Callable[[], int],
        name: str,
    ) -> None:
        self.state = CaptureState.RUNNING
        self.problem = ""
        self._source, self._config, self._listener = source, config, listener
        self._pacer, self._offset, self._now_ns = pacer, offset, now_ns
        self._stop = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the source."""
        self._stop.set()
        self._thread.join()
        self._source.close()

    def _run(self) -> None:
        take = self._take_paced if self._source.paced else self._take_live
        while not self._stop.is_set():
            try:
                take()
            except EndOfSource:
                self.state = CaptureState.FINISHED
                self._listener.on_finished()
                return
            except SourceLost as error:
                self._reopen(error)
            except Exception as error:  # noqa: BLE001 -- a fault in one picture must not end the camera
                self._listener.on_damaged(error)
                if not self._source.paced:
                    self._stop.wait(PAUSE_S)

    def _take_paced(self) -> None:
        """Prepare the picture of the next tick, so that it goes out at its stamp like a camera's."""
        tick = self._pacer.next(self._stop)
        if tick is None:
            return
        picture = self._source.read(tick)
        if self._pacer.reach(tick, self._stop):
            self._listener.on_picture(picture, tick * self._pacer.period_ns)

    def _take_live(self) -> None:
        picture = self._source.read(0)
        exposed_ns = picture.monotonic_ns
        stamp_ns = self._now_ns() if exposed_ns is None else self._offset.ros_stamp_ns(exposed_ns)
        if not self._stop.is_set():
            self._listener.on_picture(picture, stamp_ns)

    def _reopen(self, error: SourceError) -> None:
        self.state, self.problem = CaptureState.LOST, str(error)
        wait_s = self._config.reopen_s
        self._source.close()
        self._listener.on_lost(error, wait_s)
        while not self._stop.wait(wait_s):
            try:
                self._source.open()
            except SourceError as again:
                self.problem = str(again)
                wait_s = min(2 * wait_s, LONGEST_REOPEN_S)
                continue
            self.state, self.problem = CaptureState.RUNNING, ""
            self._listener.on_back()
            return
