"""Bodies of another unit are noticed, whatever their posture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egorear_ros.geometry.body_extent import body_extents, implausible_extent

PEOPLE_M = st.floats(0.4, 2.6)
"""From a curled-up child to a tall person with raised arms, from toes to hands."""


def test_extents_are_diagonals_of_boxes() -> None:
    bodies = np.zeros((2, 16, 3))
    bodies[1, 3] = [3.0, 4.0, 0.0]
    bodies[1, 5] = [0.0, 0.0, -12.0]
    np.testing.assert_allclose(body_extents(bodies), [0.0, 13.0])


@given(PEOPLE_M)
def test_units_are_told_apart(extent_m: float) -> None:
    assert implausible_extent(extent_m) == ""
    assert "in metres?" in implausible_extent(extent_m / 100.0), "metres that were taken for centimetres"
    assert "in millimetres?" in implausible_extent(extent_m * 10.0) or extent_m * 10.0 <= 4.0


@pytest.mark.parametrize("extent_m", [0.0, float("nan")])
def test_no_body_at_all(extent_m: float) -> None:
    assert implausible_extent(extent_m)
