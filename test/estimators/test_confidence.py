"""A confidence is a probability, and means what it says."""

import numpy as np

from egorear_ros.estimators.confidence import GOOD_ERROR_CM, joint_confidences, within
from egorear_ros.runtimes.base import Prediction


def test_a_confidence_is_the_share_of_errors_that_small() -> None:
    """Errors drawn from the density itself, by its direction and its distance."""
    rng = np.random.default_rng(0)
    for scale_cm in (0.5, 2.0, 8.0):
        # Density exp(-r / b) over space: the distance is a sum of three exponential waits.
        distance = rng.exponential(scale_cm, (200_000, 3)).sum(axis=1)
        assert abs((distance < GOOD_ERROR_CM).mean() - within(np.array(scale_cm))) < 0.005


def test_confidence_falls_with_the_scale() -> None:
    values = within(np.array([0.1, 1.0, 3.0, 10.0, 100.0]))
    assert (np.diff(values) < 0).all()
    assert values[0] > 0.999
    assert values[-1] < 0.001


def test_a_trained_uncertainty_covers_the_head_too() -> None:
    prediction = Prediction(np.zeros((1, 16, 3), np.float32), scales_cm=np.full((1, 16), 2.0, np.float32))
    assert np.isfinite(joint_confidences(prediction, [True] * 4)).all()


def test_without_one_peaks_of_used_views_stand_in() -> None:
    scores = np.zeros((1, 4, 15), np.float32)
    scores[0, 1], scores[0, 3] = 0.6, 1.7
    prediction = Prediction(np.zeros((1, 16, 3), np.float32), np.zeros((1, 4, 15, 2), np.float32), scores)
    assert np.isnan(joint_confidences(prediction, [True] * 4)[0])
    np.testing.assert_allclose(joint_confidences(prediction, [True] * 4)[1:], 1.0)
    np.testing.assert_allclose(joint_confidences(prediction, [True, True, True, False])[1:], 0.6, atol=1e-6)
    assert np.isnan(joint_confidences(Prediction(prediction.joints_cm), [True] * 4)).all()
