"""Pixels of resized images: against `grid_sample` itself and against a lens that was resized."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from egorear_ros.geometry.fisheye import scale_lens, unproject
from egorear_ros.geometry.resampling import OUTSIDE, calibrated_px, pixel_grid, sampling_places
from egorear_ros.structures import EquidistantLens

LENS = EquidistantLens(40, 40, (14.0, 14.0), (20.3, 18.9), (0.01, 0.0, 0.0, 0.0), 1.4)


@pytest.mark.parametrize("size", [10, 40, 80])
def test_pixels_of_a_resized_image_look_where_those_of_a_resized_lens_do(size: int) -> None:
    resized = scale_lens(LENS, size, size)
    u, v = np.meshgrid(np.arange(size, dtype=float), np.arange(size, dtype=float))
    expected, _ = unproject(np.stack([u, v], axis=-1), resized)
    np.testing.assert_allclose(unproject(pixel_grid(LENS, size), LENS)[0], expected, atol=1e-9)


def test_edges_of_the_image_stay_edges() -> None:
    corners = calibrated_px(np.array([-0.5, 9.5]), LENS, 10)
    np.testing.assert_allclose(corners[0, 0], (-0.5, -0.5))
    np.testing.assert_allclose(corners[1, 1], (39.5, 39.5))
    np.testing.assert_allclose(corners[0, 1], (39.5, -0.5))  # columns first


def test_places_of_all_pixels_sample_the_image_itself() -> None:
    image = torch.rand(1, 2, 40, 40, generator=torch.Generator().manual_seed(0))
    places = torch.from_numpy(sampling_places(pixel_grid(LENS, 40), LENS)).float()
    sampled = F.grid_sample(image, places[None], align_corners=False)
    torch.testing.assert_close(sampled, image, rtol=0.0, atol=1e-5)


def test_arrays_and_tensors_give_the_same() -> None:
    pixels = np.random.default_rng(0).uniform(-5.0, 45.0, (7, 2))
    np.testing.assert_array_equal(
        sampling_places(torch.from_numpy(pixels), LENS).numpy(), sampling_places(pixels, LENS)
    )


def test_nothing_is_seen_outside() -> None:
    places = torch.full((1, 1, 1, 2), OUTSIDE)
    assert float(F.grid_sample(torch.ones(1, 1, 4, 4), places, align_corners=False)) == 0.0
