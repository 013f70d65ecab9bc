"""Dress a body: skin where it shows, clothes over it, hair on top."""

from dataclasses import dataclass, replace

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.body import Body
from egorear_synth.cloth import Bools, Piece, puffed, sewn, split
from egorear_synth.garments import ARMS, Garment, TopCut, boots, skirt, top, trousers
from egorear_synth.hair import HAIR_PART, face_paint, hanging_hair, scalp
from egorear_synth.outfit import Outfit
from egorear_synth.tailor import SIDES, Tailor

EYES = (0.75, 0.75, 0.75)

TUCKED_GAP_M = 0.002

EDGE_M = 0.01
"""Nearer to an edge of cloth it is no fault to see what is beneath."""

SOLE_M = 0.022

TOP_GAP_M = {"T-shirt": 0.007, "tank top": 0.005, "shirt": 0.008, "pullover": 0.012, "dress": 0.007,
             "jacket": 0.018, "open jacket": 0.018, "coat": 0.02}  # fmt: skip
BOTTOM_GAP_M = {
    "trousers": 0.007,
    "jeans": 0.006,
    "leggings": 0.005,
    "shorts": 0.007,
    "skirt": 0.008,
    "long skirt": 0.008,
}
COLLAR_M = {"T-shirt": 0.005, "tank top": -0.02, "shirt": 0.035, "pullover": 0.03, "jacket": 0.05, "open jacket": 0.045,
            "coat": 0.055, "dress": -0.005}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Layer:
    """One piece of somebody's looks.

    Attributes:
        piece: what of it is kept.
        covered: (F,) which of its faces lie under another layer's cloth, farther than `EDGE_M` from an edge.
    """

    piece: Piece
    covered: Bools


def dress(body: Body, outfit: Outfit) -> tuple[Body, FloatArray]:
    """Return the dressed body and the (F, 3) linear RGB of its faces.

    Args:
        body: bare, in shoes.
        outfit: what is put on.
    """
    pieces = [layer.piece for layer in layers(body, outfit) if len(layer.piece.faces)]
    return sewn(body, pieces, (*body.part_names, HAIR_PART))


def layers(body: Body, outfit: Outfit) -> list[Layer]:
    """Return skin, clothes and hair, each without what others hide, innermost first."""
    tailor = Tailor(body)
    bottoms, over = _bottoms(tailor, outfit), _tops(tailor, outfit)
    found = [_visible(tailor, _skin(tailor, outfit), [*bottoms, *over])]
    outer, inner = (bottoms, over) if _tucked(outfit) else (over, bottoms)
    found += [_visible(tailor, garment.piece, outer) for garment in inner]
    hair, tone = np.array(outfit.hair), np.array(outfit.skin)
    outside = [garment.piece for garment in outer]
    outside += [scalp(tailor, outfit.hair_cut, hair, tone), *hanging_hair(tailor, outfit.hair_cut, hair)]
    return found + [Layer(piece, np.zeros(len(piece.faces), dtype=bool)) for piece in outside]


def _visible(tailor: Tailor, piece: Piece, over: list[Garment]) -> Layer:
    for garment in over:
        piece = piece.keep(~garment.hides(tailor, piece, garment.margin))
    covered = np.zeros(len(piece.faces), dtype=bool)
    for garment in over:
        covered |= garment.hides(tailor, piece, EDGE_M)
    return Layer(piece, covered)


def _skin(tailor: Tailor, outfit: Outfit) -> Piece:
    """Return skin, eyes, gloves and shoes."""
    piece = tailor.skin.keep(~tailor.on(tailor.skin, "scalp")).dyed(outfit.skin)
    piece = piece.dyed(EYES, tailor.on(piece, "eyes"))
    piece = face_paint(tailor, piece, outfit.hair_cut, np.array(outfit.hair), np.array(outfit.skin))
    feet = tailor.on(piece, *(f"{side}_foot" for side in SIDES))
    piece, upper = split(piece, piece.skin[:, 2] - SOLE_M, feet)
    feet = tailor.on(piece, *(f"{side}_foot" for side in SIDES))
    piece = piece.dyed(outfit.shoe_colour, feet & upper)
    piece = piece.dyed(outfit.sole_colour if outfit.shoes != "boots" else (0.03, 0.03, 0.03), feet & ~upper)
    if outfit.gloves is not None:
        hands = tailor.on(piece, *(f"{side}_hand" for side in SIDES))
        piece = piece.dyed(outfit.gloves, hands)
        piece = puffed(piece, np.where(piece.vertices_of(hands), 0.0025, 0.0))
    return piece


def _bottoms(tailor: Tailor, outfit: Outfit) -> list[Garment]:
    garments = []
    waist = tailor.waist + (0.03 if _tucked(outfit) else 0.015)
    if outfit.shoes == "boots":
        high = outfit.bottom in ("skirt", "leggings", "none", "shorts")
        height = tailor.ankle + (tailor.knee - tailor.ankle) * (0.7 if high else 0.25)
        garments.append(boots(tailor, height, outfit.shoe_colour))
    if outfit.bottom in ("skirt", "long skirt"):
        hem = _leg_height(tailor, outfit.leg)
        hanging = tailor.around_trunk(hem, waist + 0.02).fallen(-outfit.flare)
        pleats = (9, 0.018) if outfit.looseness > 0.5 else (1, 0.0)
        garments.append(
            skirt(tailor, hanging, waist, hem, BOTTOM_GAP_M[outfit.bottom] + 0.004, pleats, outfit.bottom_colour)
        )
    elif outfit.bottom != "none":
        loose = {"leggings": 0.0, "jeans": 0.35 * outfit.looseness}.get(outfit.bottom, 0.75 * outfit.looseness)
        # What a coat hangs around must fit under it.
        loose = min(loose, 0.25) if outfit.top == "coat" else loose
        gap = BOTTOM_GAP_M[outfit.bottom]
        garments.append(trousers(tailor, waist, outfit.leg, loose, gap, outfit.bottom_colour))
    return garments


