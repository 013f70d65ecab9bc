"""Confidences against what they promise, and intervals against a slow twin."""

import numpy as np
import pytest

from egorear_eval.bootstrap import interval
from egorear_eval.clip import make_clip
from egorear_eval.reliability import reliability


def test_honest_confidences_have_no_calibration_error() -> None:
    """Each joint is within 50 mm with exactly the probability that it claims."""
    rng = np.random.default_rng(0)
    truth = np.zeros((4000, 16, 3))
    confidences = rng.uniform(0, 1, (4000, 16))
    predicted = truth.copy()
    predicted[..., 0] = np.where(rng.uniform(size=(4000, 16)) < confidences, 0.02, 0.08)
    frames = [str(index) for index in range(4000)]
    found = reliability([make_clip("a", frames, list(predicted), list(truth), confidences=list(confidences))], 50.0)
    assert found is not None
    assert found.expected_error < 0.02
    np.testing.assert_allclose(found.share, found.confidence, atol=0.03)
    boastful = make_clip("a", frames, list(predicted), list(truth), confidences=list(np.sqrt(confidences)))
    worse = reliability([boastful], 50.0)
    assert worse is not None and worse.expected_error > 0.1


def test_without_confidences_there_is_no_reliability() -> None:
    pose = np.zeros((16, 3))
    assert reliability([make_clip("a", ["0"], [pose], [pose])], 50.0) is None


def test_interval_equals_drawing_groups_one_by_one() -> None:
    rng = np.random.default_rng(2)
    groups = [name for name, count in zip("abcde", (3, 9, 1, 5, 7), strict=True) for _ in range(count)]
    values = rng.normal(size=(len(groups), 2)) + np.array([ord(name) for name in groups])[:, None]
    draws = np.random.default_rng(5).integers(5, size=(300, 5))
    members = [np.array([name == wanted for name in groups]) for wanted in "abcde"]
    means = [np.concatenate([values[members[index]] for index in row]).mean(axis=0) for row in draws]
    np.testing.assert_allclose(interval(values, groups, 300, 5), np.percentile(means, [2.5, 97.5], axis=0))


@pytest.mark.parametrize("count", [1, 4])
def test_one_group_says_nothing_about_others(count: int) -> None:
    assert np.isnan(interval(np.arange(count, dtype=float), ["only"] * count)).all()
