"""Video files, one per view, decoded with FFmpeg (PyAV)."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from egorear_ros.config import SourceConfig
from egorear_ros.sources.base import Picture, SourceError, SourceLost
from egorear_ros.sources.folder import name_some
from egorear_ros.sources.image_size import SizeCheck
from egorear_ros.sources.pacing import Pacing
from egorear_ros.structures import Rig

SEEK_BEYOND_S = 2.0
"""A frame this far ahead is sought; a nearer one is reached by decoding."""


class VideoSource:
    """Play one view's video at its own speed, whatever rate is asked for.

    `path` is a file; `{view}` in it stands for the view's name. All files that this names play
    for as long as the shortest of them, so that views stay together when they loop.

    Args:
        config: `path`, `rate_hz`, `loop`, `start_s`, `width` and `height` are used.
        rig: the calibrated rig.
        view: one of its views.
    """

    paced = True

    def __init__(self, config: SourceConfig, rig: Rig, view: str) -> None:
        self._template = config.path
        self._views = rig.views
        self._view = view
        self._size = SizeCheck(config, rig, view)
        self._pacing = Pacing(config)
        self._video: Video | None = None
        self._ticks = 0

    def open(self) -> None:
        """Open the file, and look at those of the other views for their length.

        Raises:
            SourceError: missing, unreadable, without video or length, or of the wrong size.
        """
        self.close()
        if not self._template:
            raise SourceError(f"{self._view}: source.path is empty; expected a video file.")
        video = Video(self._path(self._view), self._view)
        try:
            self._size.check(video.width, video.height, str(video.path))
            duration = min([video.duration, *self._other_durations()])
        except SourceError:
            video.close()
            raise
        self._ticks = max(1, round(duration * 1_000_000_000 / self._pacing.period_ns))
        self._video = video

    def read(self, tick: int) -> Picture:
        """Return the image of a tick as bgr8.

        Raises:
            SourceError: the video has no intact frame at that time.
            SourceLost: the source is not open.
            EndOfSource: the video is over and `loop` is off.
        """
        if self._video is None:
            raise SourceLost(f"{self._view}: the source is not open. Call open() first.")
        index = self._pacing.frame(tick, self._ticks)
        frame = self._video.frame_at(Fraction(index * self._pacing.period_ns, 1_000_000_000))
        return Picture("bgr8", np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8))

    def close(self) -> None:
        """Close the file."""
        if self._video is not None:
            self._video.close()
        self._video = None

    def _path(self, view: str) -> Path:
        return Path(self._template.replace("{view}", view)).expanduser()

    def _other_durations(self) -> Iterator[Fraction]:
        for view in self._views:
            if view != self._view and "{view}" in self._template and self._path(view).is_file():
                video = Video(self._path(view), view)
                video.close()
                yield video.duration


class Video:
    """A video file whose frames are asked for by time.

    Args:
        path: the file.
        view: named in errors.

    Raises:
        SourceError: missing, unreadable, or without video, length or frame rate.
    """

    def __init__(self, path: Path, view: str) -> None:
        self.path = path
        self._view = view
        self._container, self._stream = _open(path, view)
        self.width = self._stream.codec_context.width
        self.height = self._stream.codec_context.height
        try:
            self.duration, self._period = self._read_length()
        except SourceError:
            self.close()
            raise
        self._start = Fraction(self._stream.start_time or 0) * self._time_base
        self._frames: Iterator[VideoFrame] = iter(())
        self._current: VideoFrame | None = None
        self._next: VideoFrame | None = None

    def frame_at(self, time: Fraction) -> VideoFrame:
        """Return the frame nearest to a time since the video's beginning, s.

        Raises:
            SourceError: none is within a frame period.
        """
        if self._current is None or not 0 <= time - self._time(self._current) + self._period / 2 < SEEK_BEYOND_S:
            self._seek(time)
        while self._next is not None and self._time(self._next) - self._period / 2 <= time:
            self._current, self._next = self._next, next(self._frames, None)
        if self._current is None or abs(self._time(self._current) - time) > self._period * Fraction(9, 10):
            last = "none" if self._current is None else f"{float(self._time(self._current)):.3f} s"
            raise SourceError(
                f"{self._view}: {self.path} has no frame at {float(time):.3f} s of its {float(self.duration):.3f} s "
                f"(the nearest is {last}). It is damaged or was cut off; copy or record it again."
            )
        return self._current

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    @property
    def _time_base(self) -> Fraction:
        return self._stream.time_base or Fraction(1, av.time_base)

    def _read_length(self) -> tuple[Fraction, Fraction]:
        """Return duration and mean frame period, s."""
        if self._stream.duration is not None:
            duration = self._stream.duration * self._time_base
        else:
            duration = Fraction(self._container.duration or 0, av.time_base)
        rate = self._stream.average_rate or self._stream.guessed_rate
        if duration <= 0 or not rate:
            raise SourceError(
                f"{self._view}: {self.path} does not say how long it is or how fast. "
                f"Put it into a container that does: ffmpeg -i {self.path.name} -c copy {self.path.stem}.mkv"
            )
        return duration, 1 / Fraction(rate)

    def _time(self, frame: VideoFrame) -> Fraction:
        if frame.pts is None:
            raise SourceError(f"{self._view}: {self.path} has frames without time. Convert it: ffmpeg -i ... .mp4")
        return frame.pts * self._time_base - self._start

    def _seek(self, time: Fraction) -> None:
        """Decode from the last key frame before a time; from the beginning where the file cannot seek."""
        self._container.seek(int((time + self._start) / self._time_base), stream=self._stream)
        self._begin()
        if self._current is None or self._time(self._current) - self._period / 2 > time:
            self._container.close()
            self._container, self._stream = _open(self.path, self._view)
            self._begin()

    def _begin(self) -> None:
        self._frames = self._decode()
        self._current, self._next = next(self._frames, None), next(self._frames, None)

    def _decode(self) -> Iterator[VideoFrame]:
        """Yield whole frames in order of time; after a damaged one, those from the next key frame on."""
        damaged = False
        for packet in self._container.demux(self._stream):
            damaged = damaged and not packet.is_keyframe
            if damaged:
                continue
            try:
                yield from (frame for frame in packet.decode() if not frame.is_corrupt)
            except av.error.InvalidDataError:
                damaged = True
                self._stream.codec_context.flush_buffers()


def _open(path: Path, view: str) -> tuple[InputContainer, VideoStream]:
    if path.is_dir():
        inside = name_some(sorted(child.name for child in path.iterdir()))
        raise SourceError(
            f"{view}: {path} is a folder; expected a video file. It has: {inside}. "
            "Set source.path to a file; {view} in it stands for the view's name."
        )
    try:
        container = av.open(str(path))
    except av.error.FFmpegError as error:
        reason = "there is no such file" if not path.exists() else f"FFmpeg cannot open it ({error.strerror})"
        hint = "Correct source.path." if not path.exists() else "It is no video or was cut off; copy it again."
        raise SourceError(f"{view}: {path}: {reason}. {hint}") from error
    if not container.streams.video:
        container.close()
        raise SourceError(f"{view}: {path} has no video stream. Correct source.path.")
    stream = container.streams.video[0]
    if container.format.name == "avi" and stream.codec_context.has_b_frames:
        container.close()
        raise SourceError(
            f"{view}: {path} is an AVI file with B-frames, which cannot say when they are to be shown. "
            f"Convert it: ffmpeg -i {path.name} {path.stem}.mp4"
        )
    stream.codec_context.options = {"err_detect": "explode"}  # an error, not a patched-up picture
    return container, stream
