"""Hair: on the scalp, hanging down, tied or cut off; beards and brows."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.cloth import Piece, made, puffed
from egorear_synth.drape import Axis, envelope
from egorear_synth.shapes import capped_tube, grid
from egorear_synth.tailor import Tailor

HAIR_PART = "hair"
"""Hair that hangs off the head; what covers the skull is `scalp`."""

Style = Literal["bald", "buzz", "short", "long", "ponytail", "bun"]

DEPTH_M: dict[Style, float] = {
    "bald": 0.0,
    "buzz": 0.003,
    "short": 0.014,
    "long": 0.014,
    "ponytail": 0.009,
    "bun": 0.009,
}

CURTAIN_COLUMNS = 22


@dataclass(frozen=True)
class HairCut:
    """What grows on a head.

    Attributes:
        style: of the hair.
        length_m: of what hangs down.
        depth_m: on the scalp.
        beard_m: thickness of a beard; 0: none.
    """

    style: Style
    length_m: float
    depth_m: float
    beard_m: float = 0.0


def scalp(tailor: Tailor, cut: HairCut, hair: FloatArray, skin: FloatArray) -> Piece:
    """Return the scalp with its hair, thinner towards the hairline."""
    piece = tailor.skin.keep(tailor.on(tailor.skin, "scalp"))
    edges = np.sort(np.concatenate([piece.faces[:, [0, 1]], piece.faces[:, [1, 2]], piece.faces[:, [2, 0]]]), axis=1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    border = piece.vertices[np.unique(unique[count == 1])]
    to_border = np.linalg.norm(piece.vertices[:, None] - border[None], axis=2).min(axis=1)
    depth = cut.depth_m * (0.15 + 0.85 * np.clip(to_border / 0.025, 0.0, 1.0))
    colour = (
        0.85 * skin + 0.15 * hair if cut.style == "bald" else 0.45 * skin + 0.55 * hair if cut.style == "buzz" else hair
    )
    return puffed(piece.dyed(tuple(colour)), depth)


def hanging_hair(tailor: Tailor, cut: HairCut, hair: FloatArray) -> list[Piece]:
    """Return the hair that is not on the scalp."""
    if cut.style == "long":
        return [_curtain(tailor, cut, hair)]
    if cut.style == "ponytail":
        return [_tail(tailor, cut, hair)]
    if cut.style == "bun":
        return [_bun(tailor, hair)]
    return []


def _curtain(tailor: Tailor, cut: HairCut, hair: FloatArray) -> Piece:
    """Return hair that falls from above the ears down the back."""
    body = tailor.body
    head, neck = body.head_joint, tailor.head_of("neck_01")
    bottom = neck[2] + 0.04 - cut.length_m
    axis = Axis(
        np.array([[head[0], 0.0, head[2] + 0.06], [head[0], 0.0, head[2] - 0.08], [neck[0] - 0.01, 0.0, neck[2]],
                  [neck[0] - 0.01, 0.0, bottom - 0.1]]),
        np.array([[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]),
    )  # fmt: skip
    around = body.part_vertices("head", "scalp", "neck", "torso")
    length = axis.lengths[-1] - 0.1
    outline = envelope(axis, around, 0.0, length).fallen(0.35)
    ways = np.linspace(0.0, length, max(int(length / 0.035), 5))[::-1]
    # From the back, 0, to before the ears; farther down it stays behind the shoulders.
    broad = np.interp(ways, [0.0, 0.14, 0.24, 0.4], [1.75, 1.6, 1.0, 0.65])
    angle = np.linspace(-1, 1, CURTAIN_COLUMNS) * broad[:, None]
    widest = float(outline.radius[:6].max())
    points = np.empty((len(ways), CURTAIN_COLUMNS, 3))
    for row, way in enumerate(ways):
        directions = np.stack([np.cos(angle[row]), np.sin(angle[row])], axis=1)
        radius = np.minimum(outline.at(np.full(CURTAIN_COLUMNS, way), directions), widest + 0.02)
        thick = cut.depth_m + 0.006 + 0.004 * np.cos(7 * angle[row])
        thick[[0, -1]] = -0.01
        points[row] = axis.at(np.array(way)) + ((radius + thick)[:, None] * directions) @ axis.across
    mesh = grid(points)
    return made(mesh, _falling_weights(tailor, mesh.vertices, 0.55), _parts(tailor, len(mesh.faces)), tuple(hair))


def _tail(tailor: Tailor, cut: HairCut, hair: FloatArray) -> Piece:
    """Return a tail tied at the back of the head."""
    back = _back_of_head(tailor, 0.03)
    down = max(cut.length_m, 0.12)
    path = back + np.array(
        [[0.012, 0, 0], [-0.03, 0, 0.008], [-0.055, 0, -0.02], [-0.06, 0, -0.3 * down], [-0.05, 0, -0.7 * down],
         [-0.045, 0, -down]]
    )  # fmt: skip
    thick = np.array([0.016, 0.017, 0.028, 0.033, 0.026, 0.008])
    angle = np.linspace(0, 2 * np.pi, 10, endpoint=False)
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side = np.array([0.0, 1.0, 0.0])
    rings = np.stack([
        point + width * (np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * np.cross(way, side))
        for point, width, way in zip(path, thick, along, strict=True)
    ])  # fmt: skip
    mesh = capped_tube(rings)
    return made(mesh, _falling_weights(tailor, mesh.vertices, 0.75), _parts(tailor, len(mesh.faces)), tuple(hair))


def _bun(tailor: Tailor, hair: FloatArray) -> Piece:
    """Return a knot at the back of the head."""
    centre = _back_of_head(tailor, -0.01) - [0.02, 0.0, 0.0]
    polar = np.linspace(0.25, np.pi - 0.25, 6)[::-1, None]
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    ball = np.stack([np.sin(polar) * np.cos(angle), np.sin(polar) * np.sin(angle), np.cos(polar) + 0 * angle], axis=-1)
    mesh = capped_tube(centre + ball * [0.034, 0.042, 0.04])
    weights = np.zeros((len(mesh.vertices), len(tailor.body.bone_names)))
    weights[:, tailor.body.bone("head")] = 1.0
    return made(mesh, weights, _parts(tailor, len(mesh.faces)), tuple(hair))


def _back_of_head(tailor: Tailor, above: float) -> FloatArray:
    skull = tailor.body.part_vertices("scalp", "head")
    height = tailor.body.head_joint[2] + above
    level = skull[np.abs(skull[:, 2] - height) < 0.02]
    return np.array([level[:, 0].min(), 0.0, height])


def _falling_weights(tailor: Tailor, points: FloatArray, stays: float) -> FloatArray:
    """Return (N, B) weights: with the head at the top, partly with the chest at shoulder height and below."""
    body = tailor.body
    top, low = body.head_joint[2] - 0.06, float(tailor.head_of("neck_01")[2]) - 0.05
    with_chest = np.clip((top - points[:, 2]) / (top - low), 0.0, 1.0) * stays
    weights = np.zeros((len(points), len(body.bone_names)))
    weights[:, body.bone("head")], weights[:, body.bone("spine_03")] = 1.0 - with_chest, with_chest
    return weights


def _parts(tailor: Tailor, count: int) -> np.ndarray:
    """Hanging hair is a part of its own, after the body's."""
    return np.full(count, len(tailor.body.part_names), dtype=np.uint8)


