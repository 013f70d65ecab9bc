"""Rooms: floor, walls, skirting, windows, ceiling, lamps and furniture."""

from dataclasses import dataclass

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.places import furniture, indoor_patterns
from egorear_synth.places.arrange import Arrangement
from egorear_synth.places.builder import Block, Builder
from egorear_synth.places.clearance import Clearance
from egorear_synth.places.light import Light, ambience, lamp, share_out, sun
from egorear_synth.places.surfaces import Look, Shadow, Surfaces
from egorear_synth.places.wardrobe import Wardrobe
from egorear_synth.shading import Ambience

UP = np.array([0.0, 0.0, 1.0])

Made = tuple[Surfaces, tuple[Light, ...], Ambience, dict[str, object]]


@dataclass(frozen=True, eq=False)
class _Shell:
    """A room's inside: lowest and highest corner in x and y, and its height, m."""

    low: FloatArray
    high: FloatArray
    height: float

    @property
    def walls(self) -> list[tuple[FloatArray, FloatArray]]:
        """Lower left corner and lower edge to the right of each wall, seen from inside; (3,) m."""
        (x0, y0), (x1, y1) = self.low, self.high
        corners = np.array([[x0, y0, 0], [x0, y1, 0], [x1, y1, 0], [x1, y0, 0]])
        return [(corners[index], corners[(index + 1) % 4] - corners[index]) for index in range(4)]


def make_room(rng: np.random.Generator, clearance: Clearance, wardrobe: Wardrobe) -> Made:
    """Return a random room around a person's way: surfaces, lights, light from all sides, and facts."""
    builder = Builder(rng)
    low, high = clearance.bounds
    height = max(rng.uniform(2.3, 3.4), clearance.height + 0.2)
    shell = _Shell(low - rng.uniform(0.7, 2.2, 2), high + rng.uniform(0.7, 2.2, 2), height)
    has_ceiling = bool(rng.random() < 0.85)
    windowed = bool(rng.random() < 0.5)
    floor, walls = wardrobe.pick(indoor_patterns.FLOORS, 2.5), wardrobe.pick(indoor_patterns.WALLS, 2.0)
    _floor(builder, shell, floor)
    outwards = _walls(builder, shell, walls, wardrobe, windowed)
    ceiling = Look(indoor_patterns.plaster(rng), (1.15, 1.15, 1.15))
    if has_ceiling:
        corner = np.array([shell.low[0], shell.low[1], shell.height])
        size = shell.high - shell.low
        builder.rectangle(corner, np.array([size[0], 0, 0]), np.array([0, size[1], 0]), ceiling, Shadow.SUN)
    suns = _suns(rng, outwards, has_ceiling)
    lamps = _lamps(rng, builder, shell, clearance, has_ceiling, int(rng.integers(1, 4 - len(suns))))
    rugs = _rugs(rng, builder, shell, wardrobe)
    arrangement = _furnish(rng, builder, shell, clearance, wardrobe)
    total = rng.uniform(0.6, 1.2)
    share = rng.uniform(0.3, 0.65)
    middle = np.append(0.5 * (shell.low + shell.high), 0.0)
    lights = share_out(lamps, rng.dirichlet(np.full(len(lamps), 3.0)), total * (1 - share), middle)
    # Whoever stands in the sun that a window lets in is much brighter than the room.
    lights += share_out(suns, np.ones(len(suns)), rng.uniform(0.6, 2.0), middle)
    facts: dict[str, object] = {
        "kind": "room",
        "size_m": np.round([*(shell.high - shell.low), shell.height], 3).tolist(),
        "ceiling": has_ceiling,
        "windows": windowed,
        "rugs": rugs,
        "textures": list(wardrobe.names),
        "furniture": arrangement.facts,
        "ambient": round(total * share, 4),
    }
    return builder.surfaces(), lights, _ambience(rng, floor, walls, total * share), facts


def _floor(builder: Builder, shell: _Shell, look: Look) -> None:
    width, depth = shell.high - shell.low
    corner = np.array([shell.low[0], shell.high[1], 0.0])
    builder.rectangle(corner, np.array([width, 0, 0]), np.array([0, -depth, 0]), look, Shadow.NONE)


def _walls(builder: Builder, shell: _Shell, look: Look, wardrobe: Wardrobe, windowed: bool) -> list[float]:
    """Add walls and return the azimuths (rad) of those with windows, outwards."""
    rng = builder.rng
    outwards = []
    skirting = wardrobe.shade(Look(indoor_patterns.paint(rng))) if rng.random() < 0.75 else None
    height = rng.uniform(0.06, 0.14)
    with_windows = set(rng.permutation(4)[: int(rng.integers(1, 3))].tolist()) if windowed else set()
    for index, (corner, right) in enumerate(shell.walls):
        if index in with_windows:
            _windows(builder, corner, right, shell.height, wardrobe.shade(look))
            outwards.append(float(np.arctan2(right[0], -right[1])))
        else:
            builder.rectangle(corner + shell.height * UP, right, -shell.height * UP, wardrobe.shade(look), Shadow.SUN)
        if skirting is not None:
            along = right / np.linalg.norm(right)
            inwards = np.array([along[1], -along[0], 0.0])
            board = corner + 0.015 * inwards
            builder.rectangle(board + height * UP, right, -height * UP, skirting, Shadow.NONE)
            builder.rectangle(corner + height * UP, right, 0.015 * inwards, skirting, Shadow.NONE)
    return outwards


