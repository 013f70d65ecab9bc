"""Pieces of cloth, skin and hair: cut along lines, pushed outwards, smoothed and put together into one body."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from egorear_ros.structures import FloatArray
from egorear_synth.body import Body
from egorear_synth.shapes import Mesh
from egorear_synth.skinning import vertex_normals

MAX_BONES = 4
"""Bones that move one vertex."""

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Piece:
    """A part of what is worn or of the wearer, at rest.

    Attributes:
        vertices: (N, 3) m.
        skin: (N, 3) the points of the bare body that the vertices belong to, m.
        normals: (N, 3) of the bare body there.
        weights: (N, B) skinning weights.
        faces: (F, 3).
        parts: (F,) index of the body part.
        colours: (F, 3) linear RGB.
    """

    vertices: FloatArray
    skin: FloatArray
    normals: FloatArray
    weights: FloatArray
    faces: NDArray[np.int32]
    parts: NDArray[np.uint8]
    colours: FloatArray

    def on(self, *parts: int) -> Bools:
        """Return (F,) which faces are on some body parts."""
        return np.isin(self.parts, parts)

    def vertices_of(self, faces: Bools) -> Bools:
        """Return (N,) which vertices the faces have."""
        chosen = np.zeros(len(self.vertices), dtype=bool)
        chosen[self.faces[faces].ravel()] = True
        return chosen

    def keep(self, faces: Bools) -> "Piece":
        """Return only some faces, and the vertices that these have."""
        used, numbered = np.unique(self.faces[faces], return_inverse=True)
        return Piece(
            self.vertices[used],
            self.skin[used],
            self.normals[used],
            self.weights[used],
            numbered.reshape(-1, 3).astype(np.int32),
            self.parts[faces],
            self.colours[faces],
        )

    def dyed(self, colour: Sequence[float], faces: Bools | None = None) -> "Piece":
        """Return the piece with some (or all) faces in another colour."""
        colours = self.colours.copy()
        colours[slice(None) if faces is None else faces] = colour
        return replace(self, colours=colours)


def bare(body: Body) -> Piece:
    """Return a body as one piece, without colours."""
    normals = vertex_normals(body.vertices, body.faces)
    colours = np.zeros((len(body.faces), 3))
    return Piece(body.vertices, body.vertices, normals, body.skin_weights, body.faces, body.face_parts, colours)


def made(mesh: Mesh, weights: FloatArray, parts: NDArray[np.uint8], colour: Sequence[float]) -> Piece:
    """Return a mesh that was not cut from the body as a piece."""
    normals = vertex_normals(mesh.vertices, mesh.faces)
    colours = np.tile(np.asarray(colour, dtype=np.float64), (len(mesh.faces), 1))
    return Piece(mesh.vertices, mesh.vertices, normals, weights, mesh.faces, parts, colours)


def split(piece: Piece, field: FloatArray, chosen: Bools | None = None) -> tuple[Piece, Bools]:
    """Cut a piece along the line where a function of its vertices is zero.

    Args:
        piece: what is cut.
        field: (N,).
        chosen: (F,) faces that are cut; None: all.

    Returns:
        The piece with new vertices on that line, and (F,) which of its faces are on the positive side; faces
        that were not chosen count by their mean.
    """
    chosen = np.ones(len(piece.faces), dtype=bool) if chosen is None else chosen
    # A vertex on the line would make faces of no area.
    field = np.where(np.abs(field) < 1e-6, 1e-6, field)
    positive = field[piece.faces] > 0
    crossing = chosen & positive.any(axis=1) & ~positive.all(axis=1)
    if not crossing.any():
        return piece, field[piece.faces].mean(axis=1) > 0
    faces, signs = piece.faces[crossing], positive[crossing]
    lone = np.where(signs.sum(axis=1) == 1, signs.argmax(axis=1), (~signs).argmax(axis=1))
    turned = np.take_along_axis(faces, (lone[:, None] + np.arange(3)) % 3, axis=1)
    edges = np.sort(np.concatenate([turned[:, [0, 1]], turned[:, [0, 2]]]), axis=1)
    unique, which = np.unique(edges, axis=0, return_inverse=True)
    first, second = (which.ravel().reshape(2, -1) + len(piece.vertices)).astype(np.int32)
    share = (field[unique[:, 0]] / (field[unique[:, 0]] - field[unique[:, 1]]))[:, None]

    def extended(values: FloatArray) -> FloatArray:
        return np.concatenate([values, (1 - share) * values[unique[:, 0]] + share * values[unique[:, 1]]])

    tips = np.stack([turned[:, 0], first, second], axis=1)
    rests = [np.stack([first, turned[:, 1], turned[:, 2]], axis=1), np.stack([first, turned[:, 2], second], axis=1)]
    sources = np.concatenate([np.flatnonzero(~crossing), *[np.flatnonzero(crossing)] * 3])
    tip_side = np.take_along_axis(signs, lone[:, None], axis=1)[:, 0]
    side = np.concatenate([field[piece.faces[~crossing]].mean(axis=1) > 0, tip_side, ~tip_side, ~tip_side])
    cut = Piece(
        extended(piece.vertices),
        extended(piece.skin),
        extended(piece.normals),
        extended(piece.weights),
        np.concatenate([piece.faces[~crossing], tips, *rests]).astype(np.int32),
        piece.parts[sources],
        piece.colours[sources],
    )
    return cut, side


def clip(piece: Piece, field: FloatArray, chosen: Bools | None = None) -> Piece:
    """Return the piece without what is on the negative side of a field, see `split`; unchosen faces stay."""
    chosen = np.ones(len(piece.faces), dtype=bool) if chosen is None else chosen
    marked = replace(piece, colours=np.concatenate([piece.colours, chosen[:, None]], axis=1))
    cut, positive = split(marked, field, chosen)
    kept = cut.keep(positive | (cut.colours[:, -1] == 0))
    return replace(kept, colours=kept.colours[:, :-1])


def puffed(piece: Piece, depth: FloatArray | float) -> Piece:
    """Return the piece moved off the skin, along the skin's normals, by (N,) m."""
    return replace(
        piece, vertices=piece.vertices + np.broadcast_to(depth, len(piece.vertices))[:, None] * piece.normals
    )