def face_paint(tailor: Tailor, piece: Piece, cut: HairCut, hair: FloatArray, skin: FloatArray) -> Piece:
    """Return the head with brows, lips, irises and, where there is one, a beard.

    Args:
        tailor: whose.
        piece: the bare skin, with all of the head's and the eyes' faces.
        cut: says whether there is a beard.
        hair: (3,) linear RGB.
        skin: (3,) linear RGB.
    """
    eyes = tailor.body.part_vertices("eyes")
    top, front = eyes[:, 2].max(), eyes[:, 0].max()
    middle = float(np.abs(eyes[:, 1]).mean())
    level = 0.5 * (eyes[:, 2].min() + eyes[:, 2].max())
    centres = piece.skin[piece.faces].mean(axis=1)
    on_head, on_eyes = tailor.on(piece, "head"), tailor.on(piece, "eyes")
    ahead = centres[:, 0] > front - 0.03
    brows = (
        on_head
        & ahead
        & (np.abs(centres[:, 2] - top - 0.012) < 0.0045)
        & (np.abs(np.abs(centres[:, 1]) - middle) < 0.022)
    )
    aside = np.abs(np.abs(centres[:, 1]) - middle)
    iris = on_eyes & (centres[:, 0] > front - 0.006) & (np.hypot(aside, centres[:, 2] - level) < 0.007)
    lips = on_head & (centres[:, 0] > front - 0.01) & (np.abs(centres[:, 2] - level + 0.068) < 0.008)
    lips &= np.abs(centres[:, 1]) < 0.022
    painted = piece.dyed(tuple(0.3 * skin + 0.7 * hair), brows).dyed((0.04, 0.025, 0.015), iris)
    painted = painted.dyed(tuple(skin * [0.85, 0.6, 0.6]), lips)
    if cut.beard_m:
        jaw = on_head & (centres[:, 2] < level - 0.045) & (centres[:, 0] > tailor.body.head_joint[0] - 0.01)
        share = min(0.35 + 60 * cut.beard_m, 0.9)
        painted = painted.dyed(tuple((1 - share) * skin + share * hair), jaw & ~lips)
        grown = np.zeros(len(piece.vertices))
        grown[np.setdiff1d(piece.faces[jaw & ~lips], piece.faces[~jaw | lips])] = cut.beard_m
        painted = puffed(painted, grown)
    return painted
