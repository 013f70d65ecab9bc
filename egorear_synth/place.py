"""Where the wearer is: floor, light and sky."""

from dataclasses import dataclass

import numpy as np

from egorear_synth.floor import Floor
from egorear_synth.renderer import Light, make_light


@dataclass(frozen=True, eq=False)
class Place:
    """Everything that can be seen beside the wearer.

    Attributes:
        floor: z = 0.
        light: light and sky.
        facts: what is written about this place into a data set, JSON values only.
    """

    floor: Floor
    light: Light
    facts: dict[str, object]


def make_place(rng: np.random.Generator) -> Place:
    """Return a random place."""
    return Place(Floor(rng), make_light(rng), {})
