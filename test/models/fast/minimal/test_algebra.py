"""Minimal filtering in one dimension against the definition of a filter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egorear_ros.models.fast.minimal.algebra import toom_cook
from egorear_ros.models.fast.minimal.jit import PLANS
from egorear_ros.models.fast.minimal.plan import Plan

POINTS = st.lists(st.sampled_from([0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0]), unique=True)


@given(st.integers(1, 5), st.integers(1, 4), POINTS, st.integers(0, 99))
def test_any_points_filter(outputs: int, taps: int, points: list[float], seed: int) -> None:
    count = outputs + taps - 2
    if len(points) < count:
        points = [0, 1, -1, 2, -2, 0.5, -0.5]
    bilinear = toom_cook(outputs, taps, points[:count])
    numbers = np.random.default_rng(seed)
    signal, weights = numbers.normal(size=outputs + taps - 1), numbers.normal(size=taps)
    found = bilinear.outputs @ ((bilinear.weights @ weights) * (bilinear.inputs @ signal))
    expected = [signal[place : place + taps] @ weights for place in range(outputs)]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_points_must_differ_and_suffice() -> None:
    with pytest.raises(ValueError, match=r"2 different points for F\(2, 3\); expected 3"):
        toom_cook(2, 3, (0.0, 1.0, 1.0))


@pytest.mark.parametrize("plan", PLANS.values(), ids=lambda plan: f"stride{plan.stride}-tile{plan.tile}")
def test_a_plan_filters_with_its_stride(plan: Plan) -> None:
    numbers = np.random.default_rng(0)
    signal, taps = numbers.normal(size=plan.inputs.shape[1]), numbers.normal(size=3)
    products = (plan.weights @ taps) * (plan.inputs @ signal)
    found = plan.outputs @ [products[rows].sum() for rows in plan.rows_of]
    expected = [signal[plan.stride * place :][:3] @ taps for place in range(plan.tile)]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize(("plan", "products"), list(zip(PLANS.values(), (16, 36, 25), strict=True)))
def test_products_of_a_tile(plan: Plan, products: int) -> None:
    """Ordinary convolutions need 36, 144 and 36."""
    assert plan.products == products == plan.starts[-1] + plan.depths[-1]
    assert len(set(plan.products_of)) == products
    for point, (start, depth) in enumerate(zip(plan.starts, plan.depths, strict=True)):
        points = {(plan.point[row], plan.point[column]) for row, column in plan.products_of[start : start + depth]}
        assert points == {divmod(point, len(plan.rows_of))}
