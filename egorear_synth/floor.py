"""A floor with a procedural texture that shows every movement, filtered with distance."""

import numpy as np
from numpy.typing import NDArray

from egorear_ros.structures import FloatArray

Floats32 = NDArray[np.float32]

TEXELS = 1024
SIZE_M = 4.096
TILE_M = 0.512
PLANK_M = (1.024, 0.128)


class Floor:
    """The plane z = 0 with a texture that repeats every `SIZE_M`.

    Args:
        rng: decides pattern and colours.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        texture = _planks(rng) if rng.random() < 0.5 else _tiles(rng)
        levels = [texture]
        while len(levels[-1]) > 1:
            fine = levels[-1]
            levels.append(0.25 * (fine[::2, ::2] + fine[1::2, ::2] + fine[::2, 1::2] + fine[1::2, 1::2]))
        sizes = np.array([len(level) for level in levels])
        self._texels: Floats32 = np.concatenate([level.reshape(-1, 3) for level in levels]).astype(np.float32)
        self._sizes = sizes.astype(np.int32)
        self._starts = np.concatenate([[0], np.cumsum(sizes**2)[:-1]]).astype(np.int32)
        self.mean_colour: Floats32 = levels[-1][0, 0].astype(np.float32)

    def colours(self, x: Floats32, y: Floats32, footprint: Floats32) -> Floats32:
        """Return the (M, 3) linear RGB of floor points.

        Args:
            x: (M,) world, m.
            y: (M,) world, m.
            footprint: (M,) width of floor that a pixel covers, m; the texture is averaged over it.
        """
        level = np.log2(np.maximum(footprint * np.float32(TEXELS / SIZE_M), 1.0)) + np.float32(0.5)
        level = np.minimum(level.astype(np.int32), len(self._sizes) - 1)
        size = self._sizes[level]
        scale = size * np.float32(1.0 / SIZE_M)
        # Sizes are powers of two, so the remainder is a mask, right for negative coordinates as well.
        column = np.floor(x * scale).astype(np.int32) & (size - 1)
        row = np.floor(y * scale).astype(np.int32) & (size - 1)
        return self._texels[self._starts[level] + row * size + column]


def _tiles(rng: np.random.Generator) -> FloatArray:
    """Square tiles in two colours, each a little different, with joints."""
    count = round(SIZE_M / TILE_M)
    size = TEXELS // count
    light = rng.uniform(0.45, 0.65) * rng.uniform(0.9, 1.0, 3)
    dark = light * rng.uniform(0.35, 0.6)
    odd = np.add.outer(np.arange(count), np.arange(count)) % 2
    tiles = np.where(odd[..., None], dark, light) * rng.uniform(0.85, 1.1, (count, count, 1))
    texture = np.kron(tiles, np.ones((size, size, 1)))
    joint = np.zeros(TEXELS, dtype=bool)
    joint[::size] = joint[size - 1 :: size] = True
    texture[joint | joint[:, None]] = 0.5 * dark
    return texture * _grain(rng, 0.06)


def _planks(rng: np.random.Generator) -> FloatArray:
    """Wooden planks in rows, each row shifted against its neighbour."""
    rows, columns = round(SIZE_M / PLANK_M[1]), round(SIZE_M / PLANK_M[0])
    height, width = TEXELS // rows, TEXELS // columns
    wood = np.array([0.42, 0.25, 0.12]) * rng.uniform(0.6, 1.3) * rng.uniform(0.9, 1.1, 3)
    texture = np.empty((TEXELS, TEXELS, 3))
    for row in range(rows):
        shades = np.repeat(rng.uniform(0.55, 1.25, columns), width)
        shades[::width] = shades[1::width] = 0.25
        band = np.tile(np.roll(shades, int(rng.integers(TEXELS))), (height, 1))
        band[:1] = 0.25
        texture[row * height : (row + 1) * height] = band[..., None] * wood
    streaks = np.repeat(rng.uniform(0.85, 1.1, (TEXELS, TEXELS // 64)), 64, axis=1)
    return texture * streaks[..., None] * _grain(rng, 0.05)


def _grain(rng: np.random.Generator, amount: float) -> FloatArray:
    return 1.0 + amount * rng.standard_normal((TEXELS, TEXELS, 1))
