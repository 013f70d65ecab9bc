"""What somebody wears: kinds, cuts, colours and patterns of clothes, and the choice of them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from egorear_synth.hair import DEPTH_M, HairCut, Style

Colour = tuple[float, float, float]

# Linear RGB reflectances.
SKIN: tuple[Colour, ...] = (
    (0.66, 0.42, 0.32), (0.60, 0.36, 0.25), (0.50, 0.28, 0.18), (0.40, 0.21, 0.13),
    (0.28, 0.14, 0.08), (0.16, 0.08, 0.05), (0.09, 0.045, 0.03),
)  # fmt: skip
HAIR: tuple[Colour, ...] = (
    (0.012, 0.01, 0.008), (0.03, 0.018, 0.01), (0.07, 0.035, 0.02), (0.14, 0.06, 0.025), (0.36, 0.25, 0.11),
    (0.22, 0.06, 0.02),
)  # fmt: skip
GREY_HAIR: tuple[Colour, ...] = ((0.25, 0.25, 0.25), (0.45, 0.45, 0.44), (0.10, 0.10, 0.10))
CLOTHS: tuple[Colour, ...] = (
    (0.55, 0.05, 0.05), (0.06, 0.20, 0.50), (0.75, 0.68, 0.10), (0.05, 0.32, 0.16), (0.70, 0.38, 0.03),
    (0.35, 0.08, 0.35), (0.78, 0.78, 0.76), (0.03, 0.03, 0.035), (0.30, 0.31, 0.33), (0.62, 0.45, 0.38),
    (0.20, 0.42, 0.50), (0.45, 0.40, 0.28), (0.10, 0.12, 0.24), (0.16, 0.06, 0.04), (0.62, 0.28, 0.36),
)  # fmt: skip
TROUSERS: tuple[Colour, ...] = (
    (0.035, 0.06, 0.16), (0.04, 0.04, 0.045), (0.30, 0.23, 0.13), (0.12, 0.13, 0.10), (0.18, 0.20, 0.24),
    (0.16, 0.25, 0.42), (0.55, 0.53, 0.48), (0.10, 0.05, 0.04), (0.05, 0.12, 0.08),
)  # fmt: skip
SHOES: tuple[Colour, ...] = (
    (0.70, 0.70, 0.68), (0.03, 0.03, 0.03), (0.35, 0.03, 0.03), (0.20, 0.09, 0.04), (0.10, 0.12, 0.30),
    (0.30, 0.24, 0.16),
)  # fmt: skip
SOLES: tuple[Colour, ...] = ((0.75, 0.75, 0.73), (0.04, 0.04, 0.04), (0.35, 0.22, 0.10))
GLOVES: tuple[Colour, ...] = ((0.03, 0.03, 0.03), (0.25, 0.13, 0.06), (0.65, 0.62, 0.55), (0.45, 0.05, 0.05))

TopKind = Literal["T-shirt", "tank top", "shirt", "pullover", "jacket", "open jacket", "coat", "dress"]
BottomKind = Literal["trousers", "jeans", "leggings", "shorts", "skirt", "long skirt", "none"]
ShoeKind = Literal["sneakers", "shoes", "boots"]
Pattern = Literal["plain", "stripes", "yoke", "print"]


@dataclass(frozen=True)
class Outfit:
    """One person's skin, hair and clothes; colours in linear RGB.

    Attributes:
        skin, hair: colours.
        hair_cut: on the head.
        top, bottom, shoes: kinds; a dress has no bottom.
        top_colour, second_colour, bottom_colour, shoe_colour, sole_colour: of the clothes.
        pattern: on the top, in `second_colour`.
        looseness: 0: tight, 1: hanging straight.
        sleeve: 0: none, 1: to the elbow, 2: to the wrist.
        leg: length of trousers, 1: to the knee, 2: to the ankle; of a skirt or coat the same.
        flare: of a skirt, dress or coat, m per m.
        tucked: the top is under the trousers' or skirt's waist.
        gloves: their colour; None: bare hands.
    """

    skin: Colour
    hair: Colour
    hair_cut: HairCut
    top: TopKind
    bottom: BottomKind
    shoes: ShoeKind
    top_colour: Colour
    second_colour: Colour
    bottom_colour: Colour
    shoe_colour: Colour
    sole_colour: Colour
    pattern: Pattern
    looseness: float
    sleeve: float
    leg: float
    flare: float
    tucked: bool
    gloves: Colour | None

    def facts(self) -> dict[str, object]:
        """Return what a data set says about clothes and looks, JSON values only."""
        return {
            "skin_rgb": [round(value, 3) for value in self.skin],
            "hair": self.hair_cut.style,
            "beard": self.hair_cut.beard_m > 0,
            "top": self.top,
            "bottom": self.bottom,
            "shoes": self.shoes,
            "gloves": self.gloves is not None,
            "pattern": self.pattern,
            "looseness": round(self.looseness, 3),
        }


def make_outfit(rng: np.random.Generator, male: float, age_years: float) -> Outfit:
    """Return random looks and clothes.

    Args:
        rng: decides everything.
        male: share; skirts and dresses are rarer the larger it is, baldness and beards more frequent.
        age_years: grey hair comes with it.
    """
    top = _top_kind(rng, male)
    bottom = _bottom_kind(rng, male, top)
    grey = rng.random() < np.clip((age_years - 40) / 45, 0.0, 0.9)
    sleeve = {"T-shirt": rng.uniform(0.4, 0.9), "tank top": 0.13, "dress": rng.choice([0.13, 0.6, 1.9])}
    return Outfit(
        skin=_pick(rng, SKIN),
        hair=_pick(rng, GREY_HAIR if grey else HAIR),
        hair_cut=_hair_cut(rng, male, age_years),
        top=top,
        bottom=bottom,
        shoes=_choose(rng, ("sneakers", "shoes", "boots"), (0.5, 0.3, 0.2)),
        top_colour=_pick(rng, CLOTHS),
        second_colour=_pick(rng, CLOTHS),
        bottom_colour=_pick(rng, TROUSERS if rng.random() < 0.75 else CLOTHS),
        shoe_colour=_pick(rng, SHOES),
        sole_colour=_pick(rng, SOLES),
        pattern=_choose(rng, ("plain", "stripes", "yoke", "print"), (0.55, 0.2, 0.12, 0.13)),
        looseness=float(rng.uniform(0.0, 0.35) if bottom == "leggings" else rng.uniform(0.15, 1.0)),
        sleeve=float(sleeve.get(top, rng.uniform(1.88, 2.0) if rng.random() < 0.85 else rng.uniform(1.1, 1.6))),
        leg=float(
            {"shorts": rng.uniform(0.6, 1.1), "skirt": rng.uniform(0.75, 1.2)}.get(bottom, _long_leg(rng, top, bottom))
        ),
        flare=float(rng.uniform(0.0, 0.28)),
        tucked=bool(rng.random() < 0.4) or bottom in ("skirt", "long skirt"),
        gloves=_pick(rng, GLOVES) if rng.random() < (0.3 if top in ("coat", "jacket") else 0.06) else None,
    )


def _top_kind(rng: np.random.Generator, male: float) -> TopKind:
    kinds: tuple[TopKind, ...] = ("T-shirt", "tank top", "shirt", "pullover", "jacket", "open jacket", "coat", "dress")
    return _choose(rng, kinds, (0.24, 0.05, 0.16, 0.15, 0.12, 0.08, 0.11, 0.18 * (1 - male)))


def _bottom_kind(rng: np.random.Generator, male: float, top: TopKind) -> BottomKind:
    if top == "dress":
        return "none"
    kinds: tuple[BottomKind, ...] = ("trousers", "jeans", "leggings", "shorts", "skirt", "long skirt")
    skirts = 0.0 if top in ("coat", "jacket", "open jacket") else 1.0 - male
    return _choose(rng, kinds, (0.33, 0.27, 0.06 + 0.1 * (1 - male), 0.17, 0.16 * skirts, 0.2 * skirts))


def _long_leg(rng: np.random.Generator, top: TopKind, bottom: BottomKind) -> float:
    if bottom in ("none", "long skirt"):
        return float(rng.uniform(1.0, 1.85) if top == "dress" else rng.uniform(1.4, 1.85))
    return float(rng.uniform(1.88, 1.97))


def _hair_cut(rng: np.random.Generator, male: float, age_years: float) -> HairCut:
    styles: tuple[Style, ...] = ("bald", "buzz", "short", "long", "ponytail", "bun")
    bald = 0.05 + 0.25 * male * np.clip((age_years - 30) / 40, 0.0, 1.0)
    long = 1.0 - 0.85 * male
    style = _choose(rng, styles, (bald * male, 0.05 + 0.15 * male, 0.45, 0.45 * long, 0.3 * long, 0.12 * long))
    depth = DEPTH_M[style] * rng.uniform(0.7, 1.6)
    beard = float(rng.uniform(0.001, 0.01)) if male > 0.6 and rng.random() < 0.4 else 0.0
    return HairCut(style, float(rng.uniform(0.05, 0.3)), float(depth), beard)


def _choose(rng: np.random.Generator, kinds: tuple, weights: tuple[float, ...]):  # type: ignore[no-untyped-def]  # noqa: ANN202
    shares = np.array(weights, dtype=np.float64)
    return kinds[int(rng.choice(len(kinds), p=shares / shares.sum()))]


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    red, green, blue = np.clip(
        np.array(colours[rng.integers(len(colours))]) * rng.uniform(0.8, 1.2) * rng.uniform(0.94, 1.06, 3), 0.004, 0.85
    )
    return float(red), float(green), float(blue)
