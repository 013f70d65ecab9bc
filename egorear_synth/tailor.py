"""Lines and levels of a resting body that clothes are cut by."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.body import Body
from egorear_synth.cloth import Bools, Piece, bare
from egorear_synth.drape import Axis, Envelope, envelope

SIDES = ("left", "right")
TRUNK = ("torso", "hips")


@dataclass(frozen=True, eq=False)
class Tailor:
    """Measures of a body.

    Attributes:
        body: bare, in shoes.
    """

    body: Body

    @cached_property
    def skin(self) -> Piece:
        """The bare body as a piece."""
        return bare(self.body)

    def part(self, name: str) -> int:
        """Return the index of a body part."""
        return self.body.part_names.index(name)

    def on(self, piece: Piece, *names: str) -> Bools:
        """Return (F,) which faces of a piece are on some body parts."""
        return piece.on(*(self.part(name) for name in names))

    def head_of(self, bone: str) -> FloatArray:
        """Return the (3,) beginning of a bone."""
        return self.body.bone_heads[self.body.bone(bone)]

    @cached_property
    def waist(self) -> float:
        """Height of the waist, m."""
        return float(self.body.part_vertices("torso")[:, 2].min())

    @cached_property
    def crotch(self) -> float:
        """Height of the crotch, m."""
        hips = self.body.part_vertices("hips")
        return float(hips[np.abs(hips[:, 1]) < 0.03, 2].min())

    @cached_property
    def knee(self) -> float:
        """Height of the knees, m."""
        return float(self.head_of("calf_l")[2])

    @cached_property
    def ankle(self) -> float:
        """Height of the ankles, m."""
        return float(self.head_of("foot_l")[2])

    @cached_property
    def armpit(self) -> float:
        """Height of the armpits, m."""
        return float(self.head_of("upperarm_l")[2]) - 0.11

    def limb(self, bones: tuple[str, str, str], side: str) -> Axis:
        """Return the line through three joints of a limb."""
        points = np.stack([self.head_of(f"{bone}_{side[0]}") for bone in bones])
        along = points[-1] - points[0]
        first = np.array([1.0, 0.0, 0.0]) - along * along[0] / (along @ along)
        first /= np.linalg.norm(first)
        return Axis(points, np.stack([first, np.cross(along / np.linalg.norm(along), first)]))

    def arm(self, side: str) -> Axis:
        """Return the line from shoulder to wrist."""
        return self.limb(("upperarm", "lowerarm", "hand"), side)

    def leg(self, side: str) -> Axis:
        """Return the line from hip to ankle."""
        return self.limb(("thigh", "calf", "foot"), side)

    @cached_property
    def trunk(self) -> Axis:
        """The line from the neck straight down through the middle of the trunk and between the legs."""
        chest, hips = self.body.part_vertices("torso"), self.body.part_vertices("hips")
        levels = (self.armpit, self.crotch + 0.08)
        xs = [
            0.5 * (near[:, 0].min() + near[:, 0].max())
            for near in (chest[np.abs(chest[:, 2] - levels[0]) < 0.03], hips[np.abs(hips[:, 2] - levels[1]) < 0.03])
        ]
        ankle = self.head_of("foot_l")
        points = [
            (xs[0], 0.0, float(self.head_of("neck_01")[2])),
            (xs[0], 0.0, levels[0]),
            (xs[1], 0.0, levels[1]),
            (0.5 * (ankle[0] + xs[1]), 0.0, 0.0),
        ]
        return Axis(np.array(points), np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))

    def way_at(self, height: float) -> float:
        """Return the way along `trunk` at a height, m."""
        points, lengths = self.trunk.points, self.trunk.lengths
        return float(np.interp(-height, -points[:, 2], lengths))

    def around_limb(self, axis: Axis, parts: tuple[str, ...], start: float, end: float) -> Envelope:
        """Return the outline of a limb between two ways along it."""
        return envelope(axis, self.body.part_vertices(*parts), start, end)

    def around_trunk(self, bottom: float, upper: float | None = None) -> Envelope:
        """Return the outline of trunk and legs from a height (default: the armpits') down to another, m."""
        legs = tuple(f"{side}_{name}" for side in SIDES for name in ("thigh", "shank"))
        chest = self.body.part_vertices(*TRUNK, *legs)
        # The shoulder's roundings are the sleeves'.
        broadest = 1.08 * np.abs(chest[np.abs(chest[:, 2] - self.armpit + 0.06) < 0.03, 1]).max()
        trunk = chest[(np.abs(chest[:, 1]) < broadest) | (chest[:, 2] < self.waist)]
        return envelope(self.trunk, trunk, self.way_at(self.armpit if upper is None else upper), self.way_at(bottom))
