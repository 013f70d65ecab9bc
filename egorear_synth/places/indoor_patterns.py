"""Textures of floors, walls and furniture, each a function of random numbers alone; linear RGB."""

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.places.noise import clouds, courses, grain, mix, stones
from egorear_synth.places.texture import Texture, make_texture

FINE, COARSE = 1024, 512


def muted(rng: np.random.Generator, low: float = 0.08, high: float = 0.6, colour: float = 0.35) -> FloatArray:
    """Return a random colour, (3,) linear RGB, of some brightness; `colour` 0: grey, 1: as vivid as can be."""
    # Most things that people build are warm or grey; few are green or purple.
    hue = (rng.uniform(0, 1, 3) ** 1.5 + 0.1) * (1.25, 1.0, 0.8)
    hue /= hue.mean()
    colour *= rng.random()
    return np.asarray(np.clip(rng.uniform(low, high) * (1 + colour * (hue - 1)), 0.01, 0.9))


def _wood_colour(rng: np.random.Generator) -> FloatArray:
    brightness = rng.uniform(0.5, 1.7)
    return np.asarray(np.array([0.36, 0.21, 0.10]) ** rng.uniform(0.75, 1.1) * brightness * rng.uniform(0.92, 1.08, 3))


def planks(rng: np.random.Generator) -> Texture:
    """Wooden planks in rows."""
    rows, columns = int(rng.choice([16, 24, 32])), int(rng.integers(2, 5))
    number, edge = courses(FINE, rows, columns, float(rng.choice([0.5, 0.25, 3 / 8])))
    shade = rng.uniform(0.6, 1.25, rows * columns)[number] + 0.10 * clouds(rng, FINE, 1.1, 40)
    shade *= np.where(edge < 1.5, rng.uniform(0.25, 0.7), 1.0)
    return make_texture("planks", shade[..., None] * _wood_colour(rng) * grain(rng, FINE, 0.03), (3.6, 3.6))


def parquet(rng: np.random.Generator) -> Texture:
    """Squares of wooden strips, every other one turned."""
    squares, strips = 8, int(rng.choice([4, 5, 6]))
    texel = np.arange(FINE) * squares / FINE
    turned = np.add.outer(texel.astype(int), texel.astype(int)) % 2 == 1
    strip = np.where(turned, (texel * strips).astype(int)[None], (texel * strips).astype(int)[:, None])
    square = texel.astype(int)[:, None] * squares + texel.astype(int)[None]
    inside = np.where(turned, (texel * strips % 1)[None], (texel * strips % 1)[:, None])
    shade = rng.uniform(0.65, 1.2, (squares**2, squares * strips))[square, strip]
    shade += 0.07 * np.where(turned, clouds(rng, FINE, 1.0, 0.05), clouds(rng, FINE, 1.0, 20))
    shade *= np.where(np.abs(inside - 0.5) > 0.46, 0.55, 1.0)
    return make_texture("parquet", shade[..., None] * _wood_colour(rng), (2.4, 2.4))


