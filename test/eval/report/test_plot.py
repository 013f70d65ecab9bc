"""Plots: round ticks, and places that are the data's."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egorear_eval.report.plot import Plot, ticks


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 8))
def test_ticks_are_round_evenly_spaced_and_within(low: float, span: float, count: int) -> None:
    found = ticks(low, low + span, count)
    assert 1 <= len(found) <= count + 1
    slack = 1e-6 * (abs(low) + span)
    assert all(low - slack <= tick <= low + span + slack for tick in found)
    if len(found) > 1:
        step = found[1] - found[0]
        mantissa = step / 10.0 ** np.floor(np.log10(step) + 1e-9)
        assert min(abs(mantissa - round_one) for round_one in (1, 2, 5, 10)) < 1e-2 + 1e-6 * abs(low) / step
        np.testing.assert_allclose(np.diff(found), step, rtol=1e-6, atol=slack)


def test_an_axis_without_length_has_one_tick() -> None:
    assert ticks(3.0, 3.0) == [3.0]


def test_places_follow_the_axes() -> None:
    plot = Plot((0.0, 10.0), (0.0, 100.0), "x", "y")
    left, top, right, bottom = plot.box
    assert (float(plot.u(0)), float(plot.u(10))) == (left, right)
    assert (float(plot.v(0)), float(plot.v(100))) == (bottom, top)
    assert float(plot.u(5)) == pytest.approx((left + right) / 2)


def test_a_line_breaks_where_nothing_is_known() -> None:
    plot = Plot((0.0, 4.0), (0.0, 4.0), "x", "y")
    plot.line([0, 1, 2, 3, 4], [0, 1, np.nan, 3, 4], "estimate", "name")
    path = re.search(r' d="([^"]*)"', plot.parts[-1])
    assert path is not None and path[1].count("M") == 2 and path[1].count("L") == 2
    assert "nan" not in plot.svg("plot") and "name" in plot.svg("plot")


def test_words_are_escaped() -> None:
    plot = Plot((0.0, 1.0), (0.0, 1.0), "a < b & c", "y")
    plot.axes()
    assert "a &lt; b &amp; c" in plot.svg('"quoted" <plot>') and "<plot>" not in plot.svg('"quoted" <plot>')
