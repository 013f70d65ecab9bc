"""A person: build, skin, hair and clothes, ready to be moved."""

from dataclasses import dataclass

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.body import Body, make_body
from egorear_synth.dressing import dress
from egorear_synth.outfit import make_outfit
from egorear_synth.population import body_facts, make_phenotype


@dataclass(frozen=True, eq=False)
class Person:
    """Who wears the rig.

    Attributes:
        body: dressed mesh, skeleton and parts; clothes are parts of it.
        face_colours: (F, 3) linear RGB of the body's faces.
        facts: what is written about this person into a data set, JSON values only.
    """

    body: Body
    face_colours: FloatArray
    facts: dict[str, object]

    @property
    def vertices(self) -> FloatArray:
        """(N, 3) at rest, dressed, m."""
        return self.body.vertices


def make_person(rng: np.random.Generator) -> Person:
    """Return a random person."""
    phenotype = make_phenotype(rng)
    bare = make_body(phenotype)
    outfit = make_outfit(rng, phenotype.male, phenotype.age_years)
    body, colours = dress(bare, outfit)
    return Person(body, colours, body_facts(phenotype, bare) | outfit.facts())
