"""Things that stand about and hide a person's legs from some cameras, each a list of upright blocks.

A piece is given around the origin, its front towards +x; `stand` turns it and puts it down.
"""

from collections.abc import Callable

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.places.builder import Block

Piece = list[Block]


def _block(x: float, y: float, bottom: float, size: tuple[float, float, float]) -> Block:
    return Block((x, y, bottom + 0.5 * size[2]), size)


def _legs(size: tuple[float, float], height: float, thickness: float) -> Piece:
    x, y = 0.5 * (size[0] - thickness), 0.5 * (size[1] - thickness)
    return [_block(a * x, b * y, 0.0, (thickness, thickness, height)) for a in (-1, 1) for b in (-1, 1)]


def table(rng: np.random.Generator) -> Piece:
    """A table with four legs: its top hides what is below."""
    depth, width, height = rng.uniform(0.5, 0.9), rng.uniform(0.7, 1.8), rng.uniform(0.42, 0.78)
    top = rng.uniform(0.02, 0.05)
    return [
        _block(0, 0, height - top, (depth, width, top)),
        *_legs((depth, width), height - top, rng.uniform(0.03, 0.08)),
    ]


def overhang(rng: np.random.Generator) -> Piece:
    """A low table or bench whose front edge is towards -x, and whose legs are at its far side."""
    depth, width, height = rng.uniform(0.3, 0.7), rng.uniform(0.3, 1.2), rng.uniform(0.2, 0.55)
    board, leg = rng.uniform(0.02, 0.06), rng.uniform(0.04, 0.1)
    y = 0.5 * (width - leg)
    posts = [_block(0.5 * depth - leg, side * y, 0.0, (leg, leg, height - board)) for side in (-1, 1)]
    return [_block(0, 0, height - board, (depth, width, board)), *posts]


def chair(rng: np.random.Generator) -> Piece:
    """A chair with a back."""
    side, seat, back = rng.uniform(0.38, 0.5), rng.uniform(0.40, 0.48), rng.uniform(0.35, 0.6)
    pieces = [
        _block(0, 0, seat - 0.04, (side, side, 0.04)),
        *_legs((side, side), seat - 0.04, rng.uniform(0.025, 0.05)),
    ]
    low = rng.uniform(0.0, 0.2)
    return [*pieces, _block(-0.5 * side + 0.015, 0, seat + low, (0.03, side, back - low))]


def shelf(rng: np.random.Generator) -> Piece:
    """Open shelves."""
    depth, width, height = rng.uniform(0.25, 0.45), rng.uniform(0.6, 1.4), rng.uniform(0.8, 2.0)
    boards = int(rng.integers(3, 6))
    sides = [_block(0, y * 0.5 * (width - 0.03), 0, (depth, 0.03, height)) for y in (-1, 1)]
    levels = np.linspace(0.05, height - 0.02, boards)
    return [*sides, *(_block(0, 0, float(z), (depth, width - 0.06, 0.02)) for z in levels)]


def cabinet(rng: np.random.Generator) -> Piece:
    """A closed cupboard or chest of drawers."""
    return [_block(0, 0, 0, (rng.uniform(0.35, 0.6), rng.uniform(0.4, 1.6), rng.uniform(0.4, 1.9)))]


def box(rng: np.random.Generator) -> Piece:
    """A crate or parcel, sometimes with another one on it."""
    size = rng.uniform(0.2, 0.7, 3)
    lower = _block(0, 0, 0, (float(size[0]), float(size[1]), float(size[2])))
    if rng.random() < 0.6:
        return [lower]
    upper = size * rng.uniform(0.5, 0.95, 3)
    return [lower, _block(0, 0, float(size[2]), (float(upper[0]), float(upper[1]), float(upper[2])))]


