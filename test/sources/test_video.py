"""Video files whose frames carry their number as black and white columns."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from egorear_ros.config import SourceConfig
from egorear_ros.sources.base import EndOfSource, SourceError, SourceLost
from egorear_ros.sources.video import VideoSource
from egorear_ros.structures import Rig

BITS = 8


def write_video(
    path: Path,
    count: int = 40,
    rate: int | Fraction = 30,
    codec: str = "libx264",
    size: tuple[int, int] = (64, 48),
    skip: tuple[int, ...] = (),
) -> None:
    """Frame n shows n in binary; a key frame every 12, B-frames between where the codec has them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.gop_size = 12
        stream.codec_context.thread_count = 2  # or the file would depend on the machine's cores
        for number in range(count):
            if number in skip:
                continue
            columns = np.repeat([255 * (number >> bit & 1) for bit in range(BITS)], size[0] // BITS)
            pixels = np.tile(columns[None, :, None].astype(np.uint8), (size[1], 1, 3))
            frame = av.VideoFrame.from_ndarray(pixels, format="bgr24")
            frame.pts, frame.time_base = number, 1 / Fraction(rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def opened(path: Path | str, rig: Rig, view: str = "front_left", **config: object) -> VideoSource:
    source = VideoSource(SourceConfig(kind="video", path=str(path), **config), rig, view)  # type: ignore[arg-type]
    source.open()
    return source


def number_at(source: VideoSource, tick: int) -> int:
    picture = source.read(tick)
    assert picture.encoding == "bgr8"
    assert isinstance(picture.data, np.ndarray)
    assert picture.data.dtype == np.uint8
    bits = picture.data.mean(axis=(0, 2)).reshape(BITS, -1).mean(axis=1) > 128
    return int(sum(1 << bit for bit in range(BITS) if bits[bit]))


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [("mp4", "libx264"), ("mkv", "libx264"), ("ts", "libx264"), ("avi", "mjpeg"), ("webm", "libvpx")],
)
def test_every_tick_has_its_frame_in_any_order(tmp_path: Path, rig: Rig, suffix: str, codec: str) -> None:
    write_video(tmp_path / f"a.{suffix}", codec=codec)
    source = opened(tmp_path / f"a.{suffix}", rig)
    start = 40 * 10**9
    ticks = [0, 1, 2, 30, 29, 5, 5, 39, 40, 41, 79, 12, 11, 13, 80]
    assert [number_at(source, start + tick) for tick in ticks] == [tick % 40 for tick in ticks]


@pytest.mark.parametrize(
    ("rate", "rate_hz", "expected"),
    [(30, 15.0, [0, 2, 4, 6, 8, 10]), (15, 30.0, [0, 0, 1, 1, 2, 2]), (Fraction(30000, 1001), 30.0, [*range(6)])],
)
def test_video_plays_at_its_own_speed(
    tmp_path: Path, rig: Rig, rate: int | Fraction, rate_hz: float, expected: list[int]
) -> None:
    write_video(tmp_path / "a.mp4", rate=rate)
    source = opened(tmp_path / "a.mp4", rig, rate_hz=rate_hz, loop=False)
    numbers = [number_at(source, tick) for tick in range(6)]
    assert all(abs(got - wanted) <= (rate_hz > rate) for got, wanted in zip(numbers, expected, strict=True))
    assert numbers == sorted(numbers)


def test_playing_once_shows_the_last_frame_and_ends(tmp_path: Path, rig: Rig) -> None:
    write_video(tmp_path / "a.mp4")
    source = opened(tmp_path / "a.mp4", rig, loop=False)
    assert [number_at(source, 1000 + tick) for tick in range(40)] == list(range(40))
    with pytest.raises(EndOfSource):
        source.read(1040)


def test_views_loop_together_where_one_video_is_longer(tmp_path: Path, rig: Rig) -> None:
    for view, count in (("front_left", 40), ("front_right", 37)):
        write_video(tmp_path / f"clip-{view}.mp4", count)
    left, right = (opened(tmp_path / "clip-{view}.mp4", rig, view) for view in ("front_left", "front_right"))
    for tick in (0, 36, 37, 1000):
        assert number_at(left, tick) == number_at(right, tick) == tick % 37


def test_key_frame_before_a_far_tick_is_sought(tmp_path: Path, rig: Rig) -> None:
    write_video(tmp_path / "a.mp4", count=60, rate=5)
    source = opened(tmp_path / "a.mp4", rig, rate_hz=5.0)
    assert [number_at(source, tick) for tick in (0, 50, 3, 59)] == [0, 50, 3, 59]


def test_gap_in_the_video_is_an_error_at_its_time_only(tmp_path: Path, rig: Rig) -> None:
    write_video(tmp_path / "a.mkv", skip=tuple(range(20, 30)))
    source = opened(tmp_path / "a.mkv", rig)
    assert number_at(source, 19) == 19
    with pytest.raises(SourceError, match=r"front_left: .*a\.mkv has no frame at 0\.833 s of its 1\.333 s"):
        source.read(25)
    assert number_at(source, 30) == 30


def test_video_cut_off_plays_up_to_the_cut(tmp_path: Path, rig: Rig) -> None:
    write_video(tmp_path / "a.mkv", codec="mjpeg", size=(640, 480))
    whole = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "a.mkv").write_bytes(whole[: len(whole) // 2])
    source = opened(tmp_path / "a.mkv", rig)
    assert number_at(source, 5) == 5
    with pytest.raises(SourceError, match="damaged or was cut off"):
        source.read(38)
    assert number_at(source, 45) == 5


@pytest.mark.parametrize(("suffix", "codec"), [("mkv", "mjpeg"), ("mp4", "libx264"), ("mkv", "libx264")])
def test_damage_in_the_middle_is_an_error_and_never_a_wrong_frame(
    tmp_path: Path, rig: Rig, suffix: str, codec: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    write_video(path, codec=codec, size=(640, 480))
    content = bytearray(path.read_bytes())
    for position in range(len(content) * 45 // 100, len(content) * 55 // 100):
        content[position] = position * 7919 & 255
    path.write_bytes(content)
    source = opened(path, rig)
    missing = []
    for tick in range(40):
        try:
            assert number_at(source, tick) == tick
        except SourceError:
            missing.append(tick)
    assert 0 < len(missing) < 30
    assert number_at(source, 39) == 39


def test_avi_without_display_times_is_refused(tmp_path: Path, rig: Rig) -> None:
    write_video(tmp_path / "a.avi")
    with pytest.raises(SourceError, match=r"AVI file with B-frames.*ffmpeg -i a\.avi a\.mp4"):
        opened(tmp_path / "a.avi", rig)


@pytest.mark.parametrize("content", [b"", b"no video", "half"])
def test_unreadable_file(tmp_path: Path, rig: Rig, content: bytes | str) -> None:
    path = tmp_path / "a.mp4"
    write_video(path)
    path.write_bytes(content if isinstance(content, bytes) else path.read_bytes()[:1000])
    with pytest.raises(SourceError, match=r"front_left: .*a\.mp4: FFmpeg cannot open it.*copy it again"):
        opened(path, rig)


def test_wrong_paths(tmp_path: Path, rig: Rig) -> None:
    with pytest.raises(SourceError, match="source.path is empty"):
        opened("", rig)
    with pytest.raises(SourceError, match=r"clip-front_left\.mp4: there is no such file"):
        opened(tmp_path / "clip-{view}.mp4", rig)
    write_video(tmp_path / "x.mp4")
    with pytest.raises(SourceError, match=r"is a folder; expected a video file. It has: x\.mp4.*\{view\}"):
        opened(tmp_path, rig)


def test_file_without_video(tmp_path: Path, rig: Rig) -> None:
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(SourceError, match="has no video stream"):
        opened(tmp_path / "a.wav", rig)


def test_stream_without_length_says_how_to_get_one(tmp_path: Path, rig: Rig) -> None:
    write_video(tmp_path / "a.mjpeg", codec="mjpeg")
    with pytest.raises(SourceError, match=r"does not say how long.*ffmpeg -i a\.mjpeg -c copy a\.mkv"):
        opened(tmp_path / "a.mjpeg", rig)


def test_wrong_aspect_ratio(tmp_path: Path, rig: Rig) -> None:
    write_video(tmp_path / "a.mp4", size=(64, 64))
    with pytest.raises(SourceError, match=r"a\.mp4 is 64x64 px but calib/small.yaml calibrates 64x48"):
        opened(tmp_path / "a.mp4", rig)


def test_close_twice_open_again(tmp_path: Path, rig: Rig) -> None:
    write_video(tmp_path / "a.mp4")
    source = opened(tmp_path / "a.mp4", rig)
    source.close()
    source.close()
    with pytest.raises(SourceLost):
        source.read(0)
    source.open()
    assert number_at(source, 3) == 3
