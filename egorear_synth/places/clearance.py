"""Where nothing may stand, because a person is or will be there."""

from collections.abc import Sequence

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.places.builder import Block

STANDING_M = 0.45
"""Around a point of the floor on which a person stands: half of the shoulders' width and swinging arms."""

BODY_M = 0.05
"""Around a point of the body: points are some centimetres apart."""

DEFAULT_RADIUS_M = 3.0
"""Of the circle that is kept free when nobody says where the person is; holds the built-in motion."""

RAISED_HANDS_M = 2.3
FEET_M = 0.10

GRID_M = 0.03


class Clearance:
    """Tells which blocks would be in a person's way.

    Args:
        occupied: (N, 2) points of the floor, or (N, 3) points of the body, m; see `place.make_place`.

    Raises:
        ValueError: another shape, no points, or numbers that are not finite.
    """

    def __init__(self, occupied: FloatArray | None) -> None:
        points = _circle() if occupied is None else np.asarray(occupied, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] not in (2, 3) or not len(points) or not np.isfinite(points).all():
            raise ValueError(
                f"occupied: expected one or more finite points, (N, 2) of the floor or (N, 3), got {points.shape}."
            )
        self.upright = points.shape[1] == 3
        # Points nearer to each other than the grid say the same twice.
        self.points: FloatArray = np.unique(np.round(points / GRID_M), axis=0) * GRID_M
        self.floor: FloatArray = np.unique(self.points[:, :2], axis=0)

    @property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest x and y, m."""
        return self.floor.min(axis=0), self.floor.max(axis=0)

    @property
    def feet(self) -> FloatArray:
        """(N, 2) x and y of the body's points near the floor, m; none if only points of the floor are known."""
        if not self.upright:
            return np.empty((0, 2))
        return self.points[self.points[:, 2] < FEET_M][:, :2]

    @property
    def height(self) -> float:
        """Below which the person stays, m; of points of the floor that of raised hands."""
        return float(self.points[:, 2].max()) if self.upright else RAISED_HANDS_M

    def allows(self, blocks: Sequence[Block]) -> bool:
        """Return whether blocks keep their distance from all points."""
        return all(self._far(block) for block in blocks)

    def _far(self, block: Block) -> bool:
        # Points were moved to a grid.
        distance = (BODY_M if self.upright else STANDING_M) + 0.9 * GRID_M
        reach = distance + 0.5 * float(np.hypot(*block.size[:2]))
        points = self.points if self.upright else self.floor
        near = points[(np.abs(points[:, :2] - block.centre[:2]) < reach).all(axis=1)]
        if not len(near):
            return True
        if not self.upright:
            near = np.column_stack((near, np.full(len(near), block.centre[2])))
        return bool(block.distances(near).min() >= distance)


def _circle() -> FloatArray:
    steps = np.arange(-DEFAULT_RADIUS_M, DEFAULT_RADIUS_M + 0.1, 0.2)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    return grid[np.hypot(grid[:, 0], grid[:, 1]) <= DEFAULT_RADIUS_M]
