"""What the wearer has on: a colour for every body part, and cloth that stands off the skin."""

from dataclasses import dataclass

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.body import Body
from egorear_synth.skinning import vertex_normals

# Linear RGB reflectances.
SKIN = ((0.60, 0.36, 0.25), (0.50, 0.28, 0.18), (0.33, 0.17, 0.10), (0.16, 0.08, 0.05), (0.68, 0.44, 0.33))
HAIR = ((0.02, 0.015, 0.01), (0.07, 0.035, 0.02), (0.20, 0.11, 0.05), (0.38, 0.27, 0.13), (0.25, 0.25, 0.25))
SHIRTS = (
    (0.55, 0.05, 0.05),
    (0.06, 0.20, 0.50),
    (0.75, 0.72, 0.10),
    (0.05, 0.32, 0.16),
    (0.70, 0.38, 0.03),
    (0.35, 0.08, 0.35),
)
TROUSERS = ((0.035, 0.06, 0.16), (0.04, 0.04, 0.045), (0.30, 0.23, 0.13), (0.12, 0.13, 0.10), (0.18, 0.20, 0.24))
SHOES = ((0.70, 0.70, 0.68), (0.03, 0.03, 0.03), (0.35, 0.03, 0.03), (0.20, 0.09, 0.04))
EYES = (0.75, 0.75, 0.75)

ARMS = ("left_upper_arm", "right_upper_arm")
FOREARMS = ("left_forearm", "right_forearm")
SHANKS = ("left_shank", "right_shank")
THIGHS = ("left_thigh", "right_thigh")

HAIR_DEPTH = 0.012
SHIRT_DEPTH = 0.008
TROUSER_DEPTH = 0.006


@dataclass(frozen=True)
class Outfit:
    """Colours (linear RGB) and cut of one person's clothes, skin and hair."""

    skin: tuple[float, float, float]
    hair: tuple[float, float, float]
    shirt: tuple[float, float, float]
    trousers: tuple[float, float, float]
    shoes: tuple[float, float, float]
    long_sleeves: bool
    long_trousers: bool

    def part_colours(self, part_names: tuple[str, ...]) -> FloatArray:
        """Return the (P, 3) linear RGB of body parts."""
        colours = dict.fromkeys(part_names, self.skin)
        colours |= {
            "scalp": self.hair,
            "eyes": EYES,
            "left_foot": self.shoes,
            "right_foot": self.shoes,
        }
        colours |= dict.fromkeys(self.shirt_parts, self.shirt) | dict.fromkeys(self.trouser_parts, self.trousers)
        return np.array([colours[name] for name in part_names])

    @property
    def shirt_parts(self) -> tuple[str, ...]:
        """Body parts under the shirt."""
        return ("torso", *ARMS, *(FOREARMS if self.long_sleeves else ()))

    @property
    def trouser_parts(self) -> tuple[str, ...]:
        """Body parts under the trousers."""
        return ("hips", *THIGHS, *(SHANKS if self.long_trousers else ()))


def make_outfit(rng: np.random.Generator) -> Outfit:
    """Return random clothes, skin and hair."""

    def pick(choices: tuple[tuple[float, float, float], ...]) -> tuple[float, float, float]:
        red, green, blue = np.array(choices[rng.integers(len(choices))]) * rng.uniform(0.85, 1.15)
        return float(red), float(green), float(blue)

    return Outfit(
        skin=pick(SKIN),
        hair=pick(HAIR),
        shirt=pick(SHIRTS),
        trousers=pick(TROUSERS),
        shoes=pick(SHOES),
        long_sleeves=bool(rng.random() < 0.5),
        long_trousers=bool(rng.random() < 0.8),
    )


def dress(body: Body, outfit: Outfit) -> FloatArray:
    """Return the (N, 3) rest vertices with cloth and hair standing off the skin."""
    depths = dict.fromkeys(body.part_names, 0.0)
    depths |= dict.fromkeys(outfit.shirt_parts, SHIRT_DEPTH) | dict.fromkeys(outfit.trouser_parts, TROUSER_DEPTH)
    depths["scalp"] = HAIR_DEPTH
    depth_of_face = np.array([depths[name] for name in body.part_names])[body.face_parts]
    corners = body.faces.ravel()
    depth = np.bincount(corners, np.repeat(depth_of_face, 3), len(body.vertices)) / np.bincount(
        corners, minlength=len(body.vertices)
    )
    return body.vertices + depth[:, None] * vertex_normals(body.vertices, body.faces)
