"""Resizing on a device is Pillow's, to a grey level, and normalising training's."""

import numpy as np
import pytest
import torch
from PIL import Image

from egorear_ros.estimators.device_resize import DeviceResize
from egorear_ros.estimators.preprocess import normalise, resize

CPU = torch.device("cpu")


def noise(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Return (H, W, 3) random bytes with hard edges, which make a cubic kernel shoot beyond the range."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    pixels[height // 3 :, : width // 2] = 255 * random.integers(0, 2, (1, 1, 3), dtype=np.uint8)
    return pixels


@pytest.mark.parametrize(
    ("width", "height", "after"),
    [(872, 872, 256), (872, 872, 128), (436, 436, 128), (640, 480, 64), (65, 63, 64), (64, 64, 64), (33, 50, 64)],
)
def test_as_pillow(width: int, height: int, after: int) -> None:
    images = [noise(width, height, seed) for seed in range(2)]
    expected = np.stack([resize(Image.fromarray(image), after) for image in images])
    found = DeviceResize((width, height), after, CPU).resize(torch.from_numpy(np.stack(images)))
    difference = np.abs(found.permute(0, 2, 3, 1).numpy() - expected)
    assert difference.max() <= 1.0
    assert (difference > 0).mean() < 1e-3, "ties of rounding are rare"


def test_into_a_part_of_the_input_and_normalised() -> None:
    pixels = noise(100, 100)
    out = torch.full((3, 3, 64, 64), torch.nan)
    DeviceResize((100, 100), 64, CPU)(torch.from_numpy(pixels)[None], out[1:2])
    expected = normalise(resize(Image.fromarray(pixels), 64))
    one_level = 1 / 255 / 0.224
    assert np.abs(out[1].numpy() - expected).max() <= one_level * 1.001
    assert np.median(np.abs(out[1].numpy() - expected)) < 1e-6
    assert out[0].isnan().all()
    assert out[2].isnan().all()
