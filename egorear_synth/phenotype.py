"""What makes bodies differ: sex, age, build, stature and proportions, and the mesh corners they blend."""

from dataclasses import dataclass, field

import numpy as np

from egorear_ros.structures import FloatArray

YOUNG_YEARS, OLD_YEARS = 25.0, 90.0
"""Ages of the bodies that all others are between."""

HEAVIEST = 2.0
"""MakeHuman's heaviest corner, 1, has a body mass index of 23; heavier people lie beyond it on the same line."""

HEADS = ("african", "asian", "caucasian")
"""Shapes of the head in MakeHuman's base mesh, under the names it gives them."""

DETAILS = (
    "shoulder_width", "chest_width", "chest_depth", "trunk_length", "hip_width", "belly", "buttocks",
    "thigh_length", "shank_length", "upper_arm_length", "forearm_length", "neck_length", "neck_girth",
    "head_width", "head_depth", "hand_size", "foot_size", "bust",
)  # fmt: skip


@dataclass(frozen=True)
class Phenotype:
    """A body's coordinates, before it is measured.

    Attributes:
        male: 0: woman, 1: man, between: between.
        age_years: from 18; below 25 no younger than 25.
        muscle, height, proportions: 0 to 1; 0.5 is the average adult of that sex and age.
        weight: the same, and up to `HEAVIEST`.
        heads: shares of `HEADS`, summing to 1.
        details: -1 to 1 for some of `DETAILS`; 0, the average, for the others.
    """

    male: float = 0.5
    age_years: float = 35.0
    muscle: float = 0.5
    weight: float = 0.5
    height: float = 0.5
    proportions: float = 0.5
    heads: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3)
    details: dict[str, float] = field(default_factory=dict)


def corner_shares(phenotype: Phenotype, names: tuple[str, ...]) -> FloatArray:
    """Return the (C,) weights of corners of the body space.

    Args:
        phenotype: whose.
        names: of the corners: a kind, and on which end of which property the corner is.

    Raises:
        ValueError: a detail is unknown.
    """
    unknown = set(phenotype.details) - set(DETAILS)
    if unknown:
        raise ValueError(f"no detail of a body is called {min(unknown)!r}; there are {', '.join(DETAILS)}.")
    share = _ends(phenotype)
    return np.array([np.prod([share[word] for word in name.split()]) for name in _words(names)])


def _words(names: tuple[str, ...]) -> list[str]:
    """Return the corners' names with each property's end as one word: `height low` as `height_low`."""
    return [
        "_".join(name.split()) if name.startswith("detail") else name.replace(" low", "_low").replace(" high", "_high")
        for name in names
    ]


def _ends(phenotype: Phenotype) -> dict[str, float]:
    old = float(np.clip((phenotype.age_years - YOUNG_YEARS) / (OLD_YEARS - YOUNG_YEARS), 0.0, 1.0))
    share = {"female": 1.0 - phenotype.male, "male": phenotype.male, "young": 1.0 - old, "old": old}
    share |= {"head": 1.0, "build": 1.0} | dict(zip(HEADS, phenotype.heads, strict=True))
    for name in ("muscle", "weight"):
        low, high = _outer(getattr(phenotype, name))
        share |= {f"min{name}": low, f"average{name}": 1.0 - low - high, f"max{name}": high}
    for name in ("height", "proportions"):
        share[f"{name}_low"], share[f"{name}_high"] = _outer(getattr(phenotype, name))
    for name in DETAILS:
        value = phenotype.details.get(name, 0.0)
        share[f"detail_{name}_less"], share[f"detail_{name}_more"] = max(0.0, -value), max(0.0, value)
    return share


def _outer(value: float) -> tuple[float, float]:
    """Return the shares of the two ends of a scale whose middle, 0.5, is a corner of its own."""
    return max(0.0, 1.0 - 2.0 * value), max(0.0, 2.0 * value - 1.0)


def sample_phenotype(rng: np.random.Generator) -> Phenotype:
    """Return a random adult of average stature; `population.make_phenotype` gives them a height in metres."""

    def around(middle: float, spread: float, low: float, high: float) -> float:
        return float(np.clip(rng.normal(middle, spread), low, high))

    man = bool(rng.random() < 0.5)
    weight = around(0.95, 0.45, 0.1, HEAVIEST)
    androgyny = float(min(abs(rng.normal(0.0, 0.12)), 0.4))
    return Phenotype(
        male=1.0 - androgyny if man else androgyny,
        age_years=float(rng.uniform(18.0, 80.0)),
        muscle=around(0.5, 0.16, 0.1, 0.95),
        weight=weight,
        height=0.5,
        proportions=around(0.55, 0.2, 0.1, 0.95),
        heads=_heads(rng),
        details={name: _detail(name, 0.3 * (weight - 0.6) if name == "belly" else 0.0, rng) for name in DETAILS},
    )


def _heads(rng: np.random.Generator) -> tuple[float, float, float]:
    first, second, third = rng.dirichlet((0.6, 0.6, 0.6)).tolist()
    return first, second, third


def _detail(name: str, middle: float, rng: np.random.Generator) -> float:
    spread = {"belly": 0.12, "bust": 0.4}.get(name, 0.35)
    return float(np.clip(middle + spread * np.clip(rng.normal(), -2.5, 2.5), -1.0, 1.0))
