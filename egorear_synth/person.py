"""A person: build, skin, hair and clothes, ready to be moved."""

from dataclasses import dataclass

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.body import Body, build_names, make_body
from egorear_synth.outfit import dress, make_outfit


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
    from dataclasses import replace

    shares = rng.dirichlet(np.full(len(build_names()), 0.5))
    body = make_body(shares)
    outfit = make_outfit(rng)
    facts: dict[str, object] = {"build_shares": dict(zip(build_names(), shares.round(4).tolist(), strict=True))}
    return Person(
        replace(body, vertices=dress(body, outfit)), outfit.part_colours(body.part_names)[body.face_parts], facts
    )
