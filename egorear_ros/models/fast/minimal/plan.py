"""How a 3x3 convolution of stride 1 or 2 becomes products of matrices."""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import torch
from torch import Tensor

from egorear_ros.models.fast.minimal.algebra import Matrix, toom_cook

POINTS: dict[int, tuple[float, ...]] = {
    2: (0.0, 1.0, -1.0),
    4: (0.0, 0.625, -0.625, 1.5, -1.5),
}
"""Finite points of F(m, 3). Of those tried for m = 4, these moved the golden joints least."""

POINTS_STRIDED: dict[int, tuple[float, ...]] = {2: (0.0, 1.0)}
"""Finite points of F(m, 2)."""


@dataclass(frozen=True, eq=False)
class Plan:
    """The algorithm in one dimension; in two it is applied to rows and columns.

    Attributes:
        stride: 1 or 2.
        tile: m, outputs of a tile.
        inputs: (R, n) from the pixels of a tile, the first of which is the left padding, to rows.
        weights: (R, 3) from taps to rows.
        outputs: (m, P) from points to outputs.
        point: of each row, ascending. The products of rows of one point are added up.
    """

    stride: int
    tile: int
    inputs: Matrix
    weights: Matrix
    outputs: Matrix
    point: tuple[int, ...]

    @cached_property
    def rows_of(self) -> list[list[int]]:
        """Rows of each point."""
        return [[row for row, p in enumerate(self.point) if p == point] for point in range(self.outputs.shape[1])]

    @cached_property
    def products_of(self) -> list[tuple[int, int]]:
        """The two rows of each product; those of a point follow each other."""
        points = product(self.rows_of, self.rows_of)
        return [pair for one, two in points for pair in product(one, two)]

    @cached_property
    def depths(self) -> list[int]:
        """Of each point in two dimensions, how many products of rows are added up."""
        return [len(first) * len(second) for first in self.rows_of for second in self.rows_of]

    @cached_property
    def starts(self) -> list[int]:
        """Of each point in two dimensions, how many products come before its own."""
        return [0, *np.cumsum(self.depths)[:-1].tolist()]

    @property
    def products(self) -> int:
        """Multiplications per tile, channel in and channel out, of which an ordinary convolution needs 9 m^2."""
        return len(self.products_of)


def plan_stride1(tile: int) -> Plan:
    """Return F(tile, 3)."""
    inputs, weights, outputs = toom_cook(tile, 3, POINTS[tile])
    return Plan(1, tile, inputs, weights, outputs, tuple(range(tile + 2)))


def plan_stride2(tile: int) -> Plan:
    """Return a filter of stride 2: one of two taps on odd pixels and one of one tap on even pixels.

    The former is F(tile, 2). The latter is multiplication by a number; written in terms of the former's finite
    points it needs no product at infinity, and both share one output transform.
    """
    odd = toom_cook(tile, 2, POINTS_STRIDED[tile])
    even = np.linalg.inv(odd.outputs[:, :tile])
    inputs, weights = np.zeros((2 * tile + 1, 2 * tile + 1)), np.zeros((2 * tile + 1, 3))
    # The rows of a point follow each other: odd pixels, then even ones, of which the padding is the first odd one.
    inputs[::2, ::2], weights[::2, ::2] = odd.inputs, odd.weights
    inputs[1::2, 1::2], weights[1::2, 1] = even, 1.0
    return Plan(2, tile, inputs, weights, odd.outputs, tuple(row // 2 for row in range(2 * tile + 1)))


def transform_weights(plan: Plan, weight: Tensor, panel: int) -> Tensor:
    """Return weights as the products want them.

    Args:
        plan: of the convolution.
        weight: (K, C, 3, 3).
        panel: how many outputs are computed together; divides K.

    Returns:
        (K / panel, products * C, panel), computed in double precision.
    """
    basis = torch.from_numpy(np.stack([np.kron(plan.weights[one], plan.weights[two]) for one, two in plan.products_of]))
    made = torch.empty(len(weight) // panel, len(basis) * weight.shape[1], panel)
    # All of them at once would need ten times their memory for a moment, which is when a node needs most.
    for products, some in zip(made, weight.split(panel), strict=True):
        by_tap = some.double().permute(2, 3, 1, 0).flatten(0, 1).flatten(1)  # (9, C * panel)
        products.copy_((basis @ by_tap).view(-1, panel))
    return made
