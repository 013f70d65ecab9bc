"""Textures: square images that repeat, kept at every resolution, so that distant ones do not flicker."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from egorear_synth.arrays import Bytes, Floats32, Ints32
from egorear_synth.tone import srgb

MAX_SIZE = 1024
"""Texels across; sizes are powers of two."""

LEVELS = MAX_SIZE.bit_length()


@dataclass(frozen=True, eq=False)
class Texture:
    """An image that repeats.

    Attributes:
        name: what a data set calls it.
        levels: (S, S, 3) sRGB bytes, each half the size of the one before, down to one texel.
        size_m: width and height of one repeat, m.
    """

    name: str
    levels: tuple[Bytes, ...]
    size_m: tuple[float, float]

    @property
    def mean_colour(self) -> Floats32:
        """(3,) linear RGB."""
        return LINEAR_OF_SRGB[self.levels[-1][0, 0]]


def _linear_table() -> Floats32:
    srgb = np.arange(256) / 255
    # Source: IEC 61966-2-1.
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)


LINEAR_OF_SRGB = _linear_table()
"""(256,) linear intensity of every sRGB byte."""


def make_texture(name: str, linear: NDArray[np.floating], size_m: tuple[float, float]) -> Texture:
    """Return a texture.

    Args:
        name: what a data set calls it.
        linear: (S, S, 3) linear RGB; below 0 and above 1 is cut off.
        size_m: width and height of one repeat, m.

    Raises:
        ValueError: not square, or S is no power of two up to `MAX_SIZE`.
    """
    size = len(linear)
    if linear.shape != (size, size, 3) or size > MAX_SIZE or size & (size - 1):
        raise ValueError(
            f"texture {name}: expected (S, S, 3) with S a power of two up to {MAX_SIZE}, got {linear.shape}."
        )
    level = np.clip(linear.astype(np.float32), 0, 1)
    levels = [_bytes(level)]
    while len(level) > 1:
        # Light is averaged, not bytes: a checkerboard of black and white is seen as 50 % of the light.
        rows = level[::2] + level[1::2]
        level = np.float32(0.25) * (rows[:, ::2] + rows[:, 1::2])
        levels.append(_bytes(level))
    return Texture(name, tuple(levels), size_m)


_STEPS = 65536
_TABLE: Bytes = np.round(255 * srgb(np.arange(_STEPS) / (_STEPS - 1))).astype(np.uint8)


def _bytes(linear: Floats32) -> Bytes:
    """Return sRGB bytes of light in [0, 1]; finer than `tone.to_srgb`, which cannot tell the darkest bytes apart."""
    return _TABLE[(linear * np.float32(_STEPS - 1) + np.float32(0.5)).astype(np.uint16)]


class TexturePool(NamedTuple):
    """All texels of a place in one array, for compiled code.

    Attributes:
        texels: (N, 3) sRGB bytes, textures and levels one after the other, row by row.
        starts: (T, LEVELS) place of each level's first texel.
        finest: (T,) binary logarithm of each texture's size.
    """

    texels: Bytes
    starts: Ints32
    finest: Ints32


def pool_textures(textures: list[Texture]) -> TexturePool:
    """Return textures in one array."""
    starts = np.zeros((len(textures), LEVELS), dtype=np.int32)
    begin, parts = 0, []
    for index, texture in enumerate(textures):
        for number, level in enumerate(texture.levels):
            starts[index, number] = begin
            begin += level.shape[0] * level.shape[1]
            parts.append(level.reshape(-1, 3))
    finest = np.array([len(texture.levels) - 1 for texture in textures], dtype=np.int32)
    return TexturePool(np.concatenate(parts), starts, finest)
