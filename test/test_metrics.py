"""Metrics: the reference's numbers, what must not change them, and what breaks lesser versions."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egorear_ros.metrics import align_similarity, auc_percent, joint_errors_mm, mpjpe_mm, pa_mpjpe_mm, pck_percent

GOLDEN = np.load(Path(__file__).parent / "data" / "golden" / "geometry_metrics.npz")
PREDICTED, TRUTH = (GOLDEN[name].astype(np.float64) / 100.0 for name in ("pred_cm", "gt_cm"))
ALL = (mpjpe_mm, pa_mpjpe_mm, pck_percent, auc_percent)


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.__name__)
def test_equals_the_reference(metric: Callable[..., np.ndarray]) -> None:
    np.testing.assert_allclose(metric(PREDICTED, TRUTH), GOLDEN[metric.__name__], rtol=0.0, atol=2e-5)


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.__name__)
def test_leading_axes_are_free(metric: Callable[..., np.ndarray]) -> None:
    stacked = metric(np.stack((PREDICTED, TRUTH)), np.stack((TRUTH, PREDICTED)))
    assert stacked.shape == (2, 3)
    np.testing.assert_allclose(stacked[0], metric(PREDICTED, TRUTH))
    assert metric(PREDICTED[0], TRUTH[0]).shape == ()


def _rotation(seed: int) -> np.ndarray:
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else -q


@given(seed=st.integers(0, 1000), scale=st.floats(0.1, 10.0))
def test_aligned_error_ignores_place_turn_and_scale_of_the_estimate(seed: int, scale: float) -> None:
    shift = np.random.default_rng(seed).normal(size=3)
    moved = scale * PREDICTED @ _rotation(seed).T + shift
    np.testing.assert_allclose(pa_mpjpe_mm(moved, TRUTH), pa_mpjpe_mm(PREDICTED, TRUTH), rtol=1e-6)
    np.testing.assert_allclose(align_similarity(scale * TRUTH @ _rotation(seed).T + shift, TRUTH), TRUTH, atol=1e-9)


@given(seed=st.integers(0, 1000))
def test_absolute_errors_ignore_only_what_moves_both(seed: int) -> None:
    turned = (PREDICTED @ _rotation(seed).T + 1.0, TRUTH @ _rotation(seed).T + 1.0)
    for metric in ALL:
        np.testing.assert_allclose(metric(*turned), metric(PREDICTED, TRUTH), rtol=1e-9, atol=1e-9)
    assert mpjpe_mm(TRUTH + np.array((0.1, 0.0, 0.0)), TRUTH) == pytest.approx(100.0)


def test_mirror_images_are_not_aligned() -> None:
    mirrored = TRUTH * np.array((-1.0, 1.0, 1.0))
    assert (pa_mpjpe_mm(mirrored, TRUTH) > 50.0).all()


@pytest.mark.parametrize(
    ("predicted", "truth"),
    [(np.zeros((16, 3)), TRUTH[0]), (TRUTH[0], np.ones((16, 3))), (np.ones((16, 3)), np.ones((16, 3)))],
)
def test_joints_that_coincide_give_finite_numbers(predicted: np.ndarray, truth: np.ndarray) -> None:
    for metric in ALL:
        assert np.isfinite(metric(predicted, truth))


def test_a_collapsed_estimate_is_compared_with_the_centre_of_the_truth() -> None:
    expected = 1000.0 * np.linalg.norm(TRUTH[0] - TRUTH[0].mean(axis=0), axis=-1).mean()
    assert pa_mpjpe_mm(np.zeros((16, 3)), TRUTH[0]) == pytest.approx(expected)


def test_thresholds_count_joints_on_them() -> None:
    truth = np.zeros((4, 3))
    predicted = np.diag((0.15, 0.0, 0.0, 0.0))[:, :3]
    predicted[1] = (0.0, 0.1501, 0.0)
    assert pck_percent(predicted, truth) == 75.0
    assert auc_percent(truth, truth) == 100.0
    assert auc_percent(truth + np.array((0.0, 0.0, 0.2)), truth) == 0.0
    # One joint of four is 150 mm off: right at the last of 31 thresholds only; one is never right.
    assert auc_percent(predicted, truth) == pytest.approx(100.0 * (31 + 31 + 1) / (4 * 31))


def test_errors_per_joint() -> None:
    assert joint_errors_mm(PREDICTED, TRUTH).shape == (3, 16)
    np.testing.assert_allclose(joint_errors_mm(PREDICTED, TRUTH).mean(axis=-1), mpjpe_mm(PREDICTED, TRUTH))


@pytest.mark.parametrize(
    ("predicted", "truth", "message"),
    [
        (np.zeros((16, 3)), np.zeros((15, 3)), r"\(16, 3\) and \(15, 3\); expected the same \(..., J, 3\)"),
        (np.zeros((3, 16)), np.zeros((3, 16)), r"expected the same \(..., J, 3\)"),
        (np.zeros((0, 3)), np.zeros((0, 3)), r"expected the same \(..., J, 3\)"),
        (np.full((16, 3), np.nan), np.zeros((16, 3)), "predicted pose has coordinates that are not finite"),
        (np.zeros((16, 3)), np.full((16, 3), np.inf), "true pose has coordinates that are not finite"),
    ],
)
def test_wrong_poses_are_refused(predicted: np.ndarray, truth: np.ndarray, message: str) -> None:
    for metric in ALL:
        with pytest.raises(ValueError, match=message):
            metric(predicted, truth)
