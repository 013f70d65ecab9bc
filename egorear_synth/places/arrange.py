"""Put furniture where it is seen, hides something, and stands in nobody's way."""

from collections.abc import Callable, Sequence

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.places import furniture
from egorear_synth.places.builder import Block
from egorear_synth.places.clearance import Clearance
from egorear_synth.places.furniture import Piece, outline, overlap, stand

NEAR_M = 2.2
"""Pieces farther from where the person walks are hardly seen by cameras that look down."""

TRIES = 12
STEP_M = 0.08
OVER_FEET_TRIES = 60


class Arrangement:
    """Pieces that have found a place.

    Args:
        rng: decides.
        clearance: where the person is.
        bounds: lowest and highest x and y of a room, m; None: there is no end.
    """

    def __init__(
        self, rng: np.random.Generator, clearance: Clearance, bounds: tuple[FloatArray, FloatArray] | None
    ) -> None:
        self._rng, self._clearance, self._bounds = rng, clearance, bounds
        self._outlines: list[FloatArray] = []
        self.facts: list[dict[str, object]] = []

    def place(self, kinds: Sequence[Callable[[np.random.Generator], Piece]], name: str = "") -> Piece | None:
        """Return a random piece as near to a random point of the person's way as it can stand, or None."""
        kind = kinds[int(self._rng.integers(len(kinds)))]
        piece = kind(self._rng)
        for _ in range(TRIES):
            target = self._clearance.floor[self._rng.integers(len(self._clearance.floor))]
            side, yaw = self._rng.uniform(0, 2 * np.pi), self._rng.uniform(0, 2 * np.pi)
            if self._bounds is not None and self._rng.random() < 0.7:
                yaw = np.pi / 2 * self._rng.integers(4)
            first = 0.1 if self._rng.random() < 0.6 else self._rng.uniform(0.5, NEAR_M)
            towards = np.array([np.cos(side), np.sin(side)])
            for distance in np.arange(first, NEAR_M, STEP_M):
                standing = stand(piece, target + distance * towards, yaw)
                if self._fits(standing):
                    return self._accept(name or kind.__name__, standing)
        return None

    def over_feet(self) -> Piece | None:
        """Return a low table or bench whose edge is above a foot, so that a camera above sees the foot no more.

        Cameras on the head look down along the legs: what stands beside these hides nothing of them.
        """
        feet = self._clearance.feet
        for _ in range(OVER_FEET_TRIES if len(feet) else 0):
            foot, yaw = feet[self._rng.integers(len(feet))], self._rng.uniform(0, 2 * np.pi)
            piece = furniture.overhang(self._rng)
            reach = 0.5 * piece[0].size[0] - self._rng.uniform(0.0, 0.15)
            standing = stand(piece, foot + reach * np.array([np.cos(yaw), np.sin(yaw)]), yaw)
            if self._fits(standing):
                return self._accept("overhang", standing)
        return None

    def column(self, radius: float, height: float) -> tuple[FloatArray, float] | None:
        """Return foot, (3,) m, and radius of a column as near to the person's way as it can stand, or None."""
        side = 2 * radius
        piece = self.place((lambda _: [Block((0.0, 0.0, 0.5 * height), (side, side, height))],), "column")
        return None if piece is None else (np.array([*piece[0].centre[:2], 0.0]), radius)

    def _fits(self, piece: Piece) -> bool:
        corners = outline(piece)
        if self._bounds is not None and ((corners < self._bounds[0]) | (corners > self._bounds[1])).any():
            return False
        return not any(overlap(corners, other) for other in self._outlines) and self._clearance.allows(piece)

    def _accept(self, name: str, piece: Piece) -> Piece:
        corners = outline(piece)
        self._outlines.append(corners)
        middle = 0.5 * (corners.min(axis=0) + corners.max(axis=0))
        height = max(block.centre[2] + 0.5 * block.size[2] for block in piece)
        self.facts.append(
            {
                "kind": name,
                "centre_m": np.round(middle, 3).tolist(),
                "yaw": round(piece[0].yaw, 3),
                "height_m": round(height, 3),
            }
        )
        return piece
