"""Adults as they come: stature in metres, age bands, builds, and what of that is written down."""

from dataclasses import replace

import numpy as np

from egorear_synth.body import Body, stature
from egorear_synth.phenotype import Phenotype, sample_phenotype

SHORTEST_M, TALLEST_M = 1.50, 2.00
"""In shoes."""

MEAN_HEIGHT_M = (1.65, 1.78)
"""Of women and men, in shoes; a broad mixture of the world's populations."""

HEIGHT_SPREAD_M = 0.08

AGE_BANDS = ((18, 30), (30, 45), (45, 60), (60, 81))

DENSITY = 1000.0
"""Of a body, kg/m^3."""


def make_phenotype(rng: np.random.Generator) -> Phenotype:
    """Return a random adult between 1.50 and 2.00 m tall."""
    phenotype = sample_phenotype(rng)
    women, men = MEAN_HEIGHT_M
    mean = women + phenotype.male * (men - women)
    height_m = mean + HEIGHT_SPREAD_M * float(np.clip(rng.normal(), -2.5, 2.5))
    return with_height(phenotype, float(np.clip(height_m, SHORTEST_M + 0.005, TALLEST_M - 0.005)))


def with_height(phenotype: Phenotype, height_m: float) -> Phenotype:
    """Return the same person of some height in shoes, m, as nearly as bodies come.

    Stature grows with `Phenotype.height` in two straight pieces, but for the highest vertex, which may change.
    """
    heights = np.array([0.0, 0.5, 1.0])
    statures = np.array([stature(replace(phenotype, height=value)) for value in heights])
    return replace(phenotype, height=float(np.interp(height_m, statures, heights)))


def age_band(age_years: float) -> str:
    """Return the band of an adult's age, for example "30-44"."""
    low, high = next((low, high) for low, high in AGE_BANDS if age_years < high)
    return f"{low}-{high - 1}"


def mass_kg(body: Body) -> float:
    """Return the mass of a bare body, from the volume of its mesh.

    The mesh is open where feet were cut off, on a horizontal plane, so volumes count from that plane; what is
    below it is added from the shoes.
    """
    shoes = np.isin(body.face_parts, [body.part_names.index(f"{side}_foot") for side in ("left", "right")])
    plane = body.part_vertices("left_shank", "right_shank")[:, 2].min()
    above = _volume(body, body.faces[~shoes], plane)
    return DENSITY * (above + 0.6 * _volume(body, body.faces[shoes], plane))


def _volume(body: Body, faces: np.ndarray, plane: float) -> float:
    first, second, third = ((body.vertices - [0.0, 0.0, plane])[faces[:, corner]] for corner in range(3))
    return float(np.einsum("ij,ij->i", first, np.cross(second, third)).sum() / 6)


def build_name(phenotype: Phenotype, body: Body) -> str:
    """Return a word for a build, from mass over height squared and muscle."""
    index = mass_kg(body) / float(body.vertices[:, 2].max()) ** 2
    if phenotype.muscle > 0.65 and index < 28:
        return "strong"
    if index > 25:
        return "heavy"
    return "slim" if index < 19.5 else "average"


def body_facts(phenotype: Phenotype, body: Body) -> dict[str, object]:
    """Return what a data set says about a body, JSON values only."""
    return {
        "male_share": round(phenotype.male, 3),
        "age_years": round(phenotype.age_years, 1),
        "age_band": age_band(phenotype.age_years),
        "height_m": round(float(body.vertices[:, 2].max()), 3),
        "mass_kg": round(mass_kg(body), 1),
        "build": build_name(phenotype, body),
        "muscle": round(phenotype.muscle, 3),
        "weight": round(phenotype.weight, 3),
        "proportions": round(phenotype.proportions, 3),
        "details": {name: round(value, 3) for name, value in phenotype.details.items()},
    }