def tiles(rng: np.random.Generator) -> Texture:
    """Tiles in rows or half-shifted rows, in one colour or two, with joints."""
    count = int(rng.choice([4, 6, 8, 16]))
    number, edge = courses(FINE, count, count, float(rng.choice([0.0, 0.0, 0.5])))
    first = muted(rng, 0.15, 0.7, 0.25)
    second = first * rng.uniform(0.25, 0.7) if rng.random() < 0.4 else first
    odd = (number // count + number) % 2 == 1
    marble = 1 + rng.uniform(0, 0.14) * clouds(rng, FINE, 1.3)
    shade = rng.uniform(0.88, 1.08, count**2)[number] * marble
    colours = np.where(odd[..., None], second, first) * shade[..., None]
    joint = muted(rng, 0.1, 0.5, 0.1)
    return make_texture("tiles", np.where(edge[..., None] < 2.0, joint, colours), (2.8, 2.8))


def carpet(rng: np.random.Generator) -> Texture:
    """Soft pile, plain or with stripes."""
    ground = muted(rng, 0.04, 0.45, 0.6)
    pile = 1 + 0.16 * clouds(rng, COARSE, 0.3) + 0.08 * clouds(rng, COARSE, 1.5)
    other = muted(rng, 0.04, 0.5, 0.8)
    stripes = np.sin(2 * np.pi * rng.integers(2, 9) * np.arange(COARSE) / COARSE) > rng.uniform(-0.5, 1.3)
    colours = np.where(stripes[:, None, None], other, ground) * pile[..., None]
    return make_texture("carpet", colours, (1.6, 1.6))


def rug(rng: np.random.Generator) -> Texture:
    """Geometric figures in a few colours."""
    colours = np.stack([muted(rng, 0.03, 0.55, 0.9) for _ in range(4)])
    texel = np.abs(np.arange(COARSE) * rng.integers(3, 9) / COARSE % 1 - 0.5)
    figure = (np.add.outer(texel, texel * rng.uniform(0.5, 2)) * rng.integers(4, 9)).astype(int) % 4
    woven = 1 + 0.12 * clouds(rng, COARSE, 0.3)
    return make_texture("rug", colours[figure] * woven[..., None], (1.4, 1.4))


def terrazzo(rng: np.random.Generator) -> Texture:
    """Chips of stone in cement."""
    number, depth = stones(rng, COARSE, 3600)
    cement = muted(rng, 0.25, 0.6, 0.15)
    chips = cement * rng.uniform(0.3, 1.5, (number.max() + 1, 1)) * rng.uniform(0.85, 1.15, (number.max() + 1, 3))
    kept = (rng.random(number.max() + 1) < 0.6)[number] & (depth > 1.2)
    return make_texture("terrazzo", np.where(kept[..., None], chips[number], cement), (1.0, 1.0))


def concrete(rng: np.random.Generator) -> Texture:
    """Cement with spots, sometimes in slabs."""
    spots = 1 + 0.10 * clouds(rng, COARSE, 1.2) + 0.05 * clouds(rng, COARSE, 0.2)
    _, edge = courses(COARSE, 2, 2, 0.0)
    spots *= np.where(edge < 1.2, 0.6, 1.0) if rng.random() < 0.5 else 1.0
    return make_texture("concrete", spots[..., None] * muted(rng, 0.15, 0.45, 0.08), (3.0, 3.0))


def plaster(rng: np.random.Generator) -> Texture:
    """Painted plaster."""
    rough = 1 + rng.uniform(0.01, 0.06) * clouds(rng, COARSE, rng.uniform(0.3, 1.2))
    return make_texture("plaster", rough[..., None] * muted(rng, 0.35, 0.85, 0.3), (2.0, 2.0))


def wallpaper(rng: np.random.Generator) -> Texture:
    """Stripes or dots."""
    ground, figure = muted(rng, 0.25, 0.8, 0.4), muted(rng, 0.1, 0.8, 0.6)
    texel = 2 * np.pi * np.arange(COARSE) / COARSE * rng.integers(3, 12)
    waves = np.sin(texel)[None] * (np.sin(texel)[:, None] if rng.random() < 0.5 else np.ones((COARSE, 1)))
    share = (10 * (waves - rng.uniform(-0.2, 0.7)) + 0.3 * clouds(rng, COARSE, 0.5)).astype(np.float32)
    return make_texture("wallpaper", mix(share, ground, figure), (1.5, 1.5))


def bricks(rng: np.random.Generator) -> Texture:
    """A brick wall, bare or painted."""
    number, edge = courses(COARSE, 12, 4, 0.5)
    painted = rng.random() < 0.3
    colour = muted(rng, 0.5, 0.8, 0.1) if painted else np.array([0.33, 0.12, 0.07]) * rng.uniform(0.7, 1.4)
    shade = rng.uniform(0.95 if painted else 0.6, 1.1, 48)[number] + 0.12 * clouds(rng, COARSE, 0.7)
    mortar = colour * 0.8 if painted else muted(rng, 0.3, 0.5, 0.1)
    return make_texture("bricks", np.where(edge[..., None] < 3, mortar, shade[..., None] * colour), (1.0, 1.0))


def panels(rng: np.random.Generator) -> Texture:
    """Upright boards, wooden or painted."""
    columns = int(rng.choice([8, 12, 16]))
    number, edge = courses(COARSE, columns, 1, 0.0)
    colour = _wood_colour(rng) if rng.random() < 0.6 else muted(rng, 0.3, 0.8, 0.3)
    shade = rng.uniform(0.8, 1.15, columns)[number] + 0.08 * clouds(rng, COARSE, 1.0, 30)
    shade *= np.where(edge < 1.5, 0.4, 1.0)
    return make_texture("panels", (shade[..., None] * colour).transpose(1, 0, 2), (1.6, 1.6))


def wood(rng: np.random.Generator) -> Texture:
    """Boards of furniture."""
    rings = clouds(rng, COARSE, 1.6, 14)
    shade = 1 + 0.14 * np.sin(rng.uniform(3, 9) * rings) + 0.07 * clouds(rng, COARSE, 0.8, 40)
    return make_texture("wood", shade[..., None] * _wood_colour(rng), (1.2, 1.2))


def paint(rng: np.random.Generator) -> Texture:
    """A painted or plastic surface with some wear."""
    colour = muted(rng, 0.03, 0.8, rng.uniform(0, 1))
    wear = np.clip(1.2 * clouds(rng, COARSE, 1.2) - rng.uniform(2.0, 4.0), 0, 0.6)
    share = wear + 0.02 * clouds(rng, COARSE, 0.5)
    return make_texture("paint", mix(share, colour, 0.5 * colour + 0.15), (1.5, 1.5))


def cloth(rng: np.random.Generator) -> Texture:
    """Woven cloth, plain or chequered."""
    texel = np.arange(COARSE) / COARSE
    band = (np.sin(2 * np.pi * rng.integers(3, 9) * texel) > rng.uniform(-0.6, 1.2)).astype(float)
    share = 0.5 * np.add.outer(band, band).astype(np.float32)
    weave = 1 + 0.12 * clouds(rng, COARSE, 0.2) + 0.06 * clouds(rng, COARSE, 1.2)
    colours = mix(share, muted(rng, 0.04, 0.6, 0.8), muted(rng, 0.04, 0.6, 0.8))
    return make_texture("cloth", colours * weave[..., None], (0.8, 0.8))


def books(rng: np.random.Generator) -> Texture:
    """Backs of books, upright, in rows."""
    count = 48
    edges = np.sort(rng.choice(np.arange(1, COARSE), count, replace=False))
    number = np.searchsorted(edges, np.arange(COARSE))
    colours = np.stack([muted(rng, 0.02, 0.6, 1.0) for _ in range(count + 1)])[number]
    heights = (rng.uniform(0.65, 0.95, count + 1) * COARSE).astype(int)[number]
    image = np.repeat(colours[None], COARSE, axis=0)
    row = np.arange(COARSE)[:, None]
    title = (row > COARSE - 0.7 * heights) & (row < COARSE - 0.6 * heights)
    image = np.where(title[..., None], np.minimum(2.5 * image + 0.1, 0.8), image)
    image = np.where((row < COARSE - heights)[..., None], 0.01, image)
    image[:, np.isin(np.arange(COARSE), edges)] *= 0.3
    return make_texture("books", image, (1.4, 0.35))


FLOORS = (planks, planks, parquet, tiles, tiles, carpet, terrazzo, concrete)
WALLS = (plaster, plaster, plaster, wallpaper, bricks, panels, concrete, tiles)
FURNITURE = (wood, wood, wood, paint, paint, paint, cloth)