def sofa(rng: np.random.Generator) -> Piece:
    """A sofa or armchair."""
    width, arm = rng.uniform(0.9, 2.1), rng.uniform(0.12, 0.22)
    pieces = [_block(0, 0, 0.08, (0.85, width, 0.34)), _block(-0.35, 0, 0.42, (0.18, width, rng.uniform(0.3, 0.45)))]
    return pieces + [_block(0, y * 0.5 * (width - arm), 0.42, (0.85, arm, 0.2)) for y in (-1, 1)]


def bed(rng: np.random.Generator) -> Piece:
    """A bed."""
    width = rng.uniform(0.9, 1.8)
    return [_block(0, 0, 0.1, (2.0, width, rng.uniform(0.3, 0.5))), _block(-1.02, 0, 0, (0.05, width, 0.95))]


def bench(rng: np.random.Generator) -> Piece:
    """A park bench."""
    width = rng.uniform(1.0, 1.9)
    seat = [_block(0.13 * index - 0.13, 0, 0.42, (0.11, width, 0.035)) for index in range(3)]
    back = [_block(-0.24, 0, 0.55 + 0.14 * index, (0.035, width, 0.10)) for index in range(2)]
    return seat + back + [_block(-0.02, y * 0.4 * width, 0, (0.4, 0.06, 0.42)) for y in (-1, 1)]


def fence(rng: np.random.Generator) -> Piece:
    """A railing: posts and bars."""
    width, height = rng.uniform(1.5, 4.0), rng.uniform(0.7, 1.1)
    posts = [_block(0, float(y), 0, (0.06, 0.06, height)) for y in np.linspace(-0.5, 0.5, 4) * width]
    return posts + [_block(0, 0, float(z), (0.03, width, 0.06)) for z in np.linspace(0.2, height - 0.1, 3)]


def hedge(rng: np.random.Generator) -> Piece:
    """A low hedge or planter."""
    return [_block(0, 0, 0, (rng.uniform(0.3, 0.7), rng.uniform(0.8, 3.0), rng.uniform(0.35, 1.1)))]


def step(rng: np.random.Generator) -> Piece:
    """A kerb or low platform."""
    return [_block(0, 0, 0, (rng.uniform(0.25, 1.2), rng.uniform(0.8, 2.5), rng.uniform(0.08, 0.25)))]


INDOORS: tuple[Callable[[np.random.Generator], Piece], ...] = (
    table, table, chair, chair, chair, shelf, cabinet, box, box, sofa, bed,
)  # fmt: skip
OUTDOORS: tuple[Callable[[np.random.Generator], Piece], ...] = (bench, table, fence, fence, hedge, hedge, box, step)


def stand(piece: Piece, place: FloatArray, yaw: float) -> Piece:
    """Return a piece turned by an angle (rad) and put down at a point of the floor, (2,) m."""
    c, s = float(np.cos(yaw)), float(np.sin(yaw))
    x, y = float(place[0]), float(place[1])
    return [
        Block((x + c * b.centre[0] - s * b.centre[1], y + s * b.centre[0] + c * b.centre[1], b.centre[2]), b.size, yaw)
        for b in piece
    ]


def outline(piece: Piece) -> FloatArray:
    """Return the (4 n, 2) corners of a piece's n blocks seen from above, m."""
    signs = np.array([[-0.5, -0.5, 0.0], [0.5, -0.5, 0.0], [0.5, 0.5, 0.0], [-0.5, 0.5, 0.0]])
    return np.concatenate([np.array(b.centre) + (signs * b.size) @ b.axes for b in piece])[:, :2]


def overlap(one: FloatArray, other: FloatArray, gap_m: float = 0.02) -> bool:
    """Return whether the convex hulls of two outlines, (N, 2), are nearer than a gap along all of their edges."""
    for corners in (one[:4], other[:4]):
        for edge in corners[1:3] - corners[:2]:
            across = np.array([-edge[1], edge[0]]) / np.hypot(*edge)
            first, second = one @ across, other @ across
            if first.max() + gap_m < second.min() or second.max() + gap_m < first.min():
                return False
    return True
