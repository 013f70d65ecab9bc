"""Preprocessing equals training's, and names what it cannot use."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from egorear_ros.estimators.base import EstimateError
from egorear_ros.estimators.preprocess import decode_frame, normalise, resize
from egorear_ros.structures import Frame, Lens, Rig


@pytest.fixture
def lens(rig: Rig) -> Lens:
    return rig["front_left"].lens


def _antialiased_bicubic(row: np.ndarray, size: int) -> np.ndarray:
    """Resize one row by the kernel that Pillow documents: a cubic (a = -0.5), widened by the scale."""
    scale = len(row) / size
    support = 2.0 * scale
    out = np.empty(size)
    for index in range(size):
        centre = (index + 0.5) * scale
        first, last = max(0, int(centre - support + 0.5)), min(len(row), int(centre + support + 0.5))
        x = np.abs((np.arange(first, last) + 0.5 - centre) / scale)
        near, far = 1.5 * x**3 - 2.5 * x**2 + 1.0, -0.5 * x**3 + 2.5 * x**2 - 4.0 * x + 2.0
        weights = np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))
        out[index] = (weights * row[first:last]).sum() / weights.sum()
    return out


def test_resize_is_antialiased_bicubic() -> None:
    row = np.random.default_rng(0).integers(0, 256, 872).astype(np.uint8)
    image = Image.fromarray(np.tile(row[None, :, None], (872, 1, 3)))
    resized = resize(image, 256)
    assert resized.shape == (256, 256, 3)
    expected = _antialiased_bicubic(row.astype(float), 256).clip(0, 255)
    assert np.abs(resized[128, :, 1] - expected).max() <= 1.0


def test_normalise_uses_imagenet_statistics() -> None:
    pixels = np.zeros((2, 4, 4, 3), dtype=np.uint8)
    pixels[1] = (255, 0, 128)
    ours = normalise(pixels)
    assert ours.shape == (2, 3, 4, 4)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours[0, :, 0, 0], (-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225), rtol=1e-6)
    np.testing.assert_allclose(
        ours[1, :, 3, 2], ((1 - 0.485) / 0.229, -0.456 / 0.224, (128 / 255 - 0.406) / 0.225), rtol=1e-6
    )


def test_encodings_of_one_picture_agree(jpeg: Callable[..., bytes], lens: Lens) -> None:
    png = jpeg(file_format="PNG")
    rgb = np.asarray(Image.open(io.BytesIO(png)))
    frames = {
        "png": Frame("front_left", 0, "png", png),
        "rgb8": Frame("front_left", 0, "rgb8", rgb),
        "bgr8": Frame("front_left", 0, "bgr8", rgb[..., ::-1]),
    }
    for frame in frames.values():
        np.testing.assert_array_equal(np.asarray(decode_frame(frame, lens)), rgb)
    from_jpeg = np.asarray(decode_frame(Frame("front_left", 0, "jpeg", jpeg()), lens)).astype(int)
    assert np.abs(from_jpeg - rgb).mean() < 3.0
    grey = np.asarray(decode_frame(Frame("front_left", 0, "mono8", rgb[..., 1]), lens))
    np.testing.assert_array_equal(grey, np.repeat(rgb[..., 1:2], 3, axis=-1))


def test_a_grey_jpeg_becomes_rgb(lens: Lens) -> None:
    buffer = io.BytesIO()
    Image.new("L", (872, 872), 77).save(buffer, "JPEG")
    assert np.asarray(decode_frame(Frame("front_left", 0, "jpeg", buffer.getvalue()), lens)).shape == (872, 872, 3)


@pytest.mark.parametrize("kept", [0, 10, 0.02, 0.5, 0.95])
@pytest.mark.parametrize("encoding", ["jpeg", "png"])
def test_damaged_images_name_their_view(jpeg: Callable[..., bytes], lens: Lens, encoding: str, kept: float) -> None:
    data = jpeg(file_format=encoding.upper())
    data = data[: int(kept * len(data)) if kept < 1 else int(kept)]
    with pytest.raises(EstimateError, match=rf"front_left: damaged {encoding} image \(\w.*\). .*cable"):
        decode_frame(Frame("front_left", 0, encoding, data), lens)


def test_the_same_damage_has_the_same_words_every_time(jpeg: Callable[..., bytes], lens: Lens) -> None:
    """Reasons are counted, and two runs write the same file."""

    def words(data: bytes) -> str:
        with pytest.raises(EstimateError) as caught:
            decode_frame(Frame("front_left", 0, "jpeg", data), lens)
        return str(caught.value)

    garbage = {words(b"no image"), words(b"no image either")}
    assert len(garbage) == 1 and "(no image of this encoding)" in garbage.pop()
    cut = {words(jpeg()[:-500]), words(jpeg()[:-400])}
    assert len(cut) == 1 and "truncated" in cut.pop()


def test_an_encoding_that_lies_is_refused(jpeg: Callable[..., bytes], lens: Lens) -> None:
    with pytest.raises(EstimateError, match="front_left: damaged jpeg image"):
        decode_frame(Frame("front_left", 0, "jpeg", jpeg(file_format="PNG")), lens)
    with pytest.raises(EstimateError, match=r"front_left: .* of encoding 'h264'; expected jpeg or png"):
        decode_frame(Frame("front_left", 0, "h264", b"123"), lens)


def test_another_aspect_ratio_is_refused_and_a_scaled_image_is_not(jpeg: Callable[..., bytes], lens: Lens) -> None:
    assert decode_frame(Frame("front_left", 0, "jpeg", jpeg(size=(256, 256))), lens).size == (256, 256)
    with pytest.raises(EstimateError, match=r"front_left: the image is 640x480 px but the calibration is for 872x872"):
        decode_frame(Frame("front_left", 0, "jpeg", jpeg(size=(640, 480))), lens)
    with pytest.raises(EstimateError, match=r"front_left: the image is 40x30 px"):
        decode_frame(Frame("front_left", 0, "mono8", np.zeros((30, 40), dtype=np.uint8)), lens)


@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("rgb8", np.zeros((8, 8), dtype=np.uint8)),
        ("mono8", np.zeros((8, 8, 3), dtype=np.uint8)),
        ("mono8", np.zeros(8, dtype=np.uint8)),
        ("rgb8", np.zeros((8, 8, 4), dtype=np.uint8)),
        ("rgb8", np.zeros((8, 8, 3), dtype=np.float32)),
        ("rgb8", np.zeros((0, 8, 3), dtype=np.uint8)),
        ("yuv422", np.zeros((8, 8, 3), dtype=np.uint8)),
    ],
)
def test_arrays_that_are_no_images_are_refused(encoding: str, pixels: np.ndarray, lens: Lens) -> None:
    with pytest.raises(EstimateError, match=rf"front_left: an array of shape .* as '{encoding}'; expected uint8"):
        decode_frame(Frame("front_left", 0, encoding, pixels), lens)
