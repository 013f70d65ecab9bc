"""Textures of ground, walls and plants out of doors, each a function of random numbers alone; linear RGB."""

import cv2
import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.arrays import Floats32
from egorear_synth.places.indoor_patterns import COARSE, FINE, muted
from egorear_synth.places.noise import clouds, courses, grain, mix, stones
from egorear_synth.places.texture import Texture, make_texture


def _green(rng: np.random.Generator) -> FloatArray:
    return np.asarray(np.array([0.085, 0.14, 0.03]) * rng.uniform(0.7, 1.6) * rng.uniform(0.8, 1.2, 3))


def _blades(rng: np.random.Generator, size: int, count: int, length: float, colours: FloatArray) -> Floats32:
    """Return (size, size, 3) of short strokes that cross the seams."""
    image = np.empty((size, size, 3), dtype=np.float32)
    image[:] = 0.45 * colours.mean(axis=0)
    starts = rng.uniform(0, size, (count, 2))
    angles = rng.uniform(0, 2 * np.pi, count)
    ends = starts + length * rng.uniform(0.4, 1.2, (count, 1)) * np.stack((np.cos(angles), np.sin(angles)), axis=1)
    shades = colours[rng.integers(len(colours), size=count)] * rng.uniform(0.5, 1.35, (count, 1))
    for start, end, shade in zip(starts, ends, shades.tolist(), strict=True):
        crossing = (np.minimum(start, end) < 2).any() or (np.maximum(start, end) > size - 2).any()
        for shift in _SHIFTS if crossing else _SHIFTS[:1]:
            first, last = (start + size * shift).astype(int).tolist(), (end + size * shift).astype(int).tolist()
            cv2.line(image, first, last, shade, 1, cv2.LINE_8)
    return image


_SHIFTS = np.array([[0, 0], [0, 1], [0, -1], [1, 0], [-1, 0], [1, 1], [1, -1], [-1, 1], [-1, -1]])


def grass(rng: np.random.Generator) -> Texture:
    """A lawn, green or dry."""
    fresh = _green(rng)
    dry = np.array([0.28, 0.22, 0.09]) * rng.uniform(0.7, 1.2)
    colours = np.stack([fresh, fresh * 1.3, fresh * 0.7, mix(np.float32(rng.uniform(0, 0.8)), fresh, dry)])
    patches = 1 + 0.15 * clouds(rng, COARSE, 1.4)
    image = _blades(rng, COARSE, 9000, rng.uniform(8, 16), colours)
    return make_texture("grass", image * patches[..., None], (1.6, 1.6))


def leaves(rng: np.random.Generator) -> Texture:
    """A hedge or the crown of a tree."""
    green = _green(rng)
    image = _blades(rng, COARSE, 7000, 9, np.stack([0.5 * green, green, 1.4 * green]))
    return make_texture("leaves", image * (1 + 0.3 * clouds(rng, COARSE, 1.0))[..., None], (1.2, 1.2))


def asphalt(rng: np.random.Generator) -> Texture:
    """Asphalt, some with cracks."""
    shade = 1 + 0.22 * clouds(rng, FINE, 0.15) + 0.07 * clouds(rng, FINE, 1.5)
    if rng.random() < 0.5:
        _, depth = stones(rng, FINE, 30)
        wavy = depth + 3 * clouds(rng, FINE, 1.3)
        shade *= np.where(np.abs(wavy) < 0.7, 0.35, 1.0)
    return make_texture("asphalt", shade[..., None] * muted(rng, 0.05, 0.2, 0.06), (3.0, 3.0))


def gravel(rng: np.random.Generator) -> Texture:
    """Small stones."""
    number, depth = stones(rng, FINE, int(rng.integers(3500, 9000)))
    colour = muted(rng, 0.2, 0.5, 0.2)
    count = int(number.max()) + 1
    shades = colour * rng.uniform(0.5, 1.4, (count, 1)) * rng.uniform(0.92, 1.08, (count, 3))
    round_ = np.clip(0.25 + 0.16 * depth, 0, 1)
    return make_texture("gravel", shades[number] * round_[..., None], (1.6, 1.6))


def cobbles(rng: np.random.Generator) -> Texture:
    """Paving stones, rough-hewn, in rows."""
    number, depth = stones(rng, FINE, int(rng.integers(150, 500)), rng.uniform(0.5, 0.85))
    count = int(number.max()) + 1
    shades = muted(rng, 0.12, 0.4, 0.15) * rng.uniform(0.65, 1.25, (count, 1))
    joint = muted(rng, 0.05, 0.25, 0.2)
    rough = 1 + 0.10 * clouds(rng, FINE, 0.8)
    return make_texture("cobbles", mix(0.3 * (depth - 2), joint, shades[number]) * rough[..., None], (2.4, 2.4))


def paving(rng: np.random.Generator) -> Texture:
    """Slabs or bricks laid flat."""
    rows, columns = [(6, 6), (8, 4), (12, 12), (24, 12)][rng.integers(4)]
    number, edge = courses(FINE, rows, columns, float(rng.choice([0.0, 0.5])))
    colour = muted(rng, 0.15, 0.5, 0.15)
    shade = rng.uniform(0.8, 1.12, rows * columns)[number] + 0.08 * clouds(rng, FINE, 0.8)
    joint = colour * rng.uniform(0.3, 0.6)
    image = np.where(edge[..., None] < 3, joint, shade[..., None] * colour)
    return make_texture("paving", image * grain(rng, FINE, 0.05), (3.0, 3.0))


def earth(rng: np.random.Generator) -> Texture:
    """Bare soil or sand with small stones."""
    colour = np.array([0.30, 0.20, 0.12]) ** rng.uniform(0.6, 1.2)
    shade = 1 + 0.18 * clouds(rng, FINE, 1.0) + 0.12 * clouds(rng, FINE, 0.3)
    number, depth = stones(rng, FINE, 4000)
    stone = (rng.random(int(number.max()) + 1) < 0.06)[number] & (depth > 1)
    return make_texture("earth", (shade * np.where(stone, 1.35, 1.0))[..., None] * colour, (2.4, 2.4))


def bark(rng: np.random.Generator) -> Texture:
    """The bark of a tree."""
    shade = 1 + 0.35 * clouds(rng, COARSE, 0.9, 8)
    return make_texture("bark", (shade[..., None] * muted(rng, 0.06, 0.2, 0.25)).transpose(1, 0, 2), (0.8, 0.8))


def facade(rng: np.random.Generator) -> Texture:
    """The front of a house with rows of windows."""
    rows, columns = 4, int(rng.integers(4, 8))
    _, edge = courses(COARSE, rows, columns, 0.0)
    wall = muted(rng, 0.2, 0.7, 0.25)
    window = edge > COARSE * rng.uniform(0.06, 0.08) * 4 / columns
    frame = (edge > COARSE * 0.05 * 4 / columns) & ~window
    rough = 1 + 0.05 * clouds(rng, COARSE, 1.0)
    image = np.where(window[..., None], muted(rng, 0.03, 0.12, 0.2), np.where(frame[..., None], 0.6, wall))
    return make_texture("facade", image * rough[..., None], (3.0 * columns, 12.0))


def sky_clouds(rng: np.random.Generator) -> Texture:
    """How much cloud there is."""
    share = 0.5 + 0.22 * clouds(rng, COARSE, 1.5)
    return make_texture("clouds", np.repeat(share[..., None], 3, axis=2), (1.0, 1.0))


GROUNDS = (grass, grass, asphalt, gravel, cobbles, paving, paving, earth)