def _tops(tailor: Tailor, outfit: Outfit) -> list[Garment]:
    gap = TOP_GAP_M[outfit.top]
    lower = tailor.crotch + 0.35 * (tailor.waist - tailor.crotch)
    skirted = outfit.top in ("coat", "dress")
    tucked = _tucked(outfit)
    hem = tailor.waist - 0.02 if skirted or tucked else lower
    loose = max(outfit.looseness, 0.5) if gap > 0.015 else outfit.looseness
    # Inside a waistband a top lies flat; over one it stands off.
    over = TUCKED_GAP_M - gap if tucked else 0.0 if skirted else 0.009
    cut = TopCut(
        hem, outfit.sleeve, COLLAR_M[outfit.top], 0.6 * loose if skirted else loose, gap, over, outfit.tucked or skirted
    )
    garment = top(tailor, cut, outfit.top_colour)
    garment = replace(garment, piece=_patterned(tailor, garment.piece, outfit))
    if not skirted:
        return [garment]
    bottom = _leg_height(tailor, outfit.leg if outfit.top == "dress" else min(outfit.leg, 1.35))
    upper = tailor.waist + 0.01
    hanging = tailor.around_trunk(bottom, upper + 0.02).fallen(
        -outfit.flare if outfit.top == "dress" else -0.3 * outfit.flare
    )
    pleats = (9, 0.015) if outfit.top == "dress" else (1, 0.0)
    around = gap + (0.004 if outfit.top == "dress" else 0.012)
    return [garment, skirt(tailor, hanging, upper, bottom, around, pleats, outfit.top_colour)]


def _tucked(outfit: Outfit) -> bool:
    """Return whether the top is worn inside what is below; jackets and coats never are."""
    return outfit.tucked and outfit.top in ("T-shirt", "tank top", "shirt", "pullover")


def _leg_height(tailor: Tailor, leg: float) -> float:
    """Return the height that is as far down a leg: 1 the knee, 2 the ankle."""
    return float(np.interp(leg, [0.0, 1.0, 2.0], [tailor.crotch, tailor.knee, tailor.ankle]))


def _patterned(tailor: Tailor, piece: Piece, outfit: Outfit) -> Piece:
    """Return a top with its pattern; an open jacket shows what is worn under it."""
    second = outfit.second_colour
    if outfit.top == "open jacket":
        chest = tailor.on(piece, "torso", "hips")
        front = piece.skin[:, 0] > tailor.trunk.points[0, 0]
        return _between(piece, piece.skin[:, 1], -0.045, 0.045, chest & front[piece.faces].all(axis=1), second)
    trunk = tailor.on(piece, "torso", "hips")
    if outfit.pattern == "stripes":
        for low in np.arange(tailor.waist - 0.08, tailor.armpit + 0.06, 0.09):
            piece = _between(piece, piece.skin[:, 2], low, low + 0.04, ~tailor.on(piece, *ARMS, "neck"), second)
    elif outfit.pattern == "yoke":
        piece = _between(piece, piece.skin[:, 2], tailor.armpit + 0.05, 9.0, None, second)
    elif outfit.pattern == "print":
        front = piece.normals[:, 0] > 0.3
        chosen = trunk & front[piece.faces].all(axis=1)
        height = np.abs(piece.skin[:, 2] - tailor.armpit + 0.06)
        piece = _between(piece, np.maximum(height, np.abs(piece.skin[:, 1])), -1.0, 0.08, chosen, second)
    return piece


def _between(
    piece: Piece,
    field: FloatArray,
    low: float,
    high: float,
    chosen: np.ndarray | None,
    colour: tuple[float, float, float],
) -> Piece:
    """Return the piece dyed where a field is between two values, cut along these lines."""
    marks = np.ones(len(piece.faces)) if chosen is None else chosen.astype(float)
    tagged = Piece(piece.vertices, piece.skin, np.concatenate([piece.normals, field[:, None]], axis=1), piece.weights,
                   piece.faces, piece.parts, np.concatenate([piece.colours, marks[:, None]], axis=1))  # fmt: skip
    for value in (low, high):
        tagged, _ = split(tagged, tagged.normals[:, 3] - value, tagged.colours[:, 3] > 0)
    middle = tagged.normals[tagged.faces, 3].mean(axis=1)
    inside = (middle > low) & (middle < high) & (tagged.colours[:, 3] > 0)
    bare = Piece(tagged.vertices, tagged.skin, tagged.normals[:, :3], tagged.weights, tagged.faces, tagged.parts,
                 tagged.colours[:, :3])  # fmt: skip
    return bare.dyed(colour, inside)
