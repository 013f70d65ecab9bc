"""Where the wearer is: what stands still there, light and sky."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.arrays import Bools
from egorear_synth.places.clearance import Clearance
from egorear_synth.places.light import Light
from egorear_synth.places.outdoors import make_outdoors
from egorear_synth.places.room import make_room
from egorear_synth.places.surfaces import Surfaces
from egorear_synth.places.texture_folder import TextureFolder
from egorear_synth.places.wardrobe import Wardrobe
from egorear_synth.shading import Ambience

OUTDOORS_SHARE = 0.4


@dataclass(frozen=True, eq=False)
class Place:
    """Everything that can be seen beside the wearer.

    Attributes:
        surfaces: ground, walls and furniture.
        lights: lamps and suns, which cast shadows.
        ambience: light from all sides, and the sky.
        facts: what is written about this place into a data set, JSON values only.
    """

    surfaces: Surfaces
    lights: tuple[Light, ...]
    ambience: Ambience
    facts: dict[str, object]

    @cached_property
    def lamp_cells(self) -> tuple[Bools, ...]:
        """Directions from each light in which something casts shadows; of a distant light without meaning."""
        return tuple(self.surfaces.directions_from(light.position, light.reach) for light in self.lights)


def make_place(
    rng: np.random.Generator, occupied: FloatArray | None = None, textures: TextureFolder | None = None
) -> Place:
    """Return a random room or outdoor ground.

    Args:
        rng: decides everything.
        occupied: where nothing may stand: (N, 2) points of the floor on which a person stands or walks, around
            which there is room for the whole person, or (N, 3) points of the moving body itself, m, to which
            furniture may then come near; without it, a circle of 3 m around the origin.
        textures: the user's own; about half of the surfaces show one of them.

    Raises:
        ValueError: `occupied` has another shape, no points, or numbers that are not finite.
        TextureError: an image cannot be read.
    """
    clearance, wardrobe = Clearance(occupied), Wardrobe(rng, textures)
    make = make_outdoors if rng.random() < OUTDOORS_SHARE else make_room
    surfaces, lights, around, facts = make(rng, clearance, wardrobe)
    return Place(surfaces, lights, around, facts | {"lights": [light.facts() for light in lights]})
