"""Preprocessing on a device, on the CPU's device where there is no GPU: the same input, in memory used again."""

import gc
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from egorear_ros.estimators.base import EstimateError
from egorear_ros.estimators.gpu_preprocessor import GpuPreprocessor
from egorear_ros.estimators.nvimgcodec import NvImageDecoder
from egorear_ros.estimators.preprocess import decode_frame, normalise, resize
from egorear_ros.estimators.preprocessor import NetworkInput, Preprocessor
from egorear_ros.structures import Frame, FrameSet, Rig

SIZE = 64
ONE_LEVEL = 1 / 255 / 0.224
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)]


def array(inputs: NetworkInput) -> np.ndarray:
    assert not isinstance(inputs.images, np.ndarray)
    return inputs.images.array()


def assert_alike(found: np.ndarray, expected: np.ndarray) -> None:
    """Assert that two inputs are equal but for rare ties of rounding."""
    difference = np.abs(found - expected)
    assert difference.max() <= 1.001 * ONE_LEVEL
    assert (difference > 1e-5).mean() < 1e-3


@pytest.mark.parametrize("device", DEVICES)
def test_as_on_the_cpu(device: str, rig: Rig, frame_set: Callable[..., FrameSet], jpeg: Callable[..., bytes]) -> None:
    for frames in (frame_set(), frame_set(back_left=jpeg(7, (436, 436))), frame_set(missing=("front_right",))):
        found = GpuPreprocessor(rig, SIZE, torch.device(device))(frames.frames)
        expected = Preprocessor(rig, SIZE)(frames.frames)
        assert_alike(array(found), np.asarray(expected.images))
        np.testing.assert_equal(found.view_mask, expected.view_mask)
        assert found.sizes == expected.sizes
        assert list(found.timings_s) == ["decode", "preprocess"]


def test_reduced_jpegs_and_one_thread(rig: Rig, frame_set: Callable[..., FrameSet]) -> None:
    frames, preprocess = frame_set().frames, GpuPreprocessor(rig, SIZE, torch.device("cpu"), least_jpeg_px=SIZE)
    expected = np.asarray(Preprocessor(rig, SIZE, least_jpeg_px=SIZE)(frames).images)
    assert_alike(array(preprocess(frames)), expected)
    preprocess.in_threads = False
    assert_alike(array(preprocess(frames)), expected)


def address(inputs: NetworkInput) -> int:
    assert not isinstance(inputs.images, np.ndarray)
    return inputs.images.tensor.data_ptr()


@pytest.mark.parametrize("device", DEVICES)
def test_memory_is_used_again_and_never_twice_at_once(
    device: str, rig: Rig, frame_set: Callable[..., FrameSet]
) -> None:
    frames, preprocess = frame_set().frames, GpuPreprocessor(rig, SIZE, torch.device(device))

    first, second = preprocess(frames), preprocess(frames)
    places = {address(first), address(second)}
    assert len(places) == 2
    preprocess.release(first)
    preprocess.release(second)
    for _ in range(4):
        inputs = preprocess(frames)
        assert address(inputs) in places
        preprocess.release(inputs)


def test_memory_of_sets_that_failed_later_goes_with_them(rig: Rig, frame_set: Callable[..., FrameSet]) -> None:
    frames, preprocess = frame_set().frames, GpuPreprocessor(rig, SIZE, torch.device("cpu"))
    made = preprocess(frames).images
    assert not isinstance(made, np.ndarray)
    ghost = weakref.ref(made.tensor)
    del made
    gc.collect()
    assert ghost() is None


def test_damage_names_its_camera_and_the_next_set_is_fine(
    rig: Rig, frame_set: Callable[..., FrameSet], jpeg: Callable[..., bytes]
) -> None:
    preprocess = GpuPreprocessor(rig, SIZE, torch.device("cpu"))
    with pytest.raises(EstimateError, match="back_left: damaged jpeg"):
        preprocess(frame_set(back_left=jpeg()[:3000]).frames)
    frames = frame_set().frames
    made = preprocess(frames)
    assert_alike(array(made), np.asarray(Preprocessor(rig, SIZE)(frames).images))
    place = address(made)
    preprocess.release(made)
    with pytest.raises(EstimateError, match="front_left: damaged jpeg"):
        preprocess(frame_set(front_left=jpeg()[:3000]).frames)
    assert address(preprocess(frames)) == place, "its memory is used again"


