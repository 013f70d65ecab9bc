"""Resizing by compiled code: Pillow's bytes, whatever the size, and Pillow itself where they would differ."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from egorear_ros.estimators import fast_resize as module
from egorear_ros.estimators.fast_resize import FastResize, fastest_resize, weights
from egorear_ros.estimators.preprocess import resize

pytest.importorskip("numba")


@pytest.fixture(scope="module")
def fast() -> FastResize:
    return FastResize()


def noise(width: int, height: int, seed: int = 1) -> Image.Image:
    """Return an image of which nearly every pixel is dark or bright: sums go beyond both ends of a byte."""
    random = np.random.default_rng(seed)
    return Image.fromarray((255 * random.integers(0, 2, (height, width, 3))).astype(np.uint8))


@pytest.mark.parametrize(
    "size", [(436, 436), (872, 872), (640, 480), (161, 128), (128, 128), (100, 90), (17, 1), (300, 900)]
)
def test_every_byte_is_pillow_s(fast: FastResize, size: tuple[int, int]) -> None:
    for seed, image_size in enumerate((128, 64, 33)):
        image = noise(*size, seed)
        np.testing.assert_array_equal(fast(image, image_size), resize(image, image_size))


@pytest.mark.parametrize("size", [(436, 436), (640, 480)])
def test_sizes_of_cameras_are_left_to_compiled_code(
    fast: FastResize, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = noise(*size)
    expected = fast(image, 128)

    def never(*_: object) -> None:
        raise AssertionError("Pillow was asked again")

    monkeypatch.setattr(module, "resize", never)
    np.testing.assert_array_equal(fast(image, 128), expected)


def test_where_pillow_says_something_else_it_is_right(fast: FastResize, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "resize", lambda image, size: 255 - resize(image, size))
    image = noise(50, 50)
    np.testing.assert_array_equal(fast(image, 20), 255 - resize(image, 20))


def test_several_threads_at_once(fast: FastResize) -> None:
    images = [noise(200 + seed % 3, 150, seed) for seed in range(40)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda image: fast(image, 64), images))
    for got, image in zip(found, images, strict=True):
        np.testing.assert_array_equal(got, resize(image, 64))


def test_weights_sum_to_one_and_lie_in_the_image() -> None:
    bounds, table = weights(436, 128)
    np.testing.assert_allclose(table.sum(axis=1) / 2**module.BITS, 1.0, atol=1e-5)
    assert bounds[0, 0] == 0 and (bounds[:, 0] + bounds[:, 1]).max() == 436 and (np.diff(bounds[:, 0]) >= 0).all()


def test_pillow_serves_until_it_is_loaded_and_if_it_cannot_be(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_ready", [])
    assert fastest_resize() is resize
    monkeypatch.setitem(sys.modules, "egorear_ros.estimators.fast_resize_kernel", None)  # as if numba were missing
    with caplog.at_level("INFO"):
        module._load()
    assert fastest_resize() is resize and "images are resized by Pillow" in caplog.text


def test_it_is_loaded_beside_the_work() -> None:
    """In a process of its own, because what is loaded stays."""
    program = (
        "import time\n"
        "from egorear_ros.estimators.fast_resize import FastResize, fastest_resize, load_fast_resize\n"
        "load_fast_resize(); load_fast_resize()\n"
        "while not isinstance(fastest_resize(), FastResize): time.sleep(0.02)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)
