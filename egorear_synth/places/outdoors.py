"""Outdoor ground: lawn, street, gravel, paving, with what stands on it, under a sky."""

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.places import furniture, outdoor_patterns
from egorear_synth.places.arrange import Arrangement
from egorear_synth.places.builder import Block, Builder
from egorear_synth.places.clearance import Clearance
from egorear_synth.places.indoor_patterns import FURNITURE, bricks
from egorear_synth.places.light import Light, ambience, lamp, share_out, sun
from egorear_synth.places.plants import grow
from egorear_synth.places.room import Made
from egorear_synth.places.surfaces import Look, Shadow
from egorear_synth.places.wardrobe import Wardrobe
from egorear_synth.shading import Ambience

EXTENT_M = 150.0
"""From the middle to the end of the ground, which haze hides."""

PLANTS_SHARE = 0.4
"""Of the grounds on which plants stand in the person's way."""

SKIES = ("clear", "cloudy", "overcast")


def make_outdoors(rng: np.random.Generator, clearance: Clearance, wardrobe: Wardrobe) -> Made:
    """Return random ground around a person's way: surfaces, lights, light from all sides, and facts."""
    builder = Builder(rng)
    low, high = clearance.bounds
    middle = 0.5 * (low + high)
    ground = wardrobe.pick(outdoor_patterns.GROUNDS, 2.5)
    corner = np.array([middle[0] - EXTENT_M, middle[1] + EXTENT_M, 0.0])
    builder.rectangle(corner, np.array([2 * EXTENT_M, 0, 0]), np.array([0, -2 * EXTENT_M, 0]), ground, Shadow.NONE)
    strips = _strips(rng, builder, middle, wardrobe)
    leaves = Look(outdoor_patterns.leaves(rng))
    arrangement = _furnish(rng, builder, clearance, wardrobe, leaves)
    grows = rng.random() < PLANTS_SHARE
    plants = grow(builder, clearance.floor, wardrobe.shade(leaves)) if grows else {}
    _surroundings(rng, builder, middle, float(np.hypot(*(high - low))), wardrobe)
    kind = SKIES[rng.integers(len(SKIES))]
    lights, light_around, ambient = _sky(rng, builder, kind, ground, np.append(middle, 0.0))
    facts: dict[str, object] = {
        "kind": "outdoors",
        "sky": kind,
        "strips": strips,
        "plants": plants,
        "textures": list(wardrobe.names),
        "furniture": arrangement.facts,
        "ambient": round(ambient, 4),
    }
    return builder.surfaces(), lights, light_around, facts


def _strips(rng: np.random.Generator, builder: Builder, middle: FloatArray, wardrobe: Wardrobe) -> int:
    """A path, a verge: long strips of other ground."""
    count = int(rng.integers(0, 3))
    for index in range(count):
        look = wardrobe.pick(outdoor_patterns.GROUNDS, 2.5)
        place = middle + rng.normal(0, 2.0, 2)
        size = np.array([60.0, rng.uniform(0.6, 3.0)])
        builder.carpet(np.array([*place, 0.002 * (index + 1)]), size, rng.uniform(0, np.pi), look)
    return count


def _furnish(
    rng: np.random.Generator, builder: Builder, clearance: Clearance, wardrobe: Wardrobe, leaves: Look
) -> Arrangement:
    looks = [wardrobe.pick((*FURNITURE, bricks), 1.0) for _ in range(2)]
    bark = Look(outdoor_patterns.bark(rng))
    arrangement = Arrangement(rng, clearance, None)
    for index in range(int(rng.integers(3, 9))):
        piece = arrangement.over_feet() if index < 2 else arrangement.place(furniture.OUTDOORS)
        green = bool(arrangement.facts) and arrangement.facts[-1]["kind"] == "hedge"
        look = wardrobe.shade(leaves if green else looks[rng.integers(len(looks))])
        for block in piece or ():
            builder.block(block, look)
    for _ in range(int(rng.integers(0, 4))):
        height = rng.uniform(2.2, 3.5)
        foot = arrangement.column(rng.uniform(0.06, 0.3), height)
        if foot is not None:
            builder.column(*foot, height, wardrobe.shade(bark))
            _crown(rng, builder, foot[0], height, wardrobe.shade(leaves))
    return arrangement


