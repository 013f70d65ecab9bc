"""Clothes: tops, trousers, skirts, boots and gloves, cut from the body's surface or hung around it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.cloth import Bools, Piece, clip, made, puffed, smoothed
from egorear_synth.drape import Envelope, hung
from egorear_synth.shapes import grid
from egorear_synth.tailor import SIDES, Tailor

Colour = tuple[float, float, float]

ARMS = tuple(f"{side}_{name}" for side in SIDES for name in ("upper_arm", "forearm", "hand"))
LEGS = tuple(f"{side}_{name}" for side in SIDES for name in ("thigh", "shank"))

SKIRT_COLUMNS = 40
SKIRT_ROW_M = 0.05

SKIRT_MARGIN_M = 0.10
"""One sees farther into a skirt than into a sleeve."""

KNEE_BLEND_M = 0.05
MIDDLE_BLEND_M = 0.05
"""Skirts follow both legs within this distance of the middle plane."""


@dataclass(frozen=True, eq=False)
class Cut:
    """One edge of a garment.

    Attributes:
        parts: body parts that it may cross.
        field: of a piece, (N,) how far its vertices are inside, m.
    """

    parts: tuple[str, ...]
    field: Callable[[Piece], FloatArray]


@dataclass(frozen=True, eq=False)
class Garment:
    """A piece of clothing.

    Attributes:
        piece: its cloth.
        parts: body parts that it lies on.
        cuts: its edges.
        margin: what is beneath goes on this far behind an edge, m; farther in nobody sees it, and it cannot
            poke through.
    """

    piece: Piece
    parts: tuple[str, ...]
    cuts: tuple[Cut, ...]
    margin: float = 0.03

    def hides(self, tailor: Tailor, under: Piece, margin: float) -> Bools:
        """Return (F,) which faces of what is beneath lie farther than `margin` (m) from every edge."""
        deep = tailor.on(under, *self.parts)
        for cut in self.cuts:
            inside = (cut.field(under) > margin)[under.faces].all(axis=1)
            deep &= inside | ~tailor.on(under, *cut.parts)
        return deep


@dataclass(frozen=True)
class TopCut:
    """Shape of a top.

    Attributes:
        hem: height of its lower edge, m.
        sleeve: 0: none, 1: to the elbow, 2: to the wrist.
        collar: how far it comes up the neck, m.
        looseness: 0: on the skin, 1: hanging straight.
        gap: thickness, m.
        over: farther off, by as much, where it hangs over what is worn below the waist, m.
        tucked: it narrows to the waist.
    """

    hem: float
    sleeve: float
    collar: float
    looseness: float
    gap: float
    over: float = 0.0
    tucked: bool = False


def top(tailor: Tailor, cut: TopCut, colour: Colour) -> Garment:
    """Return a shirt, jumper or jacket."""
    parts = ("neck", "torso", "hips", *LEGS, *(arm for arm in ARMS if not arm.endswith("hand")))
    cuts = [_above(("torso", "hips", *LEGS), cut.hem), _collar(tailor, cut.collar)]
    cuts += [_arm_end(tailor, side, cut.sleeve) for side in SIDES]
    piece = _cut_out(tailor, tailor.skin, parts, cuts)
    over = cut.over * _smoothstep((tailor.waist + 0.10 - piece.skin[:, 2]) / 0.08)
    piece = puffed(piece.dyed(colour), cut.gap + over)
    on_arms = piece.vertices_of(tailor.on(piece, *ARMS))
    free = _smoothstep((piece.skin[:, 2] - tailor.waist - 0.04) / 0.12) if cut.tucked else 1.0
    hanging = tailor.around_trunk(min(cut.hem, tailor.crotch)).fallen(0.0)
    piece = hung(piece, ~on_arms, hanging, cut.looseness * np.asarray(free))
    for side in SIDES:
        axis = tailor.arm(side)
        mine = (f"{side}_upper_arm", f"{side}_forearm")
        end = _way_of(axis.lengths, cut.sleeve)
        if end > 0.12:
            sleeve = tailor.around_limb(axis, mine, 0.08, end).fallen(0.12 if cut.sleeve > 1.2 else -0.05)
            piece = hung(piece, piece.vertices_of(tailor.on(piece, *mine)), sleeve, 0.7 * cut.looseness)
    if cut.looseness > 0.25:
        piece = smoothed(piece, 4, 0.6 * (cut.gap + over))
    return Garment(piece, parts, tuple(cuts))


def trousers(tailor: Tailor, waist: float, length: float, looseness: float, gap: float, colour: Colour) -> Garment:
    """Return trousers.

    Args:
        tailor: whose.
        waist: height of their upper edge, m.
        length: 0: to the hip, 1: to the knee, 2: to the ankle.
        looseness: 0: on the skin, 1: hanging straight.
        gap: thickness, m.
        colour: linear RGB.
    """
    parts = ("torso", "hips", *LEGS)
    cuts = [_below(("torso", "hips"), waist)]
    cuts += [_leg_end(tailor, side, length) for side in SIDES]
    piece = puffed(_cut_out(tailor, tailor.skin, parts, cuts).dyed(colour), gap)
    for side in SIDES:
        axis, mine = tailor.leg(side), (f"{side}_thigh", f"{side}_shank")
        start = float(axis.points[0, 2]) - tailor.crotch + 0.03
        end = _way_of(axis.lengths, length)
        hanging = tailor.around_limb(axis, mine, start, max(end, start + 0.1)).fallen(0.06)
        piece = hung(piece, piece.vertices_of(tailor.on(piece, *mine)), hanging, looseness, 0.12)
    return Garment(smoothed(piece, 3, 0.6 * gap), parts, tuple(cuts))


def boots(tailor: Tailor, height: float, colour: Colour) -> Garment:
    """Return the shafts of boots up to a height, m."""
    parts = tuple(f"{side}_shank" for side in SIDES)
    cuts = (_below(parts, height),)
    piece = puffed(_cut_out(tailor, tailor.skin, parts, cuts).dyed(colour), 0.008)
    return Garment(smoothed(piece, 3, 0.004), parts, cuts)


def skirt(
    tailor: Tailor, hanging: Envelope, upper: float, hem: float, gap: float, pleats: tuple[int, float], colour: Colour
) -> Garment:
    """Return a skirt, or the lower part of a dress or coat: a surface around both legs.

    Args:
        tailor: whose.
        hanging: how wide it is, around the trunk's axis.
        upper: height of its upper edge, m.
        hem: height of its lower edge, m.
        gap: to what it hangs around, m.
        pleats: number and depth (m) of the folds at the hem.
        colour: linear RGB.
    """
    rows = max(round((upper - hem) / SKIRT_ROW_M), 3)
    heights = np.linspace(hem, upper, rows + 1)
    angle = np.linspace(0, 2 * np.pi, SKIRT_COLUMNS, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = np.empty((len(heights) + 1, SKIRT_COLUMNS, 3))
    for row, height in enumerate(heights):
        way = tailor.way_at(height)
        fold = pleats[1] * (upper - height) / (upper - hem) * (0.5 + 0.5 * np.cos(pleats[0] * angle))
        radius = hanging.at(np.full(SKIRT_COLUMNS, way), circle) + gap + fold
        points[row] = tailor.trunk.at(np.array(way)) + (radius[:, None] * circle) @ tailor.trunk.across
        points[row, :, 2] = height
    # The band at the top lies on what is beneath.
    middle = tailor.trunk.at(np.array(tailor.way_at(upper)))
    points[-1] = middle + 0.9 * (points[-2] - middle) + [0.0, 0.0, 0.012]
    mesh = grid(points, wrap_columns=True)
    centres = mesh.vertices[mesh.faces].mean(axis=1)
    piece = made(mesh, _skirt_weights(tailor, mesh.vertices), _skirt_parts(tailor, centres), colour)
    parts = ("torso", "hips", *LEGS)
    return Garment(piece, parts, (_above(parts, hem), _below(parts, upper)), SKIRT_MARGIN_M)


def _skirt_parts(tailor: Tailor, centres: FloatArray) -> np.ndarray:
    """Return the body part that each face hangs around."""
    names = [
        "hips" if z > tailor.crotch else f"{'left' if y > 0 else 'right'}_{'thigh' if z > tailor.knee else 'shank'}"
        for _, y, z in centres
    ]
    return np.array([tailor.part(name) for name in names], dtype=np.uint8)


def _skirt_weights(tailor: Tailor, points: FloatArray) -> FloatArray:
    """Return (N, B) weights: the pelvis above, each half with its own leg below."""
    body = tailor.body
    weights = np.zeros((len(points), len(body.bone_names)))
    hip = float(tailor.head_of("thigh_l")[2])
    left = _smoothstep((points[:, 1] + MIDDLE_BLEND_M) / (2 * MIDDLE_BLEND_M))
    # Hips turn with the pelvis, and more so behind, where the seat is.
    legs = _smoothstep((hip + 0.06 - points[:, 2]) / (hip + 0.06 - tailor.crotch + 0.06))
    shanks = _smoothstep((tailor.knee + KNEE_BLEND_M - points[:, 2]) / (2 * KNEE_BLEND_M))
    weights[:, body.bone("pelvis")] = 1.0 - legs
    for side, share in (("l", left), ("r", 1.0 - left)):
        weights[:, body.bone(f"thigh_{side}")] = legs * (1.0 - shanks) * share
        weights[:, body.bone(f"calf_{side}")] = legs * shanks * share
    return weights


def _smoothstep(value: FloatArray) -> FloatArray:
    clipped = np.clip(value, 0.0, 1.0)
    return clipped * clipped * (3.0 - 2.0 * clipped)


def _cut_out(tailor: Tailor, skin: Piece, parts: tuple[str, ...], cuts: list[Cut] | tuple[Cut, ...]) -> Piece:
    piece = skin.keep(tailor.on(skin, *parts))
    for cut in cuts:
        piece = clip(piece, cut.field(piece), tailor.on(piece, *cut.parts))
    return piece


def _above(parts: tuple[str, ...], height: float) -> Cut:
    return Cut(parts, lambda piece: piece.skin[:, 2] - height)


def _below(parts: tuple[str, ...], height: float) -> Cut:
    return Cut(parts, lambda piece: height - piece.skin[:, 2])


def _collar(tailor: Tailor, height: float) -> Cut:
    base = tailor.head_of("neck_01") + np.array([0.0, 0.0, height])
    normal = np.array([0.35, 0.0, 0.94])
    return Cut(("neck", "torso"), lambda piece: (base - piece.skin) @ normal)


def _way_of(lengths: FloatArray, joints: float) -> float:
    """Return the way along a limb to a number of joints: 1 is the middle one, 2 the end."""
    return float(np.interp(joints, [0.0, 1.0, 2.0], lengths))


def _arm_end(tailor: Tailor, side: str, joints: float) -> Cut:
    axis = tailor.arm(side)
    end = _way_of(axis.lengths, joints)
    parts = tuple(arm for arm in ARMS if arm.startswith(side))
    return Cut(parts, lambda piece: end - axis.cylindrical(piece.skin)[0])


def _leg_end(tailor: Tailor, side: str, joints: float) -> Cut:
    axis = tailor.leg(side)
    end = _way_of(axis.lengths, joints)
    return Cut((f"{side}_thigh", f"{side}_shank"), lambda piece: end - axis.cylindrical(piece.skin)[0])
