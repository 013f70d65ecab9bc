"""How the rig sits on the head."""

from dataclasses import dataclass

import numpy as np

from egorear_ros.structures import FloatArray, Rig
from egorear_synth.person import Person
from egorear_synth.placement import place_on_head

# Linear RGB reflectances.
SHELLS = ((0.70, 0.70, 0.72), (0.03, 0.03, 0.035), (0.75, 0.45, 0.02), (0.05, 0.12, 0.40))
CAMERAS = (0.02, 0.02, 0.02)


@dataclass(frozen=True, eq=False)
class Mount:
    """The rig on a resting head.

    Attributes:
        T_rest_device: (4, 4).
        part_colours: (2, 3) linear RGB of shell and cameras, see `helmet.RIG_PARTS`.
        facts: what is written about this mount into a data set, JSON values only.
    """

    T_rest_device: FloatArray
    part_colours: FloatArray
    facts: dict[str, object]


def neutral_mount(rig: Rig, person: Person, rng: np.random.Generator) -> Mount:
    """Return the rig, in a random colour, where `placement.place_on_head` puts it."""
    shell = np.array(SHELLS[rng.integers(len(SHELLS))]) * rng.uniform(0.85, 1.15)
    return Mount(place_on_head(rig, person.body, person.vertices), np.stack([shell, CAMERAS]), {})