def _windows(builder: Builder, corner: FloatArray, right: FloatArray, height: float, look: Look) -> None:
    """A wall with evenly spaced openings: strips below and above, piers between."""
    rng = builder.rng
    length = float(np.linalg.norm(right))
    along = right / length
    count = max(int(length / rng.uniform(1.8, 3.5)), 1)
    sill, lintel = rng.choice([0.05, 0.5, 0.9]) * rng.uniform(0.9, 1.1), height - rng.uniform(0.2, 0.5)
    opening = length / count * rng.uniform(0.4, 0.75)
    builder.rectangle(corner + sill * UP, right, -sill * UP, look, Shadow.SUN)
    builder.rectangle(corner + height * UP, right, -(height - lintel) * UP, look, Shadow.SUN)
    frame = Look(indoor_patterns.paint(rng), (1.3, 1.3, 1.3))
    yaw = float(np.arctan2(along[1], along[0]))
    begin = 0.0
    for index in range(count + 1):
        end = length / count * (index + 0.5) - 0.5 * opening if index < count else length
        builder.rectangle(
            corner + begin * along + lintel * UP, (end - begin) * along, -(lintel - sill) * UP, look, Shadow.SUN
        )
        begin = end + opening
        if index < count:
            middle = corner + (end + 0.5 * opening) * along
            x, y = float(middle[0]), float(middle[1])
            bar = Block((x, y, 0.5 * (sill + lintel)), (0.05, 0.05, lintel - sill), yaw)
            board = Block((x, y, float(sill)), (opening, 0.16, 0.03), yaw)
            cross = Block((x, y, 0.6 * lintel + 0.4 * sill), (opening, 0.04, 0.04), yaw)
            for block in (bar, board, cross):
                builder.block(block, frame, Shadow.SUN)


def _suns(rng: np.random.Generator, outwards: list[float], has_ceiling: bool) -> list[Light]:
    """The sun, through a window or from above, if it can come in."""
    radius = rng.uniform(0.005, 0.03)
    if not has_ceiling:
        return [sun(rng, (45, 78), radius)]
    if not outwards or rng.random() < 0.4:
        return []
    window = outwards[int(rng.integers(len(outwards)))]
    return [sun(rng, (18, 50), radius, (window - 0.9, window + 0.9))]


def _lamps(
    rng: np.random.Generator, builder: Builder, shell: _Shell, clearance: Clearance, has_ceiling: bool, count: int
) -> list[Light]:
    """Lamps below the ceiling, or on invisible wires."""
    lights = []
    glass = indoor_patterns.paint(rng)
    for _ in range(count):
        spot = clearance.floor[rng.integers(len(clearance.floor))] + rng.normal(0, 0.8, 2)
        spot = np.clip(spot, shell.low + 0.4, shell.high - 0.4)
        # Higher than anyone reaches.
        hanging = rng.uniform(0.12, 0.4)
        z = max(shell.height - hanging, min(clearance.height + 0.1, shell.height - 0.08))
        light = lamp(rng, np.array([*spot, z]), rng.uniform(0.03, 0.12))
        lights.append(light)
        size = 2 * light.radius + 0.06
        red, green, blue = np.clip(light.strength / light.strength.max(), 0, 1).tolist()
        x, y, z = light.position.tolist()
        look = Look(glass, (red, green, blue), 6.0)
        builder.block(Block((x, y, z), (size, size, 0.05), rng.uniform(0, np.pi)), look, Shadow.NONE)
        if has_ceiling:
            builder.block(Block((x, y, 0.5 * (z + shell.height)), (0.015, 0.015, shell.height - z)), look, Shadow.NONE)
    return lights


def _rugs(rng: np.random.Generator, builder: Builder, shell: _Shell, wardrobe: Wardrobe) -> int:
    """Rugs lie where people walk as well: they are flat."""
    count = int(rng.integers(0, 3))
    for index in range(count):
        size = rng.uniform(0.8, 2.4, 2)
        middle = rng.uniform(shell.low + 0.2, shell.high - 0.2)
        half = np.minimum(0.5 * size, np.minimum(middle - shell.low, shell.high - middle))
        look = wardrobe.pick((indoor_patterns.rug, indoor_patterns.carpet), 1.5)
        builder.carpet(np.array([*middle, 0.003 * (index + 1)]), 2 * half, 0.0, look)
    return count


def _furnish(
    rng: np.random.Generator, builder: Builder, shell: _Shell, clearance: Clearance, wardrobe: Wardrobe
) -> Arrangement:
    looks = [wardrobe.pick(indoor_patterns.FURNITURE, 1.0) for _ in range(3)]
    arrangement = Arrangement(rng, clearance, (shell.low + 0.02, shell.high - 0.02))
    for index in range(int(rng.integers(4, 12))):
        piece = arrangement.over_feet() if index < 2 else arrangement.place(furniture.INDOORS)
        look = wardrobe.shade(looks[rng.integers(len(looks))])
        for block in piece or ():
            builder.block(block, look)
    for _ in range(int(rng.integers(0, 3))):
        foot = arrangement.column(rng.uniform(0.12, 0.3), shell.height)
        if foot is not None:
            builder.column(*foot, shell.height, wardrobe.shade(looks[0]))
    return arrangement


def _ambience(rng: np.random.Generator, floor: Look, walls: Look, total: float) -> Ambience:
    """Light from all sides has some of the colour of what it comes from; windows show a bright sky."""
    wall = walls.texture.mean_colour / walls.texture.mean_colour.mean()
    ground = floor.texture.mean_colour
    above = total * (0.6 + 0.4 * wall)
    below = above * (0.35 + 0.5 * ground)
    sky = np.array([0.75, 0.85, 1.0]) * rng.uniform(0.8, 1.5)
    return ambience(above, below, sky, 0.8 * sky)
