"""Images become network input: the exact path to the bit, the reduced one nearly, in memory that is used again."""

import gc
import io
import sys
import threading
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from PIL import Image

from egorear_ros.estimators import preprocessor
from egorear_ros.estimators.base import EstimateError
from egorear_ros.estimators.preprocess import decode, decode_frame, normalise, normalise_into, resize
from egorear_ros.estimators.preprocessor import Preprocessor
from egorear_ros.structures import Frame, FrameSet, Rig

SIZE = 64


def test_normalising_into_memory_is_normalising_to_the_bit() -> None:
    pixels = np.arange(256 * 3, dtype=np.uint32).astype(np.uint8).reshape(16, 16, 3)
    out = np.full((3, 16, 16), np.nan, dtype=np.float32)
    normalise_into(pixels, out)
    np.testing.assert_array_equal(out, normalise(pixels))


@pytest.mark.parametrize(
    ("size", "least_px", "expected"),
    [
        ((872, 872), 0, (872, 872)),
        ((872, 872), 109, (109, 109)),
        ((872, 872), 110, (218, 218)),
        ((872, 872), 128, (218, 218)),
        ((872, 872), 256, (436, 436)),
        ((872, 872), 437, (872, 872)),
        ((100, 100), 128, (100, 100)),
    ],
)
def test_a_jpeg_is_decoded_no_smaller_than_it_is_needed(
    rig: Rig, jpeg: Callable[..., bytes], size: tuple[int, int], least_px: int, expected: tuple[int, int]
) -> None:
    decoded = decode(Frame("front_left", 0, "jpeg", jpeg(size=size)), rig["front_left"].lens, least_px)
    assert decoded.image.size == expected
    assert decoded.image.mode == "RGB"
    assert decoded.size == size, "the camera's, which sizes are compared with"


def test_other_encodings_are_decoded_at_full_size(rig: Rig, jpeg: Callable[..., bytes]) -> None:
    lens, png = rig["front_left"].lens, jpeg(file_format="PNG")
    assert decode(Frame("front_left", 0, "png", png), lens, SIZE).image.size == (872, 872)
    pixels = np.asarray(Image.open(io.BytesIO(png)))
    assert decode(Frame("front_left", 0, "rgb8", pixels), lens, SIZE).image.size == (872, 872)


def test_a_grey_jpeg_becomes_rgb_at_reduced_scale_too(rig: Rig) -> None:
    buffer = io.BytesIO()
    Image.new("L", (872, 872), 77).save(buffer, "JPEG")
    image = decode(Frame("front_left", 0, "jpeg", buffer.getvalue()), rig["front_left"].lens, SIZE).image
    np.testing.assert_array_equal(np.asarray(image), np.full((109, 109, 3), 77))


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.95])
def test_damage_is_found_at_reduced_scale(rig: Rig, jpeg: Callable[..., bytes], kept: float) -> None:
    data = jpeg()
    with pytest.raises(EstimateError, match="front_left: damaged jpeg image"):
        decode(Frame("front_left", 0, "jpeg", data[: int(kept * len(data))]), rig["front_left"].lens, SIZE)


def test_the_exact_path_is_training_s(rig: Rig, frame_set: Callable[..., FrameSet]) -> None:
    frames = frame_set().frames
    inputs = Preprocessor(rig, SIZE)(frames)
    assert inputs.view_mask is None
    for index, view in enumerate(rig.views):
        small = resize(decode_frame(frames[view], rig[view].lens), SIZE)
        np.testing.assert_array_equal(inputs.images[0, index], normalise(small))


def test_the_reduced_path_differs_little(rig: Rig, frame_set: Callable[..., FrameSet]) -> None:
    frames = frame_set().frames
    exact, reduced = Preprocessor(rig, SIZE)(frames), Preprocessor(rig, SIZE, least_jpeg_px=SIZE)(frames)
    difference = np.abs(exact.images - reduced.images)
    one_step = 1 / 255 / 0.225
    assert difference.max() > 0.0, "otherwise nothing was reduced"
    assert difference.mean() < 1.5 * one_step
    assert difference.max() < 20 * one_step


def test_missing_views_are_black_and_masked(rig: Rig, frame_set: Callable[..., FrameSet]) -> None:
    preprocess = Preprocessor(rig, SIZE)
    preprocess.release(preprocess(frame_set().frames))  # the memory is not black
    inputs = preprocess(frame_set(missing=("front_right",)).frames)
    assert inputs.view_mask is not None
    assert inputs.view_mask.tolist() == [[True, False, True, True]]
    np.testing.assert_array_equal(inputs.images[0, 1], normalise(np.zeros((SIZE, SIZE, 3), dtype=np.uint8)))
    assert set(inputs.sizes) == set(rig.views) - {"front_right"}


