"""How far cloth stands off the body: it falls from the widest place above, and does not follow every hollow."""

from dataclasses import dataclass, replace

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.cloth import Bools, Piece
from egorear_synth.hull import circle_directions, hull_radius

STEP_M = 0.02
SECTORS = 36

_CIRCLE = circle_directions(SECTORS)


@dataclass(frozen=True, eq=False)
class Axis:
    """A line through a limb or the trunk, from where cloth hangs to where it ends.

    Attributes:
        points: (P, 3) corners of the line, m.
        across: (2, 3) directions that sectors count in: from the first towards the second.
    """

    points: FloatArray
    across: FloatArray

    @property
    def lengths(self) -> FloatArray:
        """(P,) way along the line to each corner, m."""
        return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(self.points, axis=0), axis=1))])

    def at(self, way: FloatArray) -> FloatArray:
        """Return the (..., 3) points some way along the line, m."""
        lengths = self.lengths
        return np.stack([np.interp(way, lengths, self.points[:, axis]) for axis in range(3)], axis=-1)

    def cylindrical(self, vertices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return way along the line (N,), distance from it (N,) and its direction in `across` (N, 2) of points.

        Points beyond an end count along the straight continuation.
        """
        best = np.full(len(vertices), np.inf)
        way = np.zeros(len(vertices))
        last = len(self.points) - 2
        for index, (start, end) in enumerate(zip(self.points[:-1], self.points[1:], strict=True)):
            length = float(np.linalg.norm(end - start))
            along = (vertices - start) @ (end - start) / length
            low, high = (-np.inf if index == 0 else 0.0), (np.inf if index == last else length)
            along = np.clip(along, low, high)
            off = np.linalg.norm(vertices - start - along[:, None] * (end - start) / length, axis=1)
            nearer = off < best
            best = np.where(nearer, off, best)
            way = np.where(nearer, self.lengths[index] + along, way)
        flat = (vertices - self.at(way)) @ self.across.T
        radius = np.linalg.norm(flat, axis=1)
        return way, radius, flat / np.maximum(radius, 1e-9)[:, None]


@dataclass(frozen=True, eq=False)
class Envelope:
    """The outline of a body around an axis: radius (L, `SECTORS`), m, at (L,) ways along it."""

    axis: Axis
    ways: FloatArray
    radius: FloatArray

    def fallen(self, taper: float) -> "Envelope":
        """Return what hangs from the widest place above, narrowing by `taper` m per m; negative: flaring."""
        radius = self.radius.copy()
        for row in range(1, len(radius)):
            radius[row] = np.maximum(radius[row], radius[row - 1] - taper * (self.ways[row] - self.ways[row - 1]))
        return replace(self, radius=radius)

    def at(self, way: FloatArray, directions: FloatArray) -> FloatArray:
        """Return the (N,) radius at ways (N,) along the axis, in directions (N, 2) across it."""
        row = np.clip(np.interp(way, self.ways, np.arange(len(self.ways))), 0, len(self.ways) - 1)
        column = np.mod(np.arctan2(directions[:, 1], directions[:, 0]) / (2 * np.pi) * SECTORS, SECTORS)
        low, left = np.minimum(row.astype(int), len(self.ways) - 2), column.astype(int) % SECTORS
        right, up, aside = (left + 1) % SECTORS, row - low, column - column.astype(int)
        bottom = (1 - aside) * self.radius[low, left] + aside * self.radius[low, right]
        top = (1 - aside) * self.radius[low + 1, left] + aside * self.radius[low + 1, right]
        return (1 - up) * bottom + up * top


def envelope(axis: Axis, points: FloatArray, start: float, end: float) -> Envelope:
    """Return the convex outline of points around an axis between two ways along it.

    Args:
        axis: the line.
        points: (N, 3) all of what the cloth has to go around, m.
        start: way along the axis where the outline begins, m.
        end: where it ends.
    """
    ways = np.linspace(start, end, max(int((end - start) / STEP_M), 2) + 1)
    way, radius, directions = axis.cylindrical(points)
    flat = radius[:, None] * directions
    rows: list[FloatArray] = []
    for level in ways:
        near = np.abs(way - level) < 1.5 * STEP_M
        enough = near.sum() >= 6
        rows.append(
            hull_radius(flat[near], _CIRCLE, _CIRCLE) if enough else rows[-1] if rows else np.full(SECTORS, 0.03)
        )
    return Envelope(axis, ways, np.stack(rows))


def hung(piece: Piece, where: Bools, hanging: Envelope, looseness: FloatArray | float, fade_m: float = 0.08) -> Piece:
    """Return the piece moved outwards, by as much as hanging cloth is off the skin.

    Args:
        piece: the cloth.
        where: (N,) vertices that move.
        hanging: where loose cloth would be.
        looseness: of all or of (N,) vertices; 0: no farther off than it is, 1: as far as it hangs.
        fade_m: way along the axis over which hanging begins, m.
    """
    way, radius, directions = hanging.axis.cylindrical(piece.skin)
    begin = np.clip((way - hanging.ways[0]) / fade_m, 0.0, 1.0)
    wanted = np.maximum(hanging.at(way, directions) - radius, 0.0) * looseness * begin * begin * (3 - 2 * begin)
    moved = piece.vertices + wanted[:, None] * (directions @ hanging.axis.across)
    return replace(piece, vertices=np.where(where[:, None], moved, piece.vertices))