def _crown(rng: np.random.Generator, builder: Builder, foot: FloatArray, height: float, look: Look) -> None:
    """Three rings of leaves, the middle one the widest."""
    radius, depth = rng.uniform(0.7, 1.8), rng.uniform(0.4, 0.8)
    for index, share in enumerate((0.75, 1.0, 0.6)):
        ring = foot + np.array([*rng.normal(0, 0.1, 2), height - 0.1 + index * depth])
        builder.column(ring, share * radius, depth, look)


def _surroundings(
    rng: np.random.Generator, builder: Builder, middle: FloatArray, across: float, wardrobe: Wardrobe
) -> None:
    """Houses, walls and hedges some way off."""
    for _ in range(int(rng.integers(0, 6))):
        pattern = (outdoor_patterns.facade, bricks, outdoor_patterns.leaves)[rng.integers(3)]
        height = rng.uniform(4, 14) if pattern is outdoor_patterns.facade else rng.uniform(1.2, 2.5)
        size = (rng.uniform(3, 10), rng.uniform(6, 25), height)
        angle = rng.uniform(0, 2 * np.pi)
        far = 0.5 * across + 0.5 * float(np.hypot(*size[:2])) + rng.uniform(2, 15)
        x, y = middle + far * np.array([np.cos(angle), np.sin(angle)])
        builder.block(Block((float(x), float(y), 0.5 * height), size, angle), wardrobe.pick((pattern,), 3.0))


def _sky(
    rng: np.random.Generator, builder: Builder, kind: str, ground: Look, middle: FloatArray
) -> tuple[tuple[Light, ...], Ambience, float]:
    """A sky, its sun, sometimes a street lamp, and what shines from all sides."""
    radius = {"clear": rng.uniform(0.005, 0.015), "cloudy": rng.uniform(0.01, 0.08), "overcast": 0.5}[kind]
    share = {"clear": rng.uniform(0.2, 0.4), "cloudy": rng.uniform(0.3, 0.6), "overcast": rng.uniform(0.6, 0.8)}[kind]
    lights = [sun(rng, (60 if kind == "overcast" else 22, 78), radius)]
    if kind != "clear" and rng.random() < 0.3:
        place = middle + np.array([*rng.uniform(-4, 4, 2), rng.uniform(2.5, 5.0)])
        lights.append(lamp(rng, place, rng.uniform(0.05, 0.2)))
    shares = np.array([1.0, 0.3])[: len(lights)]
    total = rng.uniform(0.7, 1.3)
    made = share_out(lights, shares / shares.sum(), total * (1 - share), middle)
    grey = rng.uniform(0.6, 1.0)
    blue = np.array([0.35, 0.55, 1.0]) if kind != "overcast" else np.array([0.85, 0.92, 1.0])
    tint = (0.5 + 0.5 * blue) / (0.5 + 0.5 * blue).mean()
    above = total * share * tint
    below = total * ground.texture.mean_colour * rng.uniform(0.5, 0.9) + 0.1 * above
    cover = {"clear": 0.0, "cloudy": rng.uniform(0.3, 0.8), "overcast": 0.0}[kind]
    horizon, zenith = grey * np.array([0.9, 0.95, 1.0]), grey * (0.15 + 0.75 * blue)
    sky = builder.show(outdoor_patterns.sky_clouds(rng)) if cover else 0
    clouds = (np.full(3, 1.05 * grey), cover, sky)
    return made, ambience(above, below, horizon, zenith, haze_m=rng.uniform(35, 90), clouds=clouds), total * share
