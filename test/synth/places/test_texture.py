import numpy as np
import pytest

from egorear_synth.places.texture import LINEAR_OF_SRGB, MAX_SIZE, make_texture, pool_textures
from egorear_synth.shading import sample


def noise(size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1, (size, size, 3))


def test_bytes_and_light_are_inverse() -> None:
    image = LINEAR_OF_SRGB[np.arange(256).reshape(16, 16)][..., None].repeat(3, axis=2)
    np.testing.assert_array_equal(make_texture("all", image, (1.0, 1.0)).levels[0][..., 0].ravel(), np.arange(256))


def test_every_level_has_the_same_light_on_average() -> None:
    linear = noise(64)
    texture = make_texture("noise", linear, (1.0, 2.0))
    assert [level.shape[0] for level in texture.levels] == [64, 32, 16, 8, 4, 2, 1]
    for level in texture.levels:
        np.testing.assert_allclose(LINEAR_OF_SRGB[level].mean(axis=(0, 1)), linear.mean(axis=(0, 1)), atol=0.01)
    np.testing.assert_allclose(texture.mean_colour, linear.mean(axis=(0, 1)), atol=0.01)


@pytest.mark.parametrize("shape", [(64, 32, 3), (48, 48, 3), (64, 64, 4), (2 * MAX_SIZE, 2 * MAX_SIZE, 3)])
def test_other_shapes_are_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="texture odd: expected"):
        make_texture("odd", np.zeros(shape), (1.0, 1.0))


def naive(levels: tuple[np.ndarray, ...], u: float, v: float, footprint: float) -> np.ndarray:
    """Bilinear interpolation on the level whose texels are nearest to the footprint."""
    number = round(np.log2(max(footprint * len(levels[0]), 1.0)))
    image = LINEAR_OF_SRGB[levels[min(number, len(levels) - 1)]].astype(float)
    size = len(image)
    x, y = u % 1 * size - 0.5, v % 1 * size - 0.5
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    result = np.zeros(3)
    for row, weight_y in ((y0, 1 - (y - y0)), (y0 + 1, y - y0)):
        for column, weight_x in ((x0, 1 - (x - x0)), (x0 + 1, x - x0)):
            result += weight_x * weight_y * image[row % size, column % size]
    return result


def test_samples_agree_with_naive_interpolation() -> None:
    textures = [make_texture("one", noise(8, 1), (1.0, 1.0)), make_texture("two", noise(64, 2), (1.0, 1.0))]
    pool = pool_textures(textures)
    rng = np.random.default_rng(0)
    for _ in range(400):
        which = int(rng.integers(2))
        u, v = rng.uniform(-3, 3, 2).astype(np.float32)
        # Not where two levels are as near.
        footprint = np.float32(2.0 ** (rng.integers(-8, 3) + rng.uniform(-0.45, 0.45)))
        expected = naive(textures[which].levels, float(u), float(v), float(footprint))
        np.testing.assert_allclose(sample(pool, which, u, v, footprint), expected, atol=2e-3)


def test_small_movements_change_little() -> None:
    """Nothing flickers: no jump from texel to texel, and less contrast the larger the footprint."""
    pool = pool_textures([make_texture("noise", noise(64), (1.0, 1.0))])
    places = np.linspace(0.2, 0.3, 400, dtype=np.float32)
    spread = []
    for footprint in (1 / 64, 1 / 16, 1 / 4, 1.0):
        colours = np.array([sample(pool, 0, u, np.float32(0.4), np.float32(footprint)) for u in places])
        assert np.abs(np.diff(colours, axis=0)).max() < 0.03
        spread.append(colours.std())
    assert spread[0] > spread[1] > spread[2] > spread[3]