def test_memory_is_used_again_and_never_twice_at_once(rig: Rig, frame_set: Callable[..., FrameSet]) -> None:
    made: list[np.ndarray] = []

    def make(shape: tuple[int, ...]) -> np.ndarray:
        made.append(np.empty(shape, dtype=np.float32))
        return made[-1]

    frames, preprocess = frame_set().frames, Preprocessor(rig, SIZE, make_buffer=make)
    for _ in range(5):
        inputs = preprocess(frames)
        assert inputs.images is made[0]
        preprocess.release(inputs)
    first, second = preprocess(frames), preprocess(frames)
    assert first.images is not second.images
    preprocess.release(second)
    preprocess.release(first)
    for _ in range(5):
        preprocess.release(preprocess(frames))
    assert len(made) == 2


@pytest.mark.parametrize("in_threads", [True, False])
def test_memory_of_a_set_that_failed_is_used_again(
    rig: Rig, frame_set: Callable[..., FrameSet], jpeg: Callable[..., bytes], in_threads: bool
) -> None:
    preprocess = Preprocessor(rig, SIZE)
    preprocess.in_threads = in_threads
    first = preprocess(frame_set().frames)
    expected = np.array(first.images)
    preprocess.release(first)
    for _ in range(3):
        with pytest.raises(EstimateError, match="front_left: damaged"):
            preprocess(frame_set(front_left=jpeg()[:500]).frames)
    again = preprocess(frame_set().frames)
    assert again.images is first.images
    np.testing.assert_array_equal(again.images, expected)


def test_memory_of_a_set_that_failed_waits_for_its_other_views(
    rig: Rig, frame_set: Callable[..., FrameSet], jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    preprocess, go_on, writing, ended = Preprocessor(rig, SIZE), threading.Event(), threading.Event(), []

    def slow(frame: Frame, *rest: Any) -> Any:
        if frame.view == "back_right":
            writing.set()
            assert go_on.wait(60)
        return decode(frame, *rest)

    def fail() -> None:
        with pytest.raises(EstimateError, match="front_left: damaged"):
            preprocess(frame_set(front_left=jpeg()[:500]).frames)
        ended.append(True)

    monkeypatch.setattr(preprocessor, "decode", slow)
    other = threading.Thread(target=fail)
    other.start()
    assert writing.wait(60)
    other.join(0.2)
    assert not ended, "a view is still being written"
    assert not preprocess._free
    go_on.set()
    other.join(60)
    assert ended
    assert len(preprocess._free) == 1


def test_page_locked_memory_that_cannot_be_had_any_more(
    rig: Rig, frame_set: Callable[..., FrameSet], jpeg: Callable[..., bytes], caplog: pytest.LogCaptureFixture
) -> None:
    lost, asked = False, []

    def make(shape: tuple[int, ...]) -> np.ndarray:
        asked.append(shape)
        if lost:
            raise RuntimeError("CUDA error: device is lost\nmore")
        return np.empty(shape, dtype=np.float32)

    preprocess = Preprocessor(rig, SIZE, make_buffer=make)
    first = preprocess(frame_set().frames)  # is held, so that the next sets need memory of their own
    assert (preprocess.notice, caplog.records) == ("", [])
    lost = True
    with pytest.raises(EstimateError, match="front_left: damaged"):
        preprocess(frame_set(front_left=jpeg()[:500]).frames)
    for _ in range(3):
        np.testing.assert_array_equal(preprocess(frame_set().frames).images, first.images)
    assert len(asked) == 2, "it is not asked for again"
    assert "memory for images cannot be had: CUDA error: device is lost. Ordinary memory is used" in preprocess.notice
    assert len(caplog.records) == 1
    assert preprocess.notice in caplog.text


def test_a_long_run_takes_no_more_memory(rig: Rig, frame_set: Callable[..., FrameSet]) -> None:
    frames, preprocess = frame_set().frames, Preprocessor(rig, SIZE, least_jpeg_px=SIZE)

    def run(count: int) -> int:
        for _ in range(count):
            preprocess.release(preprocess(frames))
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        levels = [run(25) for _ in range(4)]
        # What this process does besides may take something meanwhile; a leak would take 25 * 4 images every time.
        growth = min(later - earlier for earlier, later in pairwise(levels))
        assert growth < SIZE * SIZE * 3  # bytes of one small image
    finally:
        tracemalloc.stop()


def test_views_decode_in_parallel(rig: Rig, jpeg: Callable[..., bytes]) -> None:
    lens, large = rig["front_left"].lens, Frame("front_left", 0, "jpeg", jpeg(size=(4000, 4000)))
    decode(large, lens, SIZE)  # nothing is imported while it counts
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(1000.0)  # from now on threads run only where others let go of the interpreter
    try:
        ran = any(_another_thread_runs_during(lambda: decode(large, lens, SIZE)) for _ in range(20))
    finally:
        sys.setswitchinterval(before_s)
    assert ran


def _another_thread_runs_during(work: Callable[[], object]) -> bool:
    begin, ran = threading.Event(), threading.Event()

    def run() -> None:
        begin.wait()
        ran.set()

    other = threading.Thread(target=run)
    other.start()
    begin.set()
    work()
    during = ran.is_set()
    other.join()
    return during
