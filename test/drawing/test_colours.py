"""Colours that everybody can tell apart."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from egorear_ros.drawing.colours import TRUTH_RGB, UNKNOWN_RGB, confidence_rgb, mean_rgb


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_more_confidence_is_never_darker(a: float, b: float) -> None:
    weights = np.array([0.2126, 0.7152, 0.0722])
    low, high = (confidence_rgb(value) @ weights for value in sorted((a, b)))
    assert high >= low - 1e-6


def test_no_confidence_is_grey() -> None:
    np.testing.assert_allclose(confidence_rgb([np.nan, 0.5])[0], UNKNOWN_RGB)
    assert mean_rgb([np.nan, np.nan]) == UNKNOWN_RGB
    assert mean_rgb([np.nan, 0.2, 0.8]) == tuple(confidence_rgb(0.5))


def test_truth_is_far_from_every_confidence() -> None:
    scale = confidence_rgb(np.linspace(0.0, 1.0, 101))
    assert np.linalg.norm(scale - TRUTH_RGB, axis=-1).min() > 0.4
    assert np.linalg.norm(np.subtract(TRUTH_RGB, UNKNOWN_RGB)) > 0.3