def test_several_threads(rig: Rig, frame_set: Callable[..., FrameSet], jpeg: Callable[..., bytes]) -> None:
    preprocess, found = GpuPreprocessor(rig, SIZE, torch.device("cpu")), {}
    sets = [frame_set(front_left=jpeg(20 + seed)).frames for seed in range(4)]

    def work(number: int) -> None:
        inputs = preprocess(sets[number])
        found[number] = array(inputs).copy()
        preprocess.release(inputs)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, frames in enumerate(sets):
        assert_alike(found[number], np.asarray(Preprocessor(rig, SIZE)(frames).images))


class Codec(SimpleNamespace):
    """As much of nvImageCodec as is used; decodes black images of one grey, some not at all."""

    def __init__(self, refused: Sequence[bytes] = ()) -> None:
        self.asked: list[bytes] = []
        self.options: dict[str, Any] = {}

        def decode(streams: list[bytes], **_: Any) -> list[torch.Tensor | None]:
            self.asked += streams
            grey = torch.full((872, 872, 3), 100, dtype=torch.uint8)
            return [None if stream in refused else grey for stream in streams]

        def make(**options: Any) -> SimpleNamespace:
            self.options = options
            return SimpleNamespace(decode=decode)

        super().__init__(
            Decoder=make,
            CodeStream=lambda data: data,
            DecodeParams=lambda **options: options,
            ColorSpec=SimpleNamespace(SRGB=1),
        )


@pytest.fixture
def codec(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Codec]:
    def install(*refused: bytes) -> Codec:
        made = Codec(refused)
        monkeypatch.setitem(sys.modules, "nvidia", SimpleNamespace(nvimgcodec=made))
        return made

    return install


def test_jpegs_are_decoded_by_nvimagecodec_and_the_rest_by_the_processor(
    codec: Callable[..., Codec],
    rig: Rig,
    frame_set: Callable[..., FrameSet],
    jpeg: Callable[..., bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = frame_set(front_right=jpeg(5) + 64 * b"\0").frames
    frames = dict(made)
    frames["back_left"] = Frame("back_left", 0, "png", jpeg(9, file_format="PNG"))
    refused = made["back_right"].data
    library = codec(refused)
    decoder = NvImageDecoder(torch.device("cuda", 3))
    assert library.options["device_id"] == 3
    for _ in range(2):
        found = array(GpuPreprocessor(rig, SIZE, torch.device("cpu"), decoder=decoder)(frames))
    assert len(library.asked) == 2 * 3, "the PNG is none of its business, what is padded with zeros is"
    grey = normalise(np.full((SIZE, SIZE, 3), 100, dtype=np.uint8))
    for index, view in enumerate(rig.views):
        expected = grey
        if view in ("back_left", "back_right"):
            expected = normalise(resize(decode_frame(frames[view], rig[view].lens), SIZE))
        assert_alike(found[0, index], expected)
    said = [record.getMessage() for record in caplog.records]
    assert said == ["back_right: nvImageCodec cannot decode this camera's JPEGs; the processor does."], "once"


def test_damage_and_other_shapes_are_found_before_nvimagecodec_sees_them(
    codec: Callable[..., Codec], rig: Rig, frame_set: Callable[..., FrameSet], jpeg: Callable[..., bytes]
) -> None:
    library = codec()
    preprocess = GpuPreprocessor(rig, SIZE, torch.device("cpu"), decoder=NvImageDecoder(torch.device("cuda", 0)))
    for broken, words in (
        (jpeg()[:-500], "front_left: damaged jpeg"),
        (b"no image\xff\xd9", "front_left: damaged jpeg"),
        (jpeg(size=(640, 480)), "front_left: the image is 640x480 px but the calibration is for 872x872"),
    ):
        with pytest.raises(EstimateError, match=words):
            preprocess(frame_set(front_left=broken).frames)
        assert broken not in library.asked