def smoothed(piece: Piece, rounds: int, least: FloatArray | float) -> Piece:
    """Return the piece without fine creases, its borders where they were, and everywhere off the skin.

    Args:
        piece: what is smoothed.
        rounds: how often each vertex moves half of the way, along the normal, to the mean of its neighbours.
        least: distance to the skin that is kept, of all or of (N,) vertices, m.
    """
    edges = np.concatenate([piece.faces[:, [0, 1]], piece.faces[:, [1, 2]], piece.faces[:, [2, 0]]])
    unique, count = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    free = np.ones(len(piece.vertices), dtype=bool)
    free[unique[count == 1].ravel()] = False
    a, b = unique.T
    degree = np.maximum(np.bincount(unique.ravel(), minlength=len(piece.vertices)), 1)[:, None]
    vertices = piece.vertices.copy()
    for _ in range(rounds):
        total = np.zeros_like(vertices)
        np.add.at(total, a, vertices[b])
        np.add.at(total, b, vertices[a])
        # Moving across the surface as well would distort edges and patterns.
        away = ((total / degree - vertices) * piece.normals).sum(axis=1, keepdims=True)
        vertices[free] += 0.5 * (away * piece.normals)[free]
    short = np.maximum(least - ((vertices - piece.skin) * piece.normals).sum(axis=1), 0.0)
    return replace(piece, vertices=vertices + short[:, None] * piece.normals)


def sewn(body: Body, pieces: list[Piece], part_names: tuple[str, ...]) -> tuple[Body, FloatArray]:
    """Return the body that all pieces make up, and the (F, 3) colours of its faces.

    Args:
        body: gives the skeleton.
        pieces: skin, clothes and hair.
        part_names: of the pieces' parts.
    """
    starts = np.cumsum([0, *(len(piece.vertices) for piece in pieces)])
    weights = np.concatenate([piece.weights for piece in pieces])
    weakest = np.argsort(weights, axis=1)[:, :-MAX_BONES]
    np.put_along_axis(weights, weakest, 0.0, axis=1)
    dressed = replace(
        body,
        vertices=np.concatenate([piece.vertices for piece in pieces]),
        faces=np.concatenate([piece.faces + start for piece, start in zip(pieces, starts, strict=False)]).astype(
            np.int32
        ),
        face_parts=np.concatenate([piece.parts for piece in pieces]).astype(np.uint8),
        part_names=part_names,
        skin_weights=weights / weights.sum(axis=1, keepdims=True),
    )
    return dressed, np.concatenate([piece.colours for piece in pieces])
