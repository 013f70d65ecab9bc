"""Heatmaps: the reference's targets, their rounding, and reading them back."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from egorear_ros.heatmap import encode_heatmaps, find_peaks

SIZE = (872, 872)
STRIDE = 872 / 64
GOLDEN = np.load(Path(__file__).parent / "data" / "golden" / "geometry_metrics.npz")


def _naive(pixel: tuple[float, float], stride: tuple[float, float], size: int) -> np.ndarray:
    """Paste a 7 x 7 patch, cropped to the map."""
    out = np.zeros((size, size), dtype=np.float32)
    column, row = (int(p / s + 0.5) for p, s in zip(pixel, stride, strict=True))
    for dy in range(-3, 4):
        for dx in range(-3, 4):
            if 0 <= row + dy < size and 0 <= column + dx < size:
                out[row + dy, column + dx] = math.exp(-(dx * dx + dy * dy) / 2)
    return out


def test_equals_the_reference() -> None:
    np.testing.assert_allclose(encode_heatmaps(GOLDEN["pixels_872"], SIZE), GOLDEN["heatmaps_64"], atol=1e-7)


@given(st.tuples(st.floats(-200.0, 1100.0), st.floats(-200.0, 1100.0)))
def test_equals_naive_twin_also_beyond_the_edges(pixel: tuple[float, float]) -> None:
    np.testing.assert_allclose(encode_heatmaps(np.array(pixel), SIZE), _naive(pixel, (STRIDE, STRIDE), 64), atol=1e-7)


@given(st.tuples(st.floats(-50.0, 700.0), st.floats(-50.0, 500.0)))
def test_images_that_are_not_square(pixel: tuple[float, float]) -> None:
    ours = encode_heatmaps(np.array(pixel), (640, 480), 32)
    np.testing.assert_allclose(ours, _naive(pixel, (20.0, 15.0), 32), atol=1e-7)


def test_tensors_and_arrays_agree() -> None:
    pixels = GOLDEN["pixels_872"]
    tensor = encode_heatmaps(torch.from_numpy(pixels).float(), SIZE)
    assert tensor.dtype == torch.float32
    assert encode_heatmaps(pixels, SIZE).dtype == np.float32
    np.testing.assert_array_equal(tensor.numpy(), encode_heatmaps(pixels.astype(np.float32), SIZE))


def test_rounding_favours_the_left_and_upper_edges() -> None:
    """1.5 bins beyond the left edge still peak at 1; beyond the right one the map fades."""
    beyond_left = encode_heatmaps(np.array((-20.4, 400.0)), SIZE)
    assert beyond_left.max() == 1.0
    assert beyond_left[:, 0].max() == 1.0
    assert encode_heatmaps(np.array((-20.5, 400.0)), SIZE).max() == pytest.approx(math.exp(-0.5))
    assert encode_heatmaps(np.array((63.6 * STRIDE, 400.0)), SIZE).max() == pytest.approx(math.exp(-0.5))
    assert encode_heatmaps(np.array((872.0 + 60.0, 400.0)), SIZE).max() == 0.0


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_coordinates_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"pixels of shape \(1, 2\) must be finite"):
        encode_heatmaps(np.array([[bad, 3.0]]), SIZE)
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        encode_heatmaps(np.zeros(3), SIZE)


@given(st.tuples(st.floats(0.0, 63.4 * STRIDE), st.floats(0.0, 63.4 * STRIDE)))
def test_reading_back_is_right_to_half_a_heatmap_pixel(pixel: tuple[float, float]) -> None:
    peaks = find_peaks(encode_heatmaps(torch.tensor(pixel, dtype=torch.float64), SIZE))
    assert peaks.score == 1.0
    assert peaks.valid
    assert (peaks.uv.numpy() * 872 - np.array(pixel)).__abs__().max() <= STRIDE / 2 + 1e-3


def test_peaks_are_columns_and_rows_over_the_size() -> None:
    maps = torch.full((2, 3, 8, 16), -5.0)
    maps[1, 2, 6, 4] = 0.5
    peaks = find_peaks(maps)
    assert peaks.uv.shape == (2, 3, 2)
    assert peaks.uv[1, 2].tolist() == [4 / 16, 6 / 8]
    assert peaks.valid[1, 2]
    assert peaks.valid.sum() == 1
    assert peaks.score[0, 0] == -5.0


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_empty_maps_peak_at_zero_and_are_not_trusted(value: float) -> None:
    peaks = find_peaks(torch.full((1, 8, 8), value))
    assert peaks.uv.tolist() == [[0.0, 0.0]]
    assert not peaks.valid.any()


@given(st.floats(60.0, 800.0), st.floats(60.0, 800.0))
def test_peaks_between_pixels(u: float, v: float) -> None:
    drawn = encode_heatmaps(np.array((u, v)), SIZE, whole_pixels=False)
    columns, rows = np.arange(64) * STRIDE, np.arange(64)[:, None] * STRIDE
    total = drawn.sum()
    # Cut off at three deviations on a grid, the centre of mass is the joint's place to a few hundredths of a pixel.
    assert (drawn * columns).sum() / total == pytest.approx(u, abs=0.05 * STRIDE)
    assert (drawn * rows).sum() / total == pytest.approx(v, abs=0.05 * STRIDE)
    assert math.exp(-0.25) - 1e-6 <= drawn.max() <= 1.0
