"""Random images that repeat without a seam: what patterns are made of."""

import cv2
import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.arrays import Floats32, Ints32


def clouds(rng: np.random.Generator, size: int, roughness: float = 1.0, stretch: float = 1.0) -> Floats32:
    """Return (size, size) noise with mean 0 and standard deviation 1.

    Args:
        rng: decides it.
        size: texels across.
        roughness: 0: every texel for itself; 1: like clouds; 2: large, soft spots.
        stretch: how much longer the spots are to the right than downwards.
    """
    white = rng.standard_normal((size, size), dtype=np.float32)
    rows, columns = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    frequency = np.hypot(rows / np.sqrt(stretch), columns * np.sqrt(stretch))
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(white) * frequency**-roughness
    spectrum[0, 0] = 0.0
    noise = np.fft.irfft2(spectrum, s=(size, size))
    return (noise / noise.std()).astype(np.float32)


def grain(rng: np.random.Generator, size: int, amount: float) -> Floats32:
    """Return (size, size, 1) factors around 1, every texel for itself."""
    return 1 + np.float32(amount) * rng.standard_normal((size, size, 1), dtype=np.float32)


def mix(share: Floats32, low: FloatArray, high: FloatArray) -> Floats32:
    """Return (S, S, 3) colours between two, by the (S, S) share of the second."""
    first, second = np.asarray(low, dtype=np.float32), np.asarray(high, dtype=np.float32)
    return first + np.clip(share, 0, 1)[..., None] * (second - first)


def stones(rng: np.random.Generator, size: int, count: int, regular: float = 0.0) -> tuple[Ints32, Floats32]:
    """Return which of about `count` stones each texel of (size, size) belongs to, and how far in, 0 at the edge.

    Args:
        rng: decides where the stones are.
        size: texels across.
        count: of stones; rounded to a square.
        regular: 0: anywhere; 1: in rows and columns.
    """
    across = max(round(np.sqrt(count)), 2)
    rows, columns = np.divmod(np.arange(across**2), across)
    grid = np.stack((rows + 0.5 + 0.25 * (columns % 2), columns + 0.5), axis=1)
    places = grid + (1 - regular) * rng.uniform(-0.6, 0.6, grid.shape)
    texels = np.floor(places * size / across).astype(np.int32) % size
    margin = min(size // 2, 3 * size // across)
    seeds = np.ones((size, size), dtype=np.uint8)
    seeds[texels[:, 0], texels[:, 1]] = 0
    wide = np.pad(seeds, margin, mode="wrap")
    _, labels = cv2.distanceTransformWithLabels(wide, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    edges = (labels != np.roll(labels, 1, axis=0)) | (labels != np.roll(labels, 1, axis=1))
    depth = cv2.distanceTransform((~edges).astype(np.uint8), cv2.DIST_L2, 5)
    inner = slice(margin, margin + size)
    # Seeds repeat in the margin under other labels: name each stone after the place of its seed.
    rows, columns = np.nonzero(wide == 0)
    names = np.zeros(labels.max() + 1, dtype=np.int32)
    names[labels[rows, columns]] = (rows - margin) % size * size + (columns - margin) % size
    _, numbers = np.unique(names[labels[inner, inner]], return_inverse=True)
    return numbers.reshape(size, size).astype(np.int32), depth[inner, inner]


def courses(size: int, rows: int, columns: int, shift: float) -> tuple[Ints32, Floats32]:
    """Return which tile each texel of (size, size) belongs to, and how far from its edge it is, in texels.

    Args:
        size: texels across.
        rows: of tiles.
        columns: of tiles.
        shift: of every row against the one above, in tiles; times the number of rows a whole number.
    """
    texel = np.arange(size) + 0.5
    row = np.floor(texel * rows / size).astype(np.int32)
    x = texel[None] * columns / size - row[:, None] * shift
    column = np.floor(x).astype(np.int32)
    inside_x, inside_y = x - column, texel * rows / size - row
    near_x = np.minimum(inside_x, 1 - inside_x) * size / columns
    near_y = (np.minimum(inside_y, 1 - inside_y) * size / rows)[:, None]
    number = row[:, None] * columns + column % columns
    return number, np.minimum(near_x, near_y).astype(np.float32)
